"""Documents that two readers would read differently.

Container runtimes read JSON with Go's `encoding/json`: names of fields match whatever their case,
and of a field that stands twice the later wins, or is merged into the earlier. So a configuration
with `"User":"65532"` and `"user":"0"` runs as root, while a strict reader sees no root in it. No
honest tool writes such a document; it is refused.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

_T = TypeVar("_T")


class AmbiguousError(ValueError):
    """A document means different things to different readers; `str()` says where."""


UNREADABLE = (AmbiguousError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What `decode_strictly` raises, for its callers to turn into their own error."""


def decode_strictly(content: bytes, kind: type[_T]) -> _T:
    """Read JSON as every reader would.

    Raises AmbiguousError, msgspec.DecodeError, UnicodeDecodeError, RecursionError: UNREADABLE.
    """
    found = msgspec.json.decode(content, type=kind)
    refuse_ambiguous(content, kind)
    return found


def refuse_ambiguous(content: bytes, kind: Any) -> None:
    """Raise AmbiguousError unless every reader sees the same fields of `kind` in a document.

    `content` is JSON that decodes as `kind`. Raises RecursionError as a decoder does.
    """
    try:
        document = json.loads(content.decode(), object_pairs_hook=_once, parse_int=str)
    except UnicodeDecodeError as error:
        raise AmbiguousError("no UTF-8") from error
    _compare(document, inspect.type_info(kind))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise AmbiguousError(f"{twice[:80]!r} stands twice in one object")
    return found


def _compare(value: Any, kind: inspect.Type) -> None:
    """Walk the parts that Go reads into structures; in maps names differ by case."""
    if isinstance(kind, inspect.UnionType):
        for one in kind.types:
            _compare(value, one)
    elif isinstance(kind, inspect.VarTupleType) and isinstance(value, list):
        for item in value:
            _compare(item, kind.item_type)
    elif isinstance(kind, inspect.StructType) and isinstance(value, dict):
        fields = {field.encode_name: field.type for field in kind.fields}
        spelt = {name.casefold(): name for name in fields}
        for name, inner in value.items():
            expected = spelt.get(name.casefold(), name)
            if name != expected:
                raise AmbiguousError(f"{name[:80]!r} may or may not be {expected!r}")
            if name in fields:
                _compare(inner, fields[name])
