"""DSSE envelopes (secure-systems-lab/dsse, v1.0.2): what is signed is type and payload together."""

from __future__ import annotations

from dataclasses import dataclass

from sealmark.attest.fields import FieldError, Message, decode_json

MAX_ENVELOPE_BYTES = 16_000_000
MAX_SIGNATURES = 1
"""A Sigstore bundle's envelope has exactly one (sigstore_bundle.proto)."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope with one signature, not verified. `payload` is kept as it was signed."""

    payload_type: str
    payload: bytes
    signature: bytes

    def signed_bytes(self) -> bytes:
        """Return the pre-authentication encoding, over which the signature is made."""
        kind = self.payload_type.encode()
        return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(self.payload), self.payload)


def parse_envelope(data: bytes) -> Envelope:
    """Read an envelope that stands alone, as in a cosign attestation. Raises FieldError."""
    fields = ("payload", "payloadType", "signatures")
    return read_envelope(Message(decode_json(data, MAX_ENVELOPE_BYTES, "envelope"), "", *fields))


def read_envelope(message: Message) -> Envelope:
    """Read an envelope inside a bundle. Raises FieldError.

    The signature's `keyid` is a hint by somebody unverified; nothing here looks at it.
    """
    signatures = message.messages("signatures", MAX_SIGNATURES, "sig", "keyid")
    if len(signatures) != 1:
        raise FieldError(message.at("signatures"), "expected exactly one signature")
    signatures[0].optional_text("keyid")
    return Envelope(
        payload_type=message.text("payloadType"),
        payload=message.data("payload"),
        signature=signatures[0].data("sig"),
    )
