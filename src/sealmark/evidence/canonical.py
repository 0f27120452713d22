"""Canonical JSON: the same value is the same bytes everywhere (RFC 8785, JCS).

Two ways lead to the same bytes. msgspec's encoder is fast, sorts keys by UTF-8 and escapes as the
RFC demands, but spells numbers and orders supplementary characters differently and writes NaN as
null. Where its output shows that none of these can be in play, it is taken as it is; else the
value is written piece by piece.
"""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING, Any

import msgspec

from sealmark.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST_INTEGER = 2**53 - 1
"""Beyond this, numbers lose digits in readers that keep them as doubles (RFC 7493, 2.2)."""

_SORTED = msgspec.json.Encoder(order="sorted")
_SUPPLEMENTARY = re.compile(rb"[\xf0-\xf4]")
_FLOAT_IN_ARRAY = re.compile(rb"[\[,]-?[0-9]+[.e]")
_FLOAT_IN_OBJECT = re.compile(rb'":-?[0-9]+[.e]')
# Folds what can begin a number into "0" and what can precede one in an array into "[".
_FOLDED = bytes.maketrans(b"123456789-,", b"0000000000[")
_NUMBER_IN_ARRAY = b"[0"
# A null may have been NaN, which MessagePack keeps: a double whose exponent is all ones.
_PACKED = msgspec.msgpack.Encoder()
_NOT_FINITE = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")
_LONG_INTEGER = b"0" * len(str(LARGEST_INTEGER))


class CanonicalError(UnreadableError):
    """A value that JSON cannot carry unchanged: NaN, a huge integer, half a character."""


def canonical_json(value: Any) -> bytes:
    """Return the one encoding of a Struct or of plain values (RFC 8785).

    Raises CanonicalError for what has none: NaN and infinities, integers beyond
    LARGEST_INTEGER, lone surrogates, endless nesting, types that JSON does not know.
    """
    try:
        return _encode(value)
    except RecursionError:
        raise CanonicalError("no canonical JSON: nested too deeply") from None
    except UnicodeEncodeError:
        raise CanonicalError("no canonical JSON: a text has half a surrogate pair") from None
    except (TypeError, OverflowError, ValueError) as error:
        raise CanonicalError(f"no canonical JSON: {error}") from None


def digest_of(value: Any) -> str:
    """Return the sha256 digest of a value's canonical JSON. Raises CanonicalError."""
    return digest_of_bytes(canonical_json(value))


def digest_of_bytes(content: bytes) -> str:
    """Return the sha256 digest of bytes, as `sha256:hex`."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def number_text(number: float) -> str:
    """Return a double as ECMAScript spells it (RFC 8785, 3.2.2.3). Raises CanonicalError."""
    if not math.isfinite(number):
        raise CanonicalError(f"no canonical JSON: {number} is no JSON number")
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    digits, exponent = _shortest(abs(number))
    return sign + _spelled(digits, exponent)


def _encode(value: Any) -> bytes:
    try:
        encoded = _SORTED.encode(value)
    except TypeError:  # keys that are no strings; the careful way makes them strings first
        return _written(value)
    return encoded if _needs_no_care(value, encoded) else _written(value)


def _needs_no_care(value: Any, encoded: bytes) -> bool:
    """Tell whether msgspec's bytes are canonical; a doubtful answer is no."""
    if not encoded.isascii() and _SUPPLEMENTARY.search(encoded):
        return False
    if encoded[:1] not in b'{["' or _FLOAT_IN_OBJECT.search(encoded):
        return False
    if b"null" in encoded and _NOT_FINITE.search(_PACKED.encode(value)):
        return False
    folded = encoded.translate(_FOLDED)
    if _NUMBER_IN_ARRAY in folded and _FLOAT_IN_ARRAY.search(encoded):
        return False
    return _LONG_INTEGER not in folded


def _written(value: Any) -> bytes:
    pieces: list[str] = []
    _write(msgspec.to_builtins(value, str_keys=True, order="sorted"), pieces.append)
    return "".join(pieces).encode()


def _write(value: Any, put: Callable[[str], None]) -> None:
    if isinstance(value, dict):
        opening = "{"
        for key in sorted(value, key=_utf16):
            put(f"{opening}{_text(key)}:")
            _write(value[key], put)
            opening = ","
        put("}" if value else "{}")
    elif isinstance(value, (list, tuple)):
        opening = "["
        for item in value:
            put(opening)
            _write(item, put)
            opening = ","
        put("]" if value else "[]")
    else:
        put(_scalar(value))


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise CanonicalError(f"no canonical JSON: integer beyond 2^53: {value:.6e}")
        return str(value)
    return number_text(value)


def _text(value: str) -> str:
    return msgspec.json.encode(value).decode()


def _utf16(key: str) -> bytes:
    """Keys are ordered by UTF-16 code units (RFC 8785, 3.2.3)."""
    return key.encode("utf-16-be")


def _shortest(number: float) -> tuple[str, int]:
    """Return the fewest digits that give `number` back, and the place of the decimal point.

    The value is 0.DIGITS times ten to that place. Python's repr finds the same digits as
    ECMAScript's Number::toString.
    """
    mantissa, _, power = repr(number).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    leading_zeros = len(whole + fraction) - len(digits)
    point = len(whole) - leading_zeros + int(power or 0)
    return digits.rstrip("0"), point


def _spelled(digits: str, point: int) -> str:
    """Lay digits out as Number::toString does (ECMA-262, 6.1.6.1.20)."""
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"
