"""`sealmark conformance sign-bundle` against services on loopback; a peer verifies it."""

from __future__ import annotations

import json
import warnings
from base64 import b64decode
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from tests.support.sigstore.authority import ISSUER, NAME
from tests.support.sigstore.services import TOKEN, Services, serving, signing_config
from tests.support.sigstore.world import ARTIFACT, World, dump, statement

from sealmark.cli.main import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def services() -> Services:
    return Services(World())


@pytest.fixture
def base(services: Services) -> Iterator[str]:
    with serving(services) as address:
        yield address


@pytest.fixture
def folder(tmp_path: Path, services: Services) -> Path:
    (tmp_path / "root.json").write_bytes(dump(services.world.trusted_root()))
    (tmp_path / "a.txt").write_bytes(ARTIFACT)
    (tmp_path / "statement.json").write_bytes(statement())
    return tmp_path


def sign(folder: Path, base: str, version: int, *options: str, name: str = "a.txt") -> int:
    (folder / "signing.json").write_bytes(dump(signing_config(base, version)))
    return run(
        [
            "conformance", "sign-bundle", *options, "--identity-token", TOKEN,
            "--bundle", str(folder / "bundle.json"), "--trusted-root", str(folder / "root.json"),
            "--signing-config", str(folder / "signing.json"), str(folder / name),
        ]
    )  # fmt: skip


def peer_verifies(folder: Path) -> bytes:
    """Return what sigstore-python says was signed; it raises if it does not accept it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sigstore.models import Bundle, TrustedRoot
        from sigstore.verify import Verifier
        from sigstore.verify.policy import Identity
    verifier = Verifier(trusted_root=TrustedRoot.from_file(str(folder / "root.json")))
    bundle = Bundle.from_json((folder / "bundle.json").read_bytes())
    policy = Identity(identity=NAME, issuer=ISSUER)
    if "dsseEnvelope" in json.loads((folder / "bundle.json").read_bytes()):
        return verifier.verify_dsse(bundle, policy)[1]
    verifier.verify_artifact(ARTIFACT, bundle, policy)
    return ARTIFACT


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("in_toto", [False, True])
def test_what_we_sign_we_and_a_peer_verify(
    folder: Path, base: str, version: int, in_toto: bool
) -> None:
    options = ("--in-toto",) if in_toto else ()
    assert sign(folder, base, version, *options, name="statement.json" if in_toto else "a.txt") == 0
    assert peer_verifies(folder) == (statement() if in_toto else ARTIFACT)
    identity = ("--certificate-identity", NAME, "--certificate-oidc-issuer", ISSUER)
    named = ("--bundle", str(folder / "bundle.json"), *identity)
    trusted = ("--trusted-root", str(folder / "root.json"), str(folder / "a.txt"))
    assert run(["conformance", "verify-bundle", *named, *trusted]) == 0


@pytest.mark.parametrize("in_toto", [False, True])
def test_a_bundle_is_what_the_suite_looks_for(folder: Path, base: str, in_toto: bool) -> None:
    """One content, one end entity's certificate, a hashedrekord of version 2 with a time stamp."""
    options = ("--staging", *(("--in-toto",) if in_toto else ()))
    assert sign(folder, base, 2, *options, name="statement.json" if in_toto else "a.txt") == 0
    bundle = json.loads((folder / "bundle.json").read_bytes())
    assert ("dsseEnvelope" in bundle, "messageSignature" in bundle) == (in_toto, not in_toto)
    material = bundle["verificationMaterial"]
    leaf = x509.load_der_x509_certificate(b64decode(material["certificate"]["rawBytes"]))
    with pytest.raises(x509.ExtensionNotFound):
        leaf.extensions.get_extension_for_class(x509.BasicConstraints)
    kind = {"kind": "hashedrekord", "version": "0.0.2"}
    assert [entry["kindVersion"] for entry in material["tlogEntries"]] == [kind]
    assert len(material["timestampVerificationData"]["rfc3161Timestamps"]) == 1
    if in_toto:
        payload = b64decode(bundle["dsseEnvelope"]["payload"])
        assert payload == (folder / "statement.json").read_bytes()


