"""Trust roots and signing configurations that come along, of Sigstore's two instances.

They are what Sigstore's TUF repositories distributed when this version was made, and they age:
where a newer one is at hand, name its file instead.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from sealmark.attest.signing_config import parse_signing_config
from sealmark.attest.trust_root import parse_trust_root

if TYPE_CHECKING:
    from sealmark.attest.signing_config import SigningConfig
    from sealmark.attest.trust_root import TrustRoot


def public_good() -> TrustRoot:
    """Return the trust root of sigstore.dev."""
    return parse_trust_root(_read("public-good.json"))


def staging() -> TrustRoot:
    """Return the trust root of sigstage.dev, which signs nothing that matters."""
    return parse_trust_root(_read("staging.json"))


def public_good_signing() -> SigningConfig:
    """Return which services of sigstore.dev sign."""
    return parse_signing_config(_read("public-good.signing.json"))


def staging_signing() -> SigningConfig:
    """Return which services of sigstage.dev sign."""
    return parse_signing_config(_read("staging.signing.json"))


def _read(name: str) -> bytes:
    return resources.files(__name__).joinpath(name).read_bytes()
