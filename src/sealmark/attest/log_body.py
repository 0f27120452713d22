"""Step 5, second half: the logged entry is about this signature, by this signer, of these bytes.

An entry that is truly in the log but about something else proves nothing (CVE-2022-36056), so
every kind of entry is compared with the claim: what was signed, the signature, and the verifier.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from sealmark.attest.bundle import HASH_NAMES, HASH_NUMBERS
from sealmark.attest.certificate import BROKEN
from sealmark.attest.claim import MessageSignature
from sealmark.attest.dsse import Envelope
from sealmark.attest.fields import FieldError, Message, base64_bytes, decode_json
from sealmark.attest.keys import SCHEME_NUMBERS, KeyMaterialError, VerificationKey
from sealmark.attest.steps import LOG, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sealmark.attest.artifact import Artifact
    from sealmark.attest.claim import Claim, LogEntry

MAX_BODY_BYTES = 16_000_000
_V2_SIGNATURE = ("content", "verifier")
_V2_VERIFIER = ("keyDetails", "publicKey", "x509Certificate")


@dataclass(frozen=True, slots=True)
class Signed:
    """What the claim's signer is known to have done, to compare a log's entry with."""

    claim: Claim
    key: VerificationKey
    artifact: Artifact

    def is_payload(self, algorithm: str, digest: bytes) -> bool:
        """Tell whether this is the digest of the envelope's payload."""
        content = self.claim.content
        return isinstance(content, Envelope) and _hash(algorithm, content.payload) == digest

    def is_message(self, algorithm: str, digest: bytes) -> bool:
        """Tell whether this is the digest of the bytes that the signature is over."""
        content = self.claim.content
        if not isinstance(content, MessageSignature):
            return _hash(algorithm, content.signed_bytes()) == digest
        return self.artifact.digests.get(algorithm) == digest

    def is_verifier_pem(self, pem: bytes) -> bool:
        """Tell whether a PEM block is the claim's certificate, or else the key."""
        try:
            if self.claim.certificate is None:
                return pem.startswith(b"-----") and VerificationKey.load(pem).spki == self.key.spki
            certificate = x509.load_pem_x509_certificate(pem)
            der = certificate.public_bytes(serialization.Encoding.DER)
        except (*BROKEN, KeyMaterialError):
            return False
        return der == self.claim.certificate


def check_body(entry: LogEntry, signed: Signed) -> None:
    """Raise RefusedError (step 5) unless the entry was made for this claim."""
    field = f"{entry.field}.canonicalizedBody"
    check = _CHECKS.get((entry.kind, entry.version))
    if check is None:
        kind = f"{entry.kind[:40]} {entry.version[:20]}"
        raise RefusedError(LOG, f"{entry.field}.kindVersion", f"entries {kind!r} are not known")
    try:
        check(_body(entry), signed)
    except FieldError as error:
        raise RefusedError(LOG, f"{field}: {error.field}", error.why) from None


def _body(entry: LogEntry) -> Message:
    value = decode_json(entry.body, MAX_BODY_BYTES, "body")
    body = Message(value, "", "apiVersion", "kind", "spec")
    if (body.text("kind"), body.text("apiVersion")) != (entry.kind, entry.version):
        raise FieldError("kind", "the body is of another kind than the entry says")
    return body


def _hashedrekord_v1(body: Message, signed: Signed) -> None:
    spec = body.message("spec", "data", "signature")
    noted = spec.message("data", "hash").message("hash", "algorithm", "value")
    _same(noted, signed.is_message(noted.text("algorithm"), _hex(noted, "value")), "digest")
    signature = spec.message("signature", "content", "publicKey", "format")
    _same(signature, signature.data("content") == signed.claim.signature, "signature")
    key = signature.message("publicKey", "content")
    _same(key, signed.is_verifier_pem(key.data("content")), "key")


def _dsse_v1(body: Message, signed: Signed) -> None:
    spec = body.message("spec", "envelopeHash", "payloadHash", "signatures")
    # The hash of the envelope is over a spelling that nobody else has; it is read and not used.
    envelope = spec.message("envelopeHash", "algorithm", "value")
    _hex(envelope, "value")
    payload = spec.message("payloadHash", "algorithm", "value")
    _same(payload, signed.is_payload(payload.text("algorithm"), _hex(payload, "value")), "payload")
    signature = _only(spec, "signature", "verifier")
    _same(signature, signature.data("signature") == signed.claim.signature, "signature")
    _same(signature, signed.is_verifier_pem(signature.data("verifier")), "key")


