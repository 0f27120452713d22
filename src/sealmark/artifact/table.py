"""The table of a layer: paths with their attributes, as extracting the layer would leave them.

Whiteouts follow the OCI image specification, layer.md. Entries below a symbolic link of the same
layer land where the link leads, inside the root, as containerd and containers/storage put them.
"""

from __future__ import annotations

import posixpath
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from sealmark.artifact.file import FileEntry, FileType, display_path
from sealmark.artifact.links import follow
from sealmark.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealmark.artifact.tar import Member

LAYER_VERSION = 2
_WHITEOUT = b".wh."
_OPAQUE = b".wh..wh..opq"
_NOTABLE_MODE = 0o6000
_KNOWN_TYPES = bytes(FileType)
_MOST_LINKS = 255  # what containerd follows while it extracts
_MOST_PLACES = 100_000


class LayerError(UnreadableError):
    """A layer is longer than promised, a bomb, or a cached table that cannot be read."""


class _Dump(msgspec.Struct, array_like=True, frozen=True):
    version: int
    unpacked_size: int
    paths: bytes
    numbers: tuple[memoryview, memoryview, memoryview, memoryview, memoryview]
    links: dict[int, bytes]
    whiteouts: tuple[bytes, ...]
    opaque: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """Paths with their attributes in packed arrays; a path written twice counts as written last.

    `whiteouts` are paths this layer removes from those below; `opaque` directories hide all
    that is below them in lower layers.
    """

    rows: dict[bytes, int]
    types: array[int]
    modes: array[int]
    uids: array[int]
    gids: array[int]
    sizes: array[int]
    links: dict[int, bytes]
    whiteouts: frozenset[bytes]
    opaque: frozenset[bytes]
    unpacked_size: int

    def lookup(self, path: bytes) -> FileEntry | None:
        """Return what this layer alone says about `path`."""
        row = self.rows.get(path)
        return None if row is None else self._entry(path, row)

    def hides(self, path: bytes) -> bool:
        """Tell whether this layer hides `path` of lower layers, without having it itself."""
        if path in self.whiteouts:
            return True
        parent = posixpath.dirname(path)
        while True:
            row = self.rows.get(parent)
            if row is not None and self.types[row] != FileType.DIRECTORY:
                return True
            if parent in self.opaque or parent in self.whiteouts:
                return True
            if not parent:
                return False
            parent = posixpath.dirname(parent)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[FileEntry]:
        return (self._entry(path, row) for path, row in self.rows.items())

    def notable(self) -> Iterator[FileEntry]:
        """Yield set-user-id and set-group-id files, and devices."""
        wanted = {FileType.CHARACTER_DEVICE, FileType.BLOCK_DEVICE}
        rows = [
            row
            for row, (kind, mode) in enumerate(zip(self.types, self.modes, strict=True))
            if kind in wanted or (kind == FileType.REGULAR and mode & _NOTABLE_MODE)
        ]
        if not rows:
            return
        chosen = set(rows)
        yield from (self._entry(path, row) for path, row in self.rows.items() if row in chosen)

    def _entry(self, path: bytes, row: int) -> FileEntry:
        return FileEntry(
            path,
            FileType(self.types[row]),
            self.modes[row],
            self.uids[row],
            self.gids[row],
            self.sizes[row],
            self.links.get(row, b""),
        )

    def dump(self) -> bytes:
        """Return the table as bytes for a cache."""
        return msgspec.msgpack.encode(
            _Dump(
                LAYER_VERSION,
                self.unpacked_size,
                b"\0".join(self.rows),
                (
                    memoryview(self.types).cast("B"),
                    memoryview(self.modes).cast("B"),
                    memoryview(self.uids).cast("B"),
                    memoryview(self.gids).cast("B"),
                    memoryview(self.sizes).cast("B"),
                ),
                self.links,
                tuple(self.whiteouts),
                tuple(self.opaque),
            )
        )

    @classmethod
    def load(cls, content: bytes | memoryview) -> Layer:
        """Read what `dump` wrote. Raises LayerError for anything else."""
        try:
            dump = msgspec.msgpack.decode(content, type=_Dump)
            columns = [array(code) for code in "BHQQQ"]
            for column, packed in zip(columns, dump.numbers, strict=True):
                column.frombytes(packed)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise LayerError(f"cached layer cannot be read: {error}") from error
        names = dump.paths.split(b"\0") if columns[0] else []
        rows = {path: row for row, path in enumerate(names)}
        if dump.version != LAYER_VERSION or {len(rows)} != {len(one) for one in columns}:
            raise LayerError("cached layer is of another version, or damaged")
        types, modes, uids, gids, sizes = columns
        if types.tobytes().translate(None, _KNOWN_TYPES):
            raise LayerError("cached layer is damaged: it holds files of unknown types")
        return cls(
            rows,
            types,
            modes,
            uids,
            gids,
            sizes,
            dump.links,
            frozenset(dump.whiteouts),
            frozenset(dump.opaque),
            dump.unpacked_size,
        )


