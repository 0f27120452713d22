"""Whose signature `verify` asks for: options named as cosign's users know them, or a trust file."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import click

from sealmark.cli.options import FILE
from sealmark.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sealmark.attest.identity import IdentityPolicy
    from sealmark.attest.keys import VerificationKey
    from sealmark.attest.trust import Signer, Trust
    from sealmark.attest.trust_root import TrustRoot

_ROLE = "signer"


@dataclass(frozen=True, slots=True)
class SignerOptions:
    """Who must have signed and what, as the user said it."""

    keys: tuple[Path, ...]
    certificate_identity: str | None
    certificate_oidc_issuer: str | None
    trusted_root: Path | None
    predicate_types: tuple[str, ...]
    insecure_ignore_tlog: bool
    insecure_ignore_sct: bool

    @property
    def names_somebody(self) -> bool:
        """Tell whether a key or an identity was named; raises UsageError for half a name."""
        if bool(self.certificate_identity) != bool(self.certificate_oidc_issuer):
            raise UsageError("--certificate-identity and --certificate-oidc-issuer go together")
        if self.keys and self.certificate_identity:
            raise UsageError("--key and --certificate-identity exclude each other")
        return bool(self.keys or self.certificate_identity)

    @property
    def says_how(self) -> bool:
        """Tell whether an option was given that only means something beside a named signer."""
        return bool(
            self.trusted_root
            or self.predicate_types
            or self.insecure_ignore_tlog
            or self.insecure_ignore_sct
        )


_OPTIONS = (
    click.option(
        "--key", "keys", type=FILE, multiple=True, help="A public key; of several one suffices."
    ),
    click.option("--certificate-identity", metavar="NAME", help="The name in the certificate."),
    click.option("--certificate-oidc-issuer", metavar="URL", help="Who must vouch for the name."),
    click.option(
        "--trusted-root", type=FILE, help="Trust what this file says instead of Sigstore's own."
    ),
    click.option(
        "--predicate-type",
        "predicate_types",
        metavar="TYPE",
        multiple=True,
        help="Ask for a statement of this type instead of a signature.",
    ),
    click.option("--insecure-ignore-tlog", is_flag=True, help="Accept what no log holds."),
    click.option(
        "--insecure-ignore-sct", is_flag=True, help="Accept certificates that no log holds."
    ),
)


def signer_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that name a signer, as one value `signer`."""

    @functools.wraps(command)
    def collected(**values: Any) -> Any:
        names = [field.name for field in fields(SignerOptions)]
        signer = SignerOptions(**{name: values.pop(name) for name in names})
        return command(signer=signer, **values)

    for option in reversed(_OPTIONS):
        collected = option(collected)
    return collected


def trust_of(options: SignerOptions) -> Trust:
    """Return what the options ask for: any one of the named signers, once per predicate type."""
    from sealmark.attest.trust import Role, Trust

    signers = _signers(options)
    names = tuple(signer.name for signer in signers)
    roles = tuple(
        Role(_ROLE, names, predicate_type=kind) for kind in options.predicate_types or ("",)
    )
    return Trust(signers, roles, *_root(options.trusted_root))


def _signers(options: SignerOptions) -> tuple[Signer, ...]:
    from sealmark.attest.identity import Exactly
    from sealmark.attest.keys import VerificationKey
    from sealmark.attest.trust import Signer
    from sealmark.cli.trusted import read_file

    def named(name: str, by: VerificationKey | IdentityPolicy) -> Signer:
        return Signer(
            name,
            by,
            unsafe_without_log=options.insecure_ignore_tlog,
            unsafe_without_sct=options.insecure_ignore_sct,
        )

    if options.certificate_identity and options.certificate_oidc_issuer:
        who = Exactly(options.certificate_identity, options.certificate_oidc_issuer)
        return (named(options.certificate_identity, who),)
    return tuple(
        named(str(path), VerificationKey.load(read_file(path)))
        for path in dict.fromkeys(options.keys)
    )


def _root(path: Path | None) -> tuple[TrustRoot, str]:
    from sealmark.adapters.trust_roots import public_good
    from sealmark.attest.trust_root import parse_trust_root
    from sealmark.cli.trusted import read_file

    if path is None:
        return public_good(), "built-in"
    data = read_file(path)
    return parse_trust_root(data), f"sha256:{hashlib.sha256(data).hexdigest()}"
