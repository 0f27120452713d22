"""`sealmark conformance verify-bundle` as the conformance suite calls it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.sigstore.authority import ISSUER, NAME
from tests.support.sigstore.bundles import dsse_bundle, message_bundle
from tests.support.sigstore.world import ARTIFACT, World, dump, pem

from sealmark.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

IDENTITY = ("--certificate-identity", NAME, "--certificate-oidc-issuer", ISSUER)


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture
def folder(tmp_path: Path, world: World) -> Path:
    (tmp_path / "root.json").write_bytes(dump(world.trusted_root()))
    (tmp_path / "key.pub").write_bytes(pem(world.key.public_key()))
    (tmp_path / "a.txt").write_bytes(ARTIFACT)
    return tmp_path


def verify(folder: Path, bundle: dict[str, Any], *arguments: str, artifact: str = "") -> int:
    (folder / "bundle.json").write_bytes(dump(bundle))
    named = ["--bundle", str(folder / "bundle.json"), *arguments]
    trusted = ["--trusted-root", str(folder / "root.json"), artifact or str(folder / "a.txt")]
    return run(["conformance", "verify-bundle", *named, *trusted])


@pytest.mark.parametrize("version", ["0.0.1", "0.0.2"])
def test_an_honest_bundle_is_verified_by_file_and_by_digest(
    folder: Path, world: World, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = message_bundle(world, version)
    digest = "sha256:" + hashlib.sha256(ARTIFACT).hexdigest()
    assert verify(folder, bundle, *IDENTITY) == 0
    assert verify(folder, bundle, *IDENTITY, artifact=digest) == 0
    assert f"signer   {NAME} by {ISSUER}" in capsys.readouterr().out


def test_an_honest_bundle_by_a_key_is_verified(folder: Path, world: World) -> None:
    assert verify(folder, dsse_bundle(world, key=True), "--key", str(folder / "key.pub")) == 0


def test_a_refusal_names_step_and_field_and_exits_1(
    folder: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.txt").write_bytes(b"another")
    assert verify(folder, dsse_bundle(world), *IDENTITY) == 1
    assert "step 7 (subject): subject: the statement is about sha256:" in capsys.readouterr().err


def test_bytes_that_are_no_bundle_exit_4(
    folder: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(folder, {**message_bundle(world), "more": 1}, *IDENTITY) == 4
    assert "step 0 (parse): more: unknown field" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [(), IDENTITY[:2], ("--key", "KEY", *IDENTITY)])
def test_who_signed_must_be_said_once(
    folder: Path, world: World, arguments: tuple[str, ...]
) -> None:
    named = (str(folder / "key.pub") if item == "KEY" else item for item in arguments)
    assert verify(folder, message_bundle(world), *named) == 3


def test_a_digest_of_the_wrong_length_is_a_files_name(
    folder: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(folder, message_bundle(world), *IDENTITY, artifact="sha256:abc") == 4
    assert "sha256:abc: No such file" in capsys.readouterr().err


def test_the_public_instance_does_not_know_our_authorities(folder: Path, world: World) -> None:
    (folder / "bundle.json").write_bytes(dump(message_bundle(world)))
    command = ["conformance", "verify-bundle", "--bundle", str(folder / "bundle.json"), *IDENTITY]
    assert run([*command, str(folder / "a.txt")]) == 1
    assert run([*command, "--staging", str(folder / "a.txt")]) == 1