def test_the_token_goes_to_the_certificate_authority_alone(
    folder: Path, base: str, services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sign(folder, base, 2) == 0
    told = [path for path, headers in services.asked if TOKEN in str(headers)]
    assert told == ["/api/v2/signingCert"]
    output = capsys.readouterr()
    assert TOKEN not in output.out + output.err
    assert TOKEN not in (folder / "bundle.json").read_text()


@pytest.mark.parametrize("path", ["/api/v2/signingCert", "/stamp", "/api/v2/log/entries"])
@pytest.mark.parametrize(
    "answer",
    [
        (500, b"no"),
        (302, b""),
        (200, b"{}"),
        (200, b"[" * 100_000),
        (200, b"{}" * 3_000_000),
    ],
)
def test_a_service_that_fails_leaves_no_bundle(
    folder: Path,
    base: str,
    services: Services,
    path: str,
    answer: tuple[int, bytes],
    capsys: pytest.CaptureFixture[str],
) -> None:
    services.failing[path] = answer
    assert sign(folder, base, 2) in (1, 4, 5)
    assert not (folder / "bundle.json").exists()
    assert TOKEN not in capsys.readouterr().err


def test_a_token_that_is_echoed_is_not_printed(
    folder: Path, base: str, services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    services.failing["/api/v2/signingCert"] = (403, b"do not like " + TOKEN.encode())
    assert sign(folder, base, 2) == 5
    assert "status 403: do not like [the token]" in capsys.readouterr().err


def test_a_bundle_that_the_trust_root_does_not_support_is_not_handed_out(
    folder: Path, base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "root.json").write_bytes(dump(World().trusted_root()))
    assert sign(folder, base, 1) == 1
    assert "step 1 (time)" in capsys.readouterr().err
    assert not (folder / "bundle.json").exists()


def test_a_statement_that_is_none_is_refused_before_anything_is_logged(
    folder: Path, base: str, services: Services
) -> None:
    assert sign(folder, base, 2, "--in-toto") == 4
    assert not any("log" in path for path, _ in services.asked)


def test_a_bundle_that_cannot_be_written_is_said(
    folder: Path, base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "signing.json").write_bytes(dump(signing_config(base, 2)))
    named = ["--trusted-root", str(folder / "root.json"), "--bundle", str(folder / "no/where")]
    options = ["--signing-config", str(folder / "signing.json"), "--identity-token", TOKEN]
    command = ["conformance", "sign-bundle", *named, *options, str(folder / "a.txt")]
    assert run(command) == 3
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"mediaType": "another"}, "mediaType"),
        ({"caUrls": []}, "certificate authority"),
        ({"tsaConfig": {"selector": "EXACT", "count": 2}}, "time-stamping authority"),
        ({"rekorTlogConfig": {"selector": "SOME"}}, "selector"),
        ({"rekorTlogUrls": [{"url": "https://log.example", "majorApiVersion": 3}]}, "validFor"),
    ],
)
def test_a_signing_configuration_that_does_not_do_is_refused(
    folder: Path, change: dict[str, object], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = {**signing_config("https://example.invalid", 2), **change}
    (folder / "signing.json").write_bytes(dump(config))
    named = ["--trusted-root", str(folder / "root.json"), "--bundle", str(folder / "b.json")]
    options = ["--signing-config", str(folder / "signing.json"), "--identity-token", TOKEN]
    command = ["conformance", "sign-bundle", *named, *options, str(folder / "a.txt")]
    assert run(command) in (3, 4)
    assert what in capsys.readouterr().err


def test_a_token_is_not_sent_in_the_clear(folder: Path, services: Services) -> None:
    assert sign(folder, "http://fulcio.example", 2) == 3
