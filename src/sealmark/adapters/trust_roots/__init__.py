"""Trust roots that come with the package: Sigstore's public instance and its staging one.

They are what Sigstore's TUF repositories distributed when this version was made, and they age:
where a newer one is at hand, name its file instead.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from sealmark.attest.trust_root import parse_trust_root

if TYPE_CHECKING:
    from sealmark.attest.trust_root import TrustRoot


def public_good() -> TrustRoot:
    """Return the trust root of sigstore.dev."""
    return parse_trust_root(_read("public-good.json"))


def staging() -> TrustRoot:
    """Return the trust root of sigstage.dev, which signs nothing that matters."""
    return parse_trust_root(_read("staging.json"))


def _read(name: str) -> bytes:
    return resources.files(__name__).joinpath(name).read_bytes()
