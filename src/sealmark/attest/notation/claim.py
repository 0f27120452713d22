"""A Notation signature as it was found: an envelope, parsed and not believed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

PAYLOAD_TYPE: Final = "application/vnd.cncf.notary.payload.v1+json"
X509: Final = "notary.x509"
SIGNING_AUTHORITY: Final = "notary.x509.signingAuthority"
MAX_ENVELOPE_BYTES: Final = 4_000_000
MAX_CERTIFICATES: Final = 10


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the signer said of the signature beside its payload.

    `signing_time` is the signer's own word in the scheme `notary.x509`; in the other one a signing
    authority's, which counts where that authority is trusted.
    """

    scheme: str
    signing_time: datetime
    expiry: datetime | None


@dataclass(frozen=True, slots=True)
class Places:
    """What the parts of an envelope are called in its format, for messages."""

    algorithm: str
    chain: str
    timestamp: str
    payload: str
    signature: str


@dataclass(frozen=True, slots=True)
class NotationClaim:
    """An envelope. `signed` is what `signature` is over; `algorithm` is JWS's name for it.

    `chain` is in DER, the signer's certificate first, and whoever wrote the envelope chose it.
    `timestamp` is a token over the signature, None where there is none.
    """

    raw: bytes = field(repr=False)
    places: Places
    algorithm: str
    attributes: Attributes
    payload: bytes
    signed: bytes = field(repr=False)
    signature: bytes
    chain: tuple[bytes, ...] = field(repr=False)
    timestamp: bytes | None = field(repr=False)
