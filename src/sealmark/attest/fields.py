"""JSON read as protobuf messages (ProtoJSON mapping), with limits and without leniency.

Both spellings of a name are accepted (`logIndex`, `log_index`), as the mapping demands, but not
both at once; a name given twice or not known is refused; null is absent.
"""

from __future__ import annotations

import binascii
import json
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sealmark.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_INTEGER = 2**63 - 1
MAX_DEPTH = 64

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_CAPITAL = re.compile(r"[A-Z]")
_FROM_URL_SAFE = str.maketrans("-_", "+/")


class FieldError(UnreadableError):
    """A field that is not what its message's definition says."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


def decode_json(data: bytes, limit: int, path: str) -> Any:
    """Return the value in `data`. FieldError for anything but one JSON text within limits."""
    if len(data) > limit:
        raise FieldError(path, f"expected at most {limit} bytes, got {len(data)}")
    try:
        text = data.decode()
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()  # refuses half a surrogate pair
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise FieldError(path, f"not UTF-8: {error.reason}") from None
    except RecursionError:
        raise FieldError(path, "nested too deeply") from None
    except ValueError as error:
        raise FieldError(path, f"not JSON: {error}") from None
    if _depth(value) > MAX_DEPTH:
        raise FieldError(path, f"nested deeper than {MAX_DEPTH}")
    return value


class Message:
    """One JSON object, whose fields are asked for by name and type."""

    __slots__ = ("_fields", "path")

    def __init__(self, value: Any, path: str, *known: str) -> None:
        if not isinstance(value, dict):
            raise FieldError(path or "the document", "expected a JSON object")
        self.path = path
        self._fields = _named(value, path, known)

    def at(self, name: str) -> str:
        """Return the path of a field, for messages."""
        return f"{self.path}.{name}" if self.path else name

    def has(self, name: str) -> bool:
        """Tell whether the field is there; null is absent."""
        return name in self._fields

    def one_of(self, *names: str) -> str:
        """Return the one name of a oneof that is set. FieldError if it is none or several."""
        found = [name for name in names if name in self._fields]
        if len(found) != 1:
            raise FieldError(self.path or "the document", f"expected one of {', '.join(names)}")
        return found[0]

    def text(self, name: str) -> str:
        """Return a string field that must be there and not be empty."""
        value = self._fields.get(name)
        if not isinstance(value, str) or not value:
            raise FieldError(self.at(name), "expected a text")
        return value

    def optional_text(self, name: str) -> str:
        """Return a string field, empty if absent."""
        value = self._fields.get(name, "")
        if not isinstance(value, str):
            raise FieldError(self.at(name), "expected a text")
        return value

    def data(self, name: str) -> bytes:
        """Return a bytes field that must be there and not be empty."""
        data = base64_bytes(self.text(name), self.at(name))
        if not data:
            raise FieldError(self.at(name), "expected bytes")
        return data

    def optional_data(self, name: str) -> bytes:
        """Return a bytes field, empty if absent."""
        return base64_bytes(self.optional_text(name), self.at(name))

    def integer(self, name: str) -> int:
        """Return an int64 field that is not negative; 0 if absent, as proto3 has it."""
        value = self._fields.get(name, 0)
        if isinstance(value, str) and _DECIMAL.fullmatch(value):
            value = int(value)
        if type(value) is not int or not 0 <= value <= MAX_INTEGER:
            raise FieldError(self.at(name), "expected a whole number from 0 to 2^63-1")
        return value

    def enum(self, name: str, numbers: Mapping[int, str]) -> str:
        """Return an enum field's name, which ProtoJSON may write as its number; empty if absent."""
        value = self._fields.get(name, "")
        if isinstance(value, str):
            return value
        if type(value) is not int or value not in numbers:
            raise FieldError(self.at(name), "expected the name or the number of a choice")
        return numbers[value]

    def time(self, name: str) -> datetime:
        """Return a Timestamp field that must be there."""
        return parse_time(self.text(name), self.at(name))

    def message(self, name: str, *known: str) -> Message:
        """Return a message field that must be there."""
        return Message(self._fields.get(name), self.at(name), *known)

    def messages(self, name: str, most: int, *known: str) -> tuple[Message, ...]:
        """Return a repeated message field, at most `most` of them."""
        values = self.items(name, most)
        return tuple(Message(v, f"{self.at(name)}[{i}]", *known) for i, v in enumerate(values))

    def datas(self, name: str, most: int) -> tuple[bytes, ...]:
        """Return a repeated bytes field, none of them empty."""
        found = []
        for index, text in enumerate(self.items(name, most)):
            if not isinstance(text, str) or not text:
                raise FieldError(f"{self.at(name)}[{index}]", "expected bytes in base64")
            found.append(base64_bytes(text, f"{self.at(name)}[{index}]"))
        return tuple(found)

    def items(self, name: str, most: int) -> list[Any]:
        """Return a repeated field as it stands, at most `most` items."""
        values = self._fields.get(name, [])
        if not isinstance(values, list):
            raise FieldError(self.at(name), "expected a list")
        if len(values) > most:
            raise FieldError(self.at(name), f"expected at most {most} items, got {len(values)}")
        return values


def base64_bytes(text: str, path: str) -> bytes:
    """Return the bytes of base64, standard or URL-safe, padded or not; FieldError for others.

    Lines may be broken, as base64(1) breaks them and the readers of other clients allow.
    """
    text = text.replace("\r", "").replace("\n", "")
    standard = text.translate(_FROM_URL_SAFE) if "-" in text or "_" in text else text
    standard = standard.rstrip("=")
    standard += "=" * (-len(standard) % 4)
    try:
        data = binascii.a2b_base64(standard, strict_mode=True)
    except (binascii.Error, ValueError):
        raise FieldError(path, "not base64") from None
    if binascii.b2a_base64(data, newline=False).decode() != standard or len(text) > len(standard):
        raise FieldError(path, "not base64 in its one spelling")
    return data


def parse_time(text: str, path: str) -> datetime:
    """Return an RFC 3339 time. Fractions are cut at microseconds."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise FieldError(path, f"not an RFC 3339 time: {text[:40]!r}")
    zone = "+00:00" if found[3] == "Z" else found[3]
    try:
        when = datetime.fromisoformat(found[1] + zone).astimezone(UTC)
        return when + timedelta(microseconds=int((found[2] or "0").ljust(6, "0")[:6]))
    except (ValueError, OverflowError):
        raise FieldError(path, f"no such time: {text[:40]!r}") from None


def _named(value: dict[str, Any], path: str, known: tuple[str, ...]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    spellings = _spellings(known)
    for key, item in value.items():
        name = spellings.get(key)
        if name is None:
            raise FieldError(f"{path}.{key}"[:160] if path else key[:160], "unknown field")
        if name in fields:
            raise FieldError(f"{path}.{key}" if path else key, "the field is there twice")
        fields[name] = item
    return {name: item for name, item in fields.items() if item is not None}


@lru_cache(maxsize=256)
def _spellings(known: tuple[str, ...]) -> dict[str, str]:
    """Map both spellings of every name to the name; only names in our own code come here."""
    snake = {_CAPITAL.sub(lambda found: f"_{found[0].lower()}", name): name for name in known}
    return {**snake, **{name: name for name in known}}


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object has a name twice")
    return value


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level and deepest <= MAX_DEPTH:
        deepest += 1
        children = [child for item in level for child in _children(item)]
        level = [child for child in children if isinstance(child, (dict, list))]
    return deepest


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
