"""`sealmark conformance`: the client protocol of sigstore-conformance, to be tested by others.

https://github.com/sigstore/sigstore-conformance/blob/main/docs/cli_protocol.md
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import click

from sealmark.attest.artifact import ALGORITHMS, Artifact
from sealmark.errors import UnreadableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealmark.attest.identity import Identity, IdentityPolicy
    from sealmark.attest.keys import VerificationKey
    from sealmark.attest.sign import Signed, Signer
    from sealmark.attest.signing_config import SigningConfig
    from sealmark.attest.trust_root import TrustRoot
    from sealmark.attest.verify import Verified

MAX_FILE_BYTES = 64_000_000
_SHA256 = "sha256:"
_Parsed = TypeVar("_Parsed")
_path = click.Path(path_type=Path, dir_okay=False)


@click.group()
def command() -> None:
    """Speak the client protocol of the sigstore-conformance suite."""


@command.command("verify-bundle")
@click.option("--staging", is_flag=True, help="Trust Sigstore's staging instance.")
@click.option("--bundle", required=True, type=_path, help="The bundle to verify.")
@click.option("--key", type=_path, help="The public key to expect, in PEM.")
@click.option("--certificate-identity", metavar="NAME", help="The name to expect.")
@click.option("--certificate-oidc-issuer", metavar="URL", help="Who must vouch for the name.")
@click.option("--trusted-root", type=_path, help="Trust what this file says instead.")
@click.argument("artifact", metavar="FILE_OR_DIGEST")
def verify_bundle(
    staging: bool,
    bundle: Path,
    key: Path | None,
    certificate_identity: str | None,
    certificate_oidc_issuer: str | None,
    trusted_root: Path | None,
    artifact: str,
) -> None:
    """Verify a Sigstore bundle, offline: exit 0 if it holds for FILE_OR_DIGEST, else not.

    A digest is written sha256:HEX. Without --trusted-root, Sigstore's public instance is trusted
    as it was when this version was made.
    """
    from sealmark.attest.bundle import parse_bundle
    from sealmark.attest.verify import Expectation, verify

    signer = _signer(key, certificate_identity, certificate_oidc_issuer)
    trust = _trust(trusted_root, staging)
    claim = parse_bundle(_read(bundle))
    expectation = Expectation(_artifact(artifact), signer)
    verified = verify(claim, trust, expectation, datetime.now(UTC))
    click.echo("\n".join(_report(verified)))


@command.command("sign-bundle")
@click.option("--staging", is_flag=True, help="Use Sigstore's staging instance.")
@click.option("--in-toto", is_flag=True, help="FILE is an in-toto statement, to be signed as one.")
@click.option(
    "--identity-token",
    required=True,
    metavar="TOKEN",
    envvar="SEALMARK_IDENTITY_TOKEN",
    help="The OIDC token that says who signs.",
)
@click.option("--bundle", required=True, type=_path, help="Where to write the bundle.")
@click.option("--trusted-root", type=_path, help="Check the bundle against this file instead.")
@click.option("--signing-config", type=_path, help="Use the services that this file names.")
@click.argument("artifact", metavar="FILE", type=_path)
def sign_bundle(
    staging: bool,
    in_toto: bool,
    identity_token: str,
    bundle: Path,
    trusted_root: Path | None,
    signing_config: Path | None,
    artifact: Path,
) -> None:
    """Sign FILE with a key that lives for one signature, and write the bundle.

    The bundle is verified against the trust root before it is written.
    """
    from sealmark.adapters.sigstore_services import SigstoreServices
    from sealmark.attest.sign import sign_artifact, sign_statement
    from sealmark.cli.keyless import sign_keyless

    content, now = _read(artifact), datetime.now(UTC)
    config = _config(signing_config, staging)

    def sign(key: Signer, certificate: bytes) -> Signed:
        if in_toto:
            return sign_statement(key, certificate, content)
        return sign_artifact(key, certificate, Artifact.of_bytes(content))

    with SigstoreServices() as services:
        made = sign_keyless(services, config, identity_token, sign, now)
    verified = _verify_own(made, content, _trust(trusted_root, staging), in_toto)
    _write(bundle, made)
    click.echo("\n".join(_report(verified)))


class _WhoeverSigned:
    """Accepts every identity: it is our own, and the authority has just vouched for it."""

    def objection(self, identity: Identity) -> str:
        """Return none."""
        return ""


def _verify_own(made: bytes, content: bytes, trust: TrustRoot, in_toto: bool) -> Verified:
    """A bundle that nobody would accept is not handed out."""
    from sealmark.attest.bundle import parse_bundle
    from sealmark.attest.statement import PAYLOAD_TYPE, parse_statement
    from sealmark.attest.verify import Expectation, verify

    if in_toto:
        subject = parse_statement(PAYLOAD_TYPE, content).subjects[0]
        known = {a: bytes.fromhex(v) for a, v in subject.digests if a in ALGORITHMS}
        artifact = Artifact(known)
    else:
        artifact = Artifact.of_bytes(content)
    expectation = Expectation(artifact, _WhoeverSigned())
    return verify(parse_bundle(made), trust, expectation, datetime.now(UTC))


def _config(path: Path | None, staging: bool) -> SigningConfig:
    from sealmark.adapters.trust_roots import public_good_signing, staging_signing
    from sealmark.attest.signing_config import parse_signing_config

    if path is not None:
        return _parsed(path, parse_signing_config)
    return staging_signing() if staging else public_good_signing()


def _signer(
    key: Path | None, name: str | None, issuer: str | None
) -> VerificationKey | IdentityPolicy:
    from sealmark.attest.identity import Exactly
    from sealmark.attest.keys import VerificationKey

    if key is not None:
        if name or issuer:
            raise UsageError("--key and --certificate-identity exclude each other")
        return _parsed(key, VerificationKey.load)
    if not name or not issuer:
        raise UsageError("name --key, or both --certificate-identity and --certificate-oidc-issuer")
    return Exactly(name, issuer)


def _trust(path: Path | None, use_staging: bool) -> TrustRoot:
    from sealmark.adapters.trust_roots import public_good, staging
    from sealmark.attest.trust_root import parse_trust_root

    if path is not None:
        return _parsed(path, parse_trust_root)
    return staging() if use_staging else public_good()


def _artifact(text: str) -> Artifact:
    """A digest unless a file of that name exists, as the protocol has it."""
    from sealmark.artifact.digest import Digest, DigestError

    if text.startswith(_SHA256) and not Path(text).exists():
        try:
            return Artifact.of_digest(Digest.parse(text.lower()))
        except DigestError:
            pass  # not of the right length: taken for a file's name, as the protocol has it
    with _opened(Path(text)) as file:
        return Artifact.of_stream(file)


def _parsed(path: Path, parse: Callable[[bytes], _Parsed]) -> _Parsed:
    """Parse a file; what is wrong with it is said of the file."""
    data = _read(path)
    try:
        return parse(data)
    except UnreadableError as error:
        raise UnreadableError(f"{path}: {error}") from None


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


def _read(path: Path) -> bytes:
    with _opened(path) as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise UnreadableError(f"{path}: expected at most {MAX_FILE_BYTES} bytes")
    return data


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file that the user named; trouble while it is read is its trouble, too."""
    try:
        with path.open("rb") as file:
            yield file
    except (OSError, ValueError) as error:
        raise UnreadableError(f"{path}: {getattr(error, 'strerror', error)}") from None


def _report(verified: Verified) -> list[str]:
    lines = [
        f"verified: {verified.artifact}",
        f"  signer   {verified.identity or verified.key.fingerprint}",
    ]
    if verified.statement:
        lines.append(f"  says     {verified.statement.predicate_type}")
    lines += [f"  seen     {t.when:%Y-%m-%dT%H:%M:%SZ} by {t.source}" for t in verified.times]
    return lines + [f"  logged   {at.index} in {at.log_id[:16]}" for at in verified.logged]
