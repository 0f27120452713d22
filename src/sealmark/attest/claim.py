"""A claim: what somebody says, parsed and not believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sealmark.attest.dsse import Envelope


@dataclass(frozen=True, slots=True)
class MessageSignature:
    """A signature over the artifact itself, with the digest its maker noted, if any."""

    algorithm: str
    digest: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignedPayload:
    """A signature over a payload that names the artifact: cosign's simple signing."""

    payload: bytes
    signature: bytes

    def signed_bytes(self) -> bytes:
        """Return what the signature is over: the payload as it is."""
        return self.payload


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """A path from the entry to a root, and the log's signed word for that root.

    Bundles of version 0.1 may come without that word: their path leads to nobody's root.
    """

    index: int
    size: int
    root: bytes
    hashes: tuple[bytes, ...]
    checkpoint: bytes


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry of a transparency log as a bundle brings it. `body` is kept as it was logged."""

    field: str
    log_id: bytes
    index: int
    kind: str
    version: str
    integrated_time: int
    promise: bytes
    proof: InclusionProof | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A Sigstore bundle or one of cosign's layers, parsed. `raw` is the bundle as it came.

    `certificate` is DER and whoever wrote the bundle chose it; where there is none, the claim is
    by a key that the verifier must know. `others` are the further certificates that bundles before
    v0.3 may carry; no trust rests on them. `envelope` is the whole envelope, where time stamps
    may be over that instead of the signature: in cosign's layers.
    """

    raw: bytes
    version: str
    content: Envelope | MessageSignature | SignedPayload
    certificate: bytes | None
    others: tuple[bytes, ...]
    entries: tuple[LogEntry, ...]
    timestamps: tuple[bytes, ...]
    envelope: bytes | None = None

    @property
    def stamped(self) -> tuple[bytes, ...]:
        """What time stamps may be over."""
        return (self.signature,) if self.envelope is None else (self.signature, self.envelope)

    @property
    def signature(self) -> bytes:
        """The signature over the content."""
        return self.content.signature
