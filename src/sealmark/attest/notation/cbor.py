"""The part of CBOR (RFC 8949) that COSE envelopes use, read and written.

Numbers, byte and text strings, arrays, maps, tags; lengths definite and in their shortest form, map
keys numbers or texts and there once. Anything else is refused, so that a value has one spelling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sealmark.errors import UnreadableError

MAX_DEPTH: Final = 16
_UINT, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG = range(7)
_WIDTHS = {24: 1, 25: 2, 26: 4, 27: 8}
_LEAST = {1: 24, 2: 1 << 8, 4: 1 << 16, 8: 1 << 32}


class CborError(UnreadableError):
    """Bytes that are not one item of this part of CBOR."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """An item with a tag."""

    number: int
    item: Any


def decode_cbor(data: bytes) -> Any:
    """Return the one item in `data`. Raises CborError."""
    reader = _Reader(data)
    item = reader.item(0)
    if reader.at != len(data):
        raise CborError(f"{len(data) - reader.at} bytes after the end")
    return item


def encode_cbor(item: Any) -> bytes:
    """Return an item in its one spelling; map entries keep their order."""
    if isinstance(item, Tagged):
        return _head(_TAG, item.number) + encode_cbor(item.item)
    if isinstance(item, bytes):
        return _head(_BYTES, len(item)) + item
    if isinstance(item, str):
        return _head(_TEXT, len(item.encode())) + item.encode()
    if isinstance(item, dict):
        parts = (encode_cbor(part) for entry in item.items() for part in entry)
        return _head(_MAP, len(item)) + b"".join(parts)
    if isinstance(item, list | tuple):
        return _head(_ARRAY, len(item)) + b"".join(map(encode_cbor, item))
    number: int = item
    return _head(_UINT, number) if number >= 0 else _head(_NEGATIVE, -1 - number)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.at = 0
        self._data = data

    def item(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise CborError(f"nested deeper than {MAX_DEPTH}")
        kind, argument = self._read_head()
        if kind == _UINT:
            return argument
        if kind == _NEGATIVE:
            return -1 - argument
        if kind == _BYTES:
            return self._take(argument)
        if kind == _TEXT:
            return self._text(argument)
        if kind == _ARRAY:
            return [self.item(depth + 1) for _ in range(self._count(argument))]
        if kind == _MAP:
            return self._map(self._count(argument), depth + 1)
        return Tagged(argument, self.item(depth + 1))

    def _read_head(self) -> tuple[int, int]:
        first = self._take(1)[0]
        kind, low = first >> 5, first & 0x1F
        if kind > _TAG:
            raise CborError("floats and simple values are not expected")
        if low < 24:
            return kind, low
        width = _WIDTHS.get(low)
        if width is None:
            raise CborError("indefinite or reserved length")
        argument = int.from_bytes(self._take(width))
        if argument < _LEAST[width]:
            raise CborError("a number is not in its shortest form")
        return kind, argument

    def _take(self, count: int) -> bytes:
        taken = self._data[self.at : self.at + count]
        if len(taken) != count:
            raise CborError("ends in the middle of an item")
        self.at += count
        return taken

    def _count(self, argument: int) -> int:
        if argument > len(self._data) - self.at:
            raise CborError("has fewer items than it says")
        return argument

    def _text(self, count: int) -> str:
        try:
            return self._take(count).decode()
        except UnicodeDecodeError:
            raise CborError("a text is not UTF-8") from None

    def _map(self, count: int, depth: int) -> dict[int | str, Any]:
        found: dict[int | str, Any] = {}
        for _ in range(count):
            key = self.item(depth)
            if not isinstance(key, int | str):
                raise CborError("a map's key is neither a number nor a text")
            if key in found:
                raise CborError(f"a map has {str(key)[:40]!r} twice")
            found[key] = self.item(depth)
        return found


def _head(kind: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([kind << 5 | argument])
    low, width = next((low, width) for low, width in _WIDTHS.items() if argument < 1 << 8 * width)
    return bytes([kind << 5 | low]) + argument.to_bytes(width)
