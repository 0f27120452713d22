"""Mutants of a bundle: bytes flipped, on the wire and inside fields; fields lost and doubled."""

from __future__ import annotations

import base64
import copy
import json
from typing import TYPE_CHECKING, Any

from tests.support.sigstore.world import dump

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]
EMPTY: tuple[object, ...] = (None, "", {}, [], 0, "0")


def flipped(data: bytes, bits: range, step: int = 1, start: int = 0) -> Iterator[bytes]:
    """Each byte with each of the bits flipped."""
    for place in range(start, len(data), step):
        for bit in bits:
            yield data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]


def lost_or_repeated(data: bytes, step: int = 1, start: int = 0) -> Iterator[bytes]:
    """Each byte dropped, and each byte there twice."""
    for place in range(start, len(data), step):
        yield data[:place] + data[place + 1 :]
        yield data[:place] + data[place : place + 1] + data[place:]


def flipped_inside(bundle: dict[str, Any], bits: range, step: int = 1) -> Iterator[bytes]:
    """The bytes that fields carry in base64, flipped before they are encoded."""
    for path, inner in _carried(bundle):
        for mutant in flipped(inner, bits, step):
            yield dump(_with(bundle, path, base64.b64encode(mutant).decode()))


def bytes_inside(bundle: dict[str, Any]) -> int:
    """How many bytes the fields carry."""
    return sum(len(inner) for _, inner in _carried(bundle))


def _carried(bundle: dict[str, Any]) -> Iterator[tuple[Path, bytes]]:
    for path, value in _leaves(bundle):
        try:
            yield path, base64.b64decode(value, validate=True) if isinstance(value, str) else b""
        except ValueError:
            continue


def reshaped(bundle: dict[str, Any]) -> Iterator[bytes]:
    """Every field dropped, emptied, doubled in its list, or written twice in the text."""
    for path, value in _nodes(bundle):
        changed = copy.deepcopy(bundle)
        parent = _at(changed, path[:-1])
        del parent[path[-1]]
        yield dump(changed)
        for empty in EMPTY:
            yield dump(_with(bundle, path, empty))
        if isinstance(path[-1], int):
            changed = copy.deepcopy(bundle)
            _at(changed, path[:-1]).append(copy.deepcopy(value))
            yield dump(changed)
        else:
            yield _written_twice(bundle, path)


def _written_twice(bundle: dict[str, Any], path: Path) -> bytes:
    """The text with one member of one object there twice, which `json` alone cannot write."""
    name = path[-1]
    assert isinstance(name, str)
    marked = copy.deepcopy(bundle)
    parent = _at(marked, path[:-1])
    parent[f"{name}\0again"] = copy.deepcopy(parent[name])
    return json.dumps(marked).replace("\\u0000again", "").encode()


def _nodes(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in items:
        yield (*path, key), child
        if isinstance(child, (dict, list)):
            yield from _nodes(child, (*path, key))


def _leaves(value: Any) -> Iterator[tuple[Path, Any]]:
    return (item for item in _nodes(value) if not isinstance(item[1], (dict, list)))


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def _with(bundle: dict[str, Any], path: Path, value: object) -> dict[str, Any]:
    changed = copy.deepcopy(bundle)
    _at(changed, path[:-1])[path[-1]] = value
    return changed