def _intoto_v2(body: Message, signed: Signed) -> None:
    content = body.message("spec", "content").message("content", "envelope", "hash", "payloadHash")
    payload = content.message("payloadHash", "algorithm", "value")
    _same(payload, signed.is_payload(payload.text("algorithm"), _hex(payload, "value")), "payload")
    envelope = content.message("envelope", "payloadType", "signatures", "payload")
    claimed = signed.claim.content
    if not isinstance(claimed, Envelope):
        raise FieldError("kind", "such entries are about DSSE envelopes")
    _same(envelope, envelope.text("payloadType") == claimed.payload_type, "payload type")
    if envelope.has("payload"):
        _same(envelope, _twice(envelope, "payload") == claimed.payload, "payload")
    signature = _only(envelope, "sig", "publicKey", "keyid")
    _same(signature, _twice(signature, "sig") == claimed.signature, "signature")
    _same(signature, signed.is_verifier_pem(signature.data("publicKey")), "key")


def _hashedrekord_v2(body: Message, signed: Signed) -> None:
    spec = body.message("spec", "hashedRekordV002").message("hashedRekordV002", "data", "signature")
    _same(spec, signed.is_message(*_v2_digest(spec, "data")), "digest")
    _v2_signature(spec.message("signature", *_V2_SIGNATURE), signed)


def _dsse_v2(body: Message, signed: Signed) -> None:
    spec = body.message("spec", "dsseV002").message("dsseV002", "payloadHash", "signatures")
    _same(spec, signed.is_payload(*_v2_digest(spec, "payloadHash")), "payload")
    _v2_signature(_only(spec, *_V2_SIGNATURE), signed)


def _twice(message: Message, name: str) -> bytes:
    """Base64 of base64: Rekor logs the envelope's text, which has it encoded already."""
    return base64_bytes(message.data(name).decode("ascii", "replace"), message.at(name))


def _v2_digest(spec: Message, name: str) -> tuple[str, bytes]:
    noted = spec.message(name, "algorithm", "digest")
    return HASH_NAMES.get(noted.enum("algorithm", HASH_NUMBERS), ""), noted.data("digest")


def _v2_signature(signature: Message, signed: Signed) -> None:
    _same(signature, signature.data("content") == signed.claim.signature, "signature")
    verifier = signature.message("verifier", *_V2_VERIFIER)
    verifier.enum("keyDetails", SCHEME_NUMBERS)  # the key itself is compared
    kind = verifier.one_of("publicKey", "x509Certificate")
    raw = verifier.message(kind, "rawBytes").data("rawBytes")
    certificate = signed.claim.certificate
    expected = certificate if kind == "x509Certificate" else signed.key.spki
    right_kind = (kind == "x509Certificate") == (certificate is not None)
    _same(verifier, right_kind and raw == expected, "key")


def _only(message: Message, *known: str) -> Message:
    found = message.messages("signatures", 16, *known)
    if len(found) != 1:
        raise FieldError(message.at("signatures"), "expected exactly one signature")
    return found[0]


def _same(message: Message, same: bool, what: str) -> None:
    if not same:
        raise FieldError(message.path, f"the entry was logged for another {what}")


def _hex(message: Message, name: str) -> bytes:
    text = message.text(name)
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if data.hex() != text:
        raise FieldError(message.at(name), "expected lower-case hex")
    return data


def _hash(algorithm: str, data: bytes) -> bytes:
    known = algorithm in HASH_NAMES.values()
    return hashlib.new(algorithm, data).digest() if known else b"no such hash"


_CHECKS: Mapping[tuple[str, str], Callable[[Message, Signed], None]] = {
    ("hashedrekord", "0.0.1"): _hashedrekord_v1,
    ("dsse", "0.0.1"): _dsse_v1,
    ("intoto", "0.0.2"): _intoto_v2,
    ("hashedrekord", "0.0.2"): _hashedrekord_v2,
    ("dsse", "0.0.2"): _dsse_v2,
}
