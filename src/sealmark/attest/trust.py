"""Who is trusted to sign: named signers, and roles that say how many of them it takes, and where.

The values are frozen; `trust_table` reads them from a file's table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealmark.attest.identity import Exactly
from sealmark.attest.keys import VerificationKey
from sealmark.attest.trust_root import TrustRoot, Window
from sealmark.evidence.canonical import digest_of

if TYPE_CHECKING:
    from datetime import datetime

    from sealmark.artifact.repository import ImageName
    from sealmark.attest.identity import IdentityPolicy

SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
"""cosign's signature since version 3: a statement that says nothing but its subject."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Somebody with a name: a key, or an identity in certificates, and when they count.

    `unsafe_without_log` accepts signatures that no transparency log holds, `unsafe_without_sct`
    certificates that none does.
    """

    name: str
    by: VerificationKey | IdentityPolicy
    window: Window = field(default_factory=Window)
    unsafe_without_log: bool = False
    unsafe_without_sct: bool = False

    @property
    def principal(self) -> str:
        """Return who it is: two names for one key or identity count once."""
        if isinstance(self.by, VerificationKey):
            return self.by.fingerprint
        if isinstance(self.by, Exactly):
            return f"{self.by.name} by {self.by.issuer}"
        return repr(self.by)


@dataclass(frozen=True, slots=True)
class Role:
    """What it takes: `threshold` distinct signers out of these, for these repositories.

    `predicate_type` asks for statements of that type; without one, for signatures. A repository
    is `host/name`, `host/name/*` for all below, or `*`.
    """

    name: str
    signers: tuple[str, ...]
    threshold: int = 1
    repositories: tuple[str, ...] = ("*",)
    predicate_type: str = ""

    def speaks_for(self, repository: ImageName | None) -> bool | None:
        """Tell whether the role is about a repository; None if that has no name."""
        if "*" in self.repositories:
            return True
        if repository is None:
            return None
        name = f"{repository.registry}/{repository.repository}"
        return any(_covers(pattern, name) for pattern in self.repositories)

    def counts(self, predicate_type: str) -> bool:
        """Tell whether what was signed is what the role asks for; "" is a plain signature."""
        if self.predicate_type:
            return predicate_type == self.predicate_type
        return predicate_type in ("", SIGN_PREDICATE)


@dataclass(frozen=True, slots=True)
class Trust:
    """Signers by name, what is asked of them, and the trust root that their certificates need."""

    signers: tuple[Signer, ...]
    roles: tuple[Role, ...]
    root: TrustRoot
    root_digest: str = ""

    @property
    def digest(self) -> str:
        """Return a digest of everything that is trusted, to be kept with what was decided."""
        return digest_of(
            {
                "signers": [_signer(signer) for signer in self.signers],
                "roles": [_role(role) for role in self.roles],
                "root": self.root_digest,
            }
        )


def _covers(pattern: str, name: str) -> bool:
    if pattern.endswith("/*"):
        return name.startswith(pattern[:-1])
    return name == pattern


def _signer(signer: Signer) -> dict[str, object]:
    return {
        "name": signer.name,
        "principal": signer.principal,
        "scheme": signer.by.scheme if isinstance(signer.by, VerificationKey) else "",
        "from": _time(signer.window.start),
        "until": _time(signer.window.end),
        "without_log": signer.unsafe_without_log,
        "without_sct": signer.unsafe_without_sct,
    }


def _role(role: Role) -> dict[str, object]:
    return {
        "name": role.name,
        "signers": list(role.signers),
        "threshold": role.threshold,
        "repositories": list(role.repositories),
        "predicate_type": role.predicate_type,
    }


def _time(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""
