"""Who reads which file. `wants` is asked for every path of every layer, so it is made cheap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealmark.scan.inventory.facts import FileFacts, Trouble
from sealmark.scan.inventory.registry import READERS

if TYPE_CHECKING:
    from sealmark.scan.inventory.reader import Reader

WELL_KNOWN = tuple(sorted({path for reader in READERS for path in reader.paths}))
"""Files that are looked for even where the way to them leads over links."""
WELL_KNOWN_DIRECTORIES = tuple(
    sorted({where.rstrip(b"/") for reader in READERS for where in reader.directories})
)
"""Directories that are looked into even where the way to them leads over links."""

_BY_PATH = {path: reader for reader in READERS for path in reader.paths}
_BY_BASENAME = {name: reader for reader in READERS for name in reader.basenames}
_BY_SUFFIX = tuple((suffix, reader) for reader in READERS for suffix in reader.suffixes)
_BY_DIRECTORY = tuple((where, reader) for reader in READERS for where in reader.directories)

# Nearly every path is refused by its last four bytes, without being taken apart.
_TAIL = 4
_TAILS = frozenset(
    name[-_TAIL:]
    for reader in READERS
    for name in (*reader.paths, *reader.basenames, *reader.suffixes)
)
_DIRECTORIES = tuple(where for where, _ in _BY_DIRECTORY)
_SUFFIXES = tuple(suffix for suffix, _ in _BY_SUFFIX)


def wants(path: bytes) -> bool:
    """Tell whether the content of the regular file at `path` should be read."""
    if path[-4:] in _TAILS or path.startswith(_DIRECTORIES):
        return _reader(path) is not None
    return False


def size_limit(path: bytes) -> int:
    """Return how many bytes of a wanted file are read at most; give a larger one to `refuse`."""
    reader = _reader(path)
    return reader.size_limit if reader else 0


def read_file(path: bytes, content: bytes) -> FileFacts:
    """Read a wanted file. Never raises: what cannot be read is a trouble in the result."""
    reader = _reader(path)
    if reader is None:
        return FileFacts()
    if len(content) > reader.size_limit:
        return refuse(path, f"larger than {reader.size_limit} bytes")
    return reader.read(path, content)


def refuse(path: bytes, why: str) -> FileFacts:
    """Return what a wanted file gives whose content cannot be had: a trouble that says why."""
    return FileFacts(troubles=(Trouble(f"not read: {why}", affected(path)),))


def affected(path: bytes) -> tuple[str, ...]:
    """Return the package types that are incomplete without the wanted file at `path`."""
    reader = _reader(path)
    return reader.affects if reader else ()


def same_reader(one: bytes, other: bytes) -> bool:
    """Tell whether both paths are read in the same way."""
    return _reader(one) is _reader(other)


def _reader(path: bytes) -> Reader | None:
    exact = _BY_PATH.get(path)
    if exact is not None:
        return exact
    named = _BY_BASENAME.get(path[path.rfind(b"/") + 1 :])
    if named is not None and named.claims(path):
        return named
    if path.startswith(_DIRECTORIES) or path.endswith(_SUFFIXES):
        return _by_part(path)
    return None


def _by_part(path: bytes) -> Reader | None:
    for table, matches in ((_BY_SUFFIX, path.endswith), (_BY_DIRECTORY, path.startswith)):
        for part, reader in table:
            if matches(part) and reader.claims(path):
                return reader
    return None
