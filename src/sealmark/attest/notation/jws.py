"""Envelopes in JWS, flattened JSON serialisation (signature-envelope-jws.md; RFC 7515, 7.2.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sealmark.attest.fields import FieldError, base64_bytes, decode_json, parse_time
from sealmark.attest.notation.attributes import (
    AGENT,
    TIMESTAMP,
    check_content_type,
    read_attributes,
)
from sealmark.attest.notation.claim import (
    MAX_CERTIFICATES,
    MAX_ENVELOPE_BYTES,
    NotationClaim,
    Places,
)
from sealmark.attest.notation.steps import PARSE
from sealmark.attest.steps import MalformedError

if TYPE_CHECKING:
    from datetime import datetime

MEDIA_TYPE: Final = "application/jose+json"
X5C: Final = "x5c"
PLACES: Final = Places("protected.alg", "header.x5c", f"header.{TIMESTAMP}", "payload", "signature")

_PARTS = ("payload", "protected", "header", "signature")
_UNSIGNED = (X5C, TIMESTAMP, AGENT)
_STANDARD = ("alg", "cty", "crit")
_URL_SAFE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def parse_jws(data: bytes) -> NotationClaim:
    """Read an envelope. Raises MalformedError (step 0), RefusedError (step 1 or 2)."""
    try:
        return _claim(data)
    except FieldError as error:
        raise MalformedError(PARSE, error.field, error.why) from None


def _claim(data: bytes) -> NotationClaim:
    whole = _object(decode_json(data, MAX_ENVELOPE_BYTES, "envelope"), "envelope", _PARTS)
    for name in _PARTS:
        if name not in whole:
            raise FieldError(name, "there is none")
    protected = _object(
        decode_json(_url_safe(whole, "protected"), MAX_ENVELOPE_BYTES, "protected"), "protected"
    )
    header = _object(whole["header"], "header", _UNSIGNED)
    for name in header:
        if name in protected:
            raise FieldError(f"header.{name}", "it is among the protected headers, too")
    check_content_type(protected.get("cty"))
    named = {name: value for name, value in protected.items() if name not in _STANDARD}
    if not isinstance(header.get(AGENT, ""), str):
        raise FieldError(f"header.{AGENT}", "expected a text")
    return NotationClaim(
        raw=data,
        places=PLACES,
        algorithm=_text(protected.get("alg"), "protected.alg"),
        attributes=read_attributes(named, protected.get("crit"), _time),
        payload=_url_safe(whole, "payload"),
        signed=f"{whole['protected']}.{whole['payload']}".encode(),
        signature=_url_safe(whole, "signature"),
        chain=_chain(header.get(X5C)),
        timestamp=_standard(header[TIMESTAMP], PLACES.timestamp) if TIMESTAMP in header else None,
    )


def _object(value: Any, path: str, known: tuple[str, ...] | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FieldError(path, "expected a JSON object")
    for name in value:
        if known is not None and name not in known:
            raise FieldError(f"{path}.{name[:80]}", "unknown field")
    return value


def _chain(value: Any) -> tuple[bytes, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_CERTIFICATES:
        raise FieldError(PLACES.chain, f"expected 1 to {MAX_CERTIFICATES} certificates")
    return tuple(_standard(text, f"{PLACES.chain}[{i}]") for i, text in enumerate(value))


def _url_safe(whole: dict[str, Any], name: str) -> bytes:
    text = whole[name]
    if not isinstance(text, str) or not _URL_SAFE.fullmatch(text):
        raise FieldError(name, "expected base64url without padding")
    return base64_bytes(text, name)


def _standard(value: Any, path: str) -> bytes:
    text = _text(value, path)
    if len(text) % 4 or "-" in text or "_" in text:
        raise FieldError(path, "expected base64 with padding")
    return base64_bytes(text, path)


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str) or not value:
        raise FieldError(path, "expected a text")
    return value


def _time(value: Any, path: str) -> datetime:
    return parse_time(_text(value, path), path)
