"""cosign's older layout: a layer and its annotations, read as a claim.

Signatures are payloads of simple signing under the tag `sha256-….sig`, attestations are DSSE
envelopes under `sha256-….att`; certificate, log entry and time stamp are annotations
(https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sealmark.attest.certificate import BROKEN
from sealmark.attest.claim import Claim, LogEntry, SignedPayload
from sealmark.attest.dsse import parse_envelope
from sealmark.attest.fields import FieldError, Message, base64_bytes, decode_json
from sealmark.attest.simple_signing import MAX_PAYLOAD_BYTES
from sealmark.attest.steps import PARSE, MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealmark.attest.dsse import Envelope

SIMPLE_SIGNING: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
ENVELOPE: Final = "application/vnd.dsse.envelope.v1+json"
LAYER_TYPES: Final = (SIMPLE_SIGNING, ENVELOPE)

_SIGNATURE = "dev.cosignproject.cosign/signature"
_CERTIFICATE = "dev.sigstore.cosign/certificate"
_BUNDLE = "dev.sigstore.cosign/bundle"
_TIMESTAMP = "dev.sigstore.cosign/rfc3161timestamp"
_MAX_ANNOTATION_BYTES = 16_000_000
_MAX_CERTIFICATE_BYTES = 64_000
_FIELDS = {
    "verificationMaterial.tlogEntries": f"annotation {_BUNDLE}",
    "verificationMaterial.timestampVerificationData": f"annotation {_TIMESTAMP}",
    "verificationMaterial": f"annotations {_CERTIFICATE}, {_BUNDLE}, {_TIMESTAMP}",
    "certificate": f"annotation {_CERTIFICATE}",
    "payload.signature": f"annotation {_SIGNATURE}",
    "dsseEnvelope": "envelope",
}


def parse_layer(kind: str, content: bytes, annotations: Mapping[str, str]) -> Claim:
    """Read a layer of one of LAYER_TYPES. Raises MalformedError (step 0), naming the field.

    The annotation with the rest of the certificate chain is not read: issuers come from the
    trust root.
    """
    try:
        simple = kind == SIMPLE_SIGNING
        return Claim(
            raw=content,
            version="simple-signing" if simple else "envelope",
            content=_payload(content, annotations) if simple else _envelope(content, annotations),
            certificate=_certificate(annotations),
            others=(),
            entries=_entries(annotations),
            timestamps=_timestamps(annotations),
            envelope=None if simple else content,
        )
    except FieldError as error:
        raise MalformedError(PARSE, error.field, error.why) from None


def layer_field(field: str) -> str:
    """Return what a field of a bundle is called in this layout."""
    for name, here in _FIELDS.items():
        if field == name or field.startswith((f"{name}.", f"{name}[")):
            return here + field[len(name) :].removeprefix("[0]")
    return field


def _payload(content: bytes, annotations: Mapping[str, str]) -> SignedPayload:
    if len(content) > MAX_PAYLOAD_BYTES:
        raise FieldError("payload", f"expected at most {MAX_PAYLOAD_BYTES} bytes")
    text = annotations.get(_SIGNATURE, "")
    signature = base64_bytes(text, f"annotation {_SIGNATURE}")
    if not signature:
        raise FieldError(f"annotation {_SIGNATURE}", "expected a signature")
    return SignedPayload(content, signature)


def _envelope(content: bytes, annotations: Mapping[str, str]) -> Envelope:
    if annotations.get(_SIGNATURE):
        raise FieldError(f"annotation {_SIGNATURE}", "an envelope carries its own signature")
    try:
        return parse_envelope(content)
    except FieldError as error:
        raise FieldError(f"envelope.{error.field}", error.why) from None


def _certificate(annotations: Mapping[str, str]) -> bytes | None:
    text = annotations.get(_CERTIFICATE)
    if not text:
        return None
    field = f"annotation {_CERTIFICATE}"
    if len(text) > _MAX_CERTIFICATE_BYTES:
        raise FieldError(field, f"expected at most {_MAX_CERTIFICATE_BYTES} bytes")
    try:
        found = x509.load_pem_x509_certificates(text.encode())
        if len(found) != 1:
            raise FieldError(field, "expected exactly one certificate")
        return found[0].public_bytes(Encoding.DER)
    except BROKEN:
        raise FieldError(field, "not a certificate in PEM") from None


def _entries(annotations: Mapping[str, str]) -> tuple[LogEntry, ...]:
    """A log's promise (Rekor v1, signed entry timestamp) with what it promised to log."""
    path = f"annotation {_BUNDLE}"
    found = _annotation(annotations, _BUNDLE, "SignedEntryTimestamp", "Payload")
    if found is None:
        return ()
    payload = found.message("Payload", "body", "integratedTime", "logIndex", "logID")
    body = payload.data("body")
    kind = decode_json(body, _MAX_ANNOTATION_BYTES, payload.at("body"))
    header = Message(kind, payload.at("body"), "apiVersion", "kind", "spec")
    return (
        LogEntry(
            field=path,
            log_id=_log_id(payload),
            index=payload.integer("logIndex"),
            kind=header.text("kind"),
            version=header.text("apiVersion"),
            integrated_time=payload.integer("integratedTime"),
            promise=found.data("SignedEntryTimestamp"),
            proof=None,
            body=body,
        ),
    )


def _log_id(payload: Message) -> bytes:
    text = payload.text("logID")
    try:
        log_id = bytes.fromhex(text)
    except ValueError:
        log_id = b""
    if log_id.hex() != text:
        raise FieldError(payload.at("logID"), "expected lower-case hex")
    return log_id


def _timestamps(annotations: Mapping[str, str]) -> tuple[bytes, ...]:
    found = _annotation(annotations, _TIMESTAMP, "SignedRFC3161Timestamp")
    return () if found is None else (found.data("SignedRFC3161Timestamp"),)


def _annotation(annotations: Mapping[str, str], name: str, *known: str) -> Message | None:
    text = annotations.get(name)
    if not text:
        return None
    path = f"annotation {name}"
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise FieldError(path, "not UTF-8") from None
    value = decode_json(data, _MAX_ANNOTATION_BYTES, path)
    return None if value is None else Message(value, path, *known)
