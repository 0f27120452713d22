"""Envelopes in COSE, tagged COSE_Sign1 (signature-envelope-cose.md; RFC 9052, 4.2 and 4.4)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sealmark.attest.fields import FieldError
from sealmark.attest.notation.attributes import (
    AGENT,
    TIMESTAMP,
    check_content_type,
    read_attributes,
)
from sealmark.attest.notation.cbor import CborError, Tagged, decode_cbor, encode_cbor
from sealmark.attest.notation.claim import (
    MAX_CERTIFICATES,
    MAX_ENVELOPE_BYTES,
    NotationClaim,
    Places,
)
from sealmark.attest.notation.steps import ATTRIBUTES, PARSE
from sealmark.attest.steps import MalformedError, RefusedError

MEDIA_TYPE: Final = "application/cose"
SIGN1_TAG: Final = 18
TIME_TAG: Final = 1
ALG, CRIT, CTY, X5CHAIN = 1, 2, 3, 33
ALGORITHMS: Final = {
    -37: "PS256",
    -38: "PS384",
    -39: "PS512",
    -7: "ES256",
    -35: "ES384",
    -36: "ES512",
}
PLACES: Final = Places(
    "protected.alg", "unprotected.x5chain", f"unprotected.{TIMESTAMP}", "payload", "signature"
)

_HASH_ENVELOPE = 258
_LATEST = 253402300799
_PARTS = ("protected", "unprotected", "payload", "signature")


def parse_cose(data: bytes) -> NotationClaim:
    """Read an envelope. Raises MalformedError (step 0), RefusedError (step 1 or 2)."""
    try:
        return _claim(data)
    except FieldError as error:
        raise MalformedError(PARSE, error.field, error.why) from None


def to_be_signed(protected: bytes, payload: bytes) -> bytes:
    """Return the Sig_structure (RFC 9052, 4.4), over which the signature is made."""
    return encode_cbor(["Signature1", protected, b"", payload])


def _claim(data: bytes) -> NotationClaim:
    raw, unprotected, payload, signature = _parts(data)
    protected = _map(_decode(raw, "protected"), "protected")
    if _HASH_ENVELOPE in protected:
        why = "hash envelopes, which say no more than a hash, are not supported"
        raise RefusedError(ATTRIBUTES, "protected.258", why)
    for name in unprotected:
        if name in protected:
            raise FieldError(f"unprotected.{name}", "it is among the protected headers, too")
        if name not in (X5CHAIN, TIMESTAMP, AGENT):
            raise FieldError(f"unprotected.{str(name)[:80]}", "unknown field")
    if not isinstance(unprotected.get(AGENT, ""), str):
        raise FieldError(f"unprotected.{AGENT}", "expected a text")
    check_content_type(protected.get(CTY))
    algorithm = protected.get(ALG)
    if type(algorithm) is not int or algorithm not in ALGORITHMS:
        raise RefusedError(ATTRIBUTES, "protected.alg", f"not one of Notation's: {algorithm!r:.40}")
    named = {name: value for name, value in protected.items() if isinstance(name, str)}
    return NotationClaim(
        raw=data,
        places=PLACES,
        algorithm=ALGORITHMS[algorithm],
        attributes=read_attributes(named, protected.get(CRIT), _time),
        payload=payload,
        signed=to_be_signed(raw, payload),
        signature=signature,
        chain=_chain(protected.get(X5CHAIN, unprotected.get(X5CHAIN))),
        timestamp=_stamp(unprotected),
    )


def _parts(data: bytes) -> tuple[bytes, dict[int | str, Any], bytes, bytes]:
    if len(data) > MAX_ENVELOPE_BYTES:
        raise FieldError("envelope", f"expected at most {MAX_ENVELOPE_BYTES} bytes")
    whole = _decode(data, "envelope")
    if not isinstance(whole, Tagged) or whole.number != SIGN1_TAG:
        raise FieldError("envelope", "expected a tagged COSE_Sign1")
    parts = whole.item
    if not isinstance(parts, list) or len(parts) != len(_PARTS):
        raise FieldError("envelope", f"expected {', '.join(_PARTS)}")
    for name, part in zip(_PARTS, parts, strict=True):
        if name != "unprotected" and (not isinstance(part, bytes) or not part):
            raise FieldError(name, "expected bytes")
    return parts[0], _map(parts[1], "unprotected"), parts[2], parts[3]


def _decode(data: bytes, path: str) -> Any:
    try:
        return decode_cbor(data)
    except CborError as error:
        raise FieldError(path, f"not CBOR as expected: {error}") from None


def _map(value: Any, path: str) -> dict[int | str, Any]:
    if not isinstance(value, dict):
        raise FieldError(path, "expected a map")
    return value


def _chain(value: Any) -> tuple[bytes, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_CERTIFICATES:
        raise FieldError(PLACES.chain, f"expected 1 to {MAX_CERTIFICATES} certificates")
    for index, der in enumerate(value):
        if not isinstance(der, bytes):
            raise FieldError(f"{PLACES.chain}[{index}]", "expected bytes")
    return tuple(value)


def _stamp(unprotected: dict[int | str, Any]) -> bytes | None:
    stamp = unprotected.get(TIMESTAMP)
    if TIMESTAMP in unprotected and (not isinstance(stamp, bytes) or not stamp):
        raise FieldError(PLACES.timestamp, "expected bytes")
    return stamp


def _time(value: Any, path: str) -> datetime:
    if not isinstance(value, Tagged) or value.number != TIME_TAG or type(value.item) is not int:
        raise FieldError(path, "expected a time: tag 1 and whole seconds")
    if not 0 <= value.item <= _LATEST:
        raise FieldError(path, "no such time")
    return datetime.fromtimestamp(value.item, UTC)