class TableBuilder:
    """Collects rows as extracting them would place them; the last writer of a path wins."""

    def __init__(self) -> None:
        self.rows: dict[bytes, int] = {}
        self.columns = tuple(array(code) for code in "BHQQQ")
        self._appends = tuple(column.append for column in self.columns)
        self.links: dict[int, bytes] = {}
        self.whiteouts: set[bytes] = set()
        self.opaque: set[bytes] = set()
        self._symlinks: dict[bytes, bytes] = {}
        self._places: dict[bytes, bytes] = {}
        self._asked: set[bytes] = set()

    def place(self, path: bytes) -> bytes:
        """Return where `path` is extracted to: links of this layer on the way are followed."""
        parent, slash, name = path.rpartition(b"/")
        if not self._symlinks or not slash:
            return path
        placed = self._places.get(parent)
        if placed is None:
            placed = follow(parent, self._link_of, _MOST_LINKS)
            if placed is None:
                raise LayerError(f"more than {_MOST_LINKS} links lead to {display_path(path)}")
            if len(self._places) >= _MOST_PLACES:
                self._places.clear()
            self._places[parent] = placed
        return placed + slash + name if placed else name

    def _link_of(self, path: bytes) -> bytes | None:
        self._asked.add(path)
        return self._symlinks.get(path)

    def add(self, path: bytes, member: Member) -> None:
        """Add a member at its place."""
        values = (int(member.type), member.mode, member.uid, member.gid, member.size)
        if member.type is FileType.HARDLINK:
            self._add_hard_link(path, self.place(normal_path(member.link)), values)
        else:
            self._put(path, values, member.link if member.type is FileType.SYMLINK else b"")

    def _add_hard_link(self, path: bytes, target: bytes, values: tuple[int, ...]) -> None:
        """A link to a file of this layer is that file; others wait for the layers below."""
        row = self.rows.get(target)
        if row is None or self.columns[0][row] == FileType.DIRECTORY:
            self._put(path, values, target)
        elif target != path:
            found = tuple(column[row] for column in self.columns)
            plain = found[0] == FileType.REGULAR
            self._put(path, found, target if plain else self.links.get(row, b""))

    def _put(self, path: bytes, values: tuple[int, ...], link: bytes) -> None:
        rows = self.rows
        row = rows.setdefault(path, len(rows))
        if row == len(self.columns[0]):
            for append, value in zip(self._appends, values, strict=True):
                append(value)
        else:
            self._forget(path, row)
            for column, value in zip(self.columns, values, strict=True):
                column[row] = value
        if link:
            self.links[row] = link
            if values[0] == FileType.SYMLINK:
                self._note_symlink(path, link)

    def _forget(self, path: bytes, row: int) -> None:
        self.links.pop(row, None)
        if self._symlinks.pop(path, None) is not None:
            self._places.clear()

    def _note_symlink(self, path: bytes, link: bytes) -> None:
        self._symlinks[path] = link
        if path in self._asked:
            self._places.clear()
            self._asked.clear()

    def entry(self, path: bytes) -> FileEntry:
        """Return what was added at `path`."""
        row = self.rows[path]
        kind, mode, uid, gid, size = (column[row] for column in self.columns)
        return FileEntry(path, FileType(kind), mode, uid, gid, size, self.links.get(row, b""))

    def whiteout(self, path: bytes) -> bool:
        """Take a whiteout; False when `path` is none."""
        if _WHITEOUT not in path:
            return False
        parent, name = posixpath.split(path)
        if not name.startswith(_WHITEOUT):
            return False
        if name == _OPAQUE:
            self.opaque.add(parent)
        elif not name.startswith(b".wh..wh.") and name != _WHITEOUT:
            self.whiteouts.add(posixpath.join(parent, name.removeprefix(_WHITEOUT)))
        return True

    def table(self, unpacked_size: int) -> Layer:
        """Return the finished table."""
        types, modes, uids, gids, sizes = self.columns
        return Layer(
            self.rows,
            types,
            modes,
            uids,
            gids,
            sizes,
            self.links,
            frozenset(self.whiteouts),
            frozenset(self.opaque),
            unpacked_size,
        )


def normal_path(name: bytes) -> bytes:
    """Return `name` relative to the root; `..` never leaves it."""
    if name and not name.startswith((b"/", b"./")) and b"/." not in name and b"//" not in name:
        plain = name.rstrip(b"/")
        if plain not in (b".", b"..") and not plain.startswith(b"../"):
            return plain
    return posixpath.normpath(b"/" + name).lstrip(b"/")
