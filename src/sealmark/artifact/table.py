"""The table of a layer: paths with their attributes, as extracting the layer would leave them.

Millions of small files are common, so a table holds no object for any of them: names lie one after
the other in one string, sorted by directory and name, and numbers in arrays beside it.
"""

from __future__ import annotations

import posixpath
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from sealmark.artifact.file import FileEntry, FileType
from sealmark.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator

LAYER_VERSION = 4
_NOTABLE_MODE = 0o6000
_NOTABLE_TYPES = frozenset({FileType.CHARACTER_DEVICE, FileType.BLOCK_DEVICE})
_KNOWN_TYPES = frozenset(map(int, FileType))
_MOST_REMEMBERED = 20_000
_LONGEST_REMEMBERED = 200

Owner = tuple[int, int, int, int]
"""Type, mode, uid and gid; few layers have many different ones."""


class LayerError(UnreadableError):
    """A layer is longer than promised, a bomb, or a cached table that cannot be read."""


class _Dump(msgspec.Struct, array_like=True, frozen=True):
    version: int
    unpacked_size: int
    directories: bytes
    names: bytes
    owners: tuple[Owner, ...]
    numbers: tuple[memoryview, memoryview, memoryview, memoryview]
    links: dict[int, bytes]
    whiteouts: tuple[bytes, ...]
    opaque: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """A row for each path; one that was written twice counts as written last.

    `directories` numbers those that hold a row; the rows of directory `n` are `starts[n]` to
    `starts[n + 1]`, sorted by name. The name of row `r` is `names[offsets[r]:offsets[r + 1]]`, its
    type, mode and owner `owners[kinds[r]]`. `whiteouts` are paths this layer removes from those
    below; `opaque` directories hide all that is below them in lower layers.
    """

    directories: dict[bytes, int]
    starts: array[int]
    names: bytes
    offsets: array[int]
    owners: tuple[Owner, ...]
    kinds: array[int]
    sizes: array[int]
    links: dict[int, bytes]
    whiteouts: frozenset[bytes]
    opaque: frozenset[bytes]
    unpacked_size: int
    _hidden: dict[bytes, bool] = field(default_factory=dict, compare=False, repr=False)

    def lookup(self, path: bytes) -> FileEntry | None:
        """Return what this layer alone says about `path`."""
        row = self._row(path)
        return None if row is None else self._entry(path, row)

    def hides(self, path: bytes) -> bool:
        """Tell whether this layer hides `path` of lower layers, without having it itself."""
        return path in self.whiteouts or self._hides_below(path.rpartition(b"/")[0])

    def _hides_below(self, directory: bytes) -> bool:
        """Tell whether nothing of lower layers is seen in `directory`; remembered, often asked."""
        passed: list[bytes] = []
        known = self._hidden.get(directory)
        while known is None:
            passed.append(directory)
            known = self._blocks(directory) or (None if directory else False)
            directory = directory.rpartition(b"/")[0]
            known = self._hidden.get(directory) if known is None else known
        if len(self._hidden) >= _MOST_REMEMBERED:
            self._hidden.clear()
        self._hidden.update((one, known) for one in passed if len(one) <= _LONGEST_REMEMBERED)
        return known

    def _blocks(self, directory: bytes) -> bool:
        if directory in self.opaque or directory in self.whiteouts:
            return True
        row = self._row(directory)
        return row is not None and self.owners[self.kinds[row]][0] != FileType.DIRECTORY

    def __len__(self) -> int:
        return len(self.kinds)

    def __contains__(self, path: bytes) -> bool:
        return self._row(path) is not None

    def __iter__(self) -> Iterator[FileEntry]:
        return (self._entry(path, row) for path, row in self._rows(self.directories))

    def paths(self, directories: list[bytes]) -> Iterator[bytes]:
        """Yield the paths in some of this layer's directories."""
        return (path for path, _ in self._rows(directories))

    def files(self, directories: list[bytes]) -> Iterator[bytes]:
        """Yield the paths in some of this layer's directories that are no directories."""
        folders = {n for n, owner in enumerate(self.owners) if owner[0] == FileType.DIRECTORY}
        return (path for path, row in self._rows(directories) if self.kinds[row] not in folders)

    def notable(self) -> Iterator[FileEntry]:
        """Yield set-user-id and set-group-id files, and devices."""
        wanted = {n for n, owner in enumerate(self.owners) if _is_notable(owner)}
        if not wanted:
            return
        rows = [row for row, kind in enumerate(self.kinds) if kind in wanted]
        for directory, number in self.directories.items():
            first, end = self.starts[number], self.starts[number + 1]
            for row in rows[bisect_left(rows, first) : bisect_left(rows, end)]:
                yield self._entry(_joined(directory, self._name(row)), row)

    def _rows(self, directories: dict[bytes, int] | list[bytes]) -> Iterator[tuple[bytes, int]]:
        for directory in directories:
            number = self.directories[directory]
            for row in range(self.starts[number], self.starts[number + 1]):
                yield _joined(directory, self._name(row)), row

    def _row(self, path: bytes) -> int | None:
        directory, _, name = path.rpartition(b"/")
        number = self.directories.get(directory)
        if number is None:
            return None
        first, end = self.starts[number], self.starts[number + 1]
        row = first + bisect_left(range(first, end), name, key=self._name)
        return row if row < end and self._name(row) == name else None

    def _name(self, row: int) -> bytes:
        return self.names[self.offsets[row] : self.offsets[row + 1]]

    def _entry(self, path: bytes, row: int) -> FileEntry:
        kind, mode, uid, gid = self.owners[self.kinds[row]]
        link = self.links.get(row, b"")
        return FileEntry(path, FileType(kind), mode, uid, gid, self.sizes[row], link)

    def dump(self) -> bytes:
        """Return the table as bytes for a cache."""
        starts, offsets, kinds, sizes = (
            memoryview(column).cast("B")
            for column in (self.starts, self.offsets, self.kinds, self.sizes)
        )
        return msgspec.msgpack.encode(
            _Dump(
                LAYER_VERSION,
                self.unpacked_size,
                b"\0".join(self.directories),
                self.names,
                self.owners,
                (starts, offsets, kinds, sizes),
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
            columns = [array(code) for code in "IIIQ"]
            for column, packed in zip(columns, dump.numbers, strict=True):
                column.frombytes(packed)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise LayerError(f"cached layer cannot be read: {error}") from error
        starts, offsets, kinds, sizes = columns
        directories = dump.directories.split(b"\0") if len(starts) > 1 else []
        layer = cls(
            {directory: number for number, directory in enumerate(directories)},
            starts,
            dump.names,
            offsets,
            dump.owners,
            kinds,
            sizes,
            dump.links,
            frozenset(dump.whiteouts),
            frozenset(dump.opaque),
            dump.unpacked_size,
        )
        if dump.version != LAYER_VERSION or not layer._is_whole():
            raise LayerError("cached layer is of another version, or damaged")
        return layer

    def _is_whole(self) -> bool:
        """Tell whether the columns fit each other, so that no look-up leaves them."""
        rows = len(self.kinds)
        return (
            len(self.sizes) == rows
            and len(self.offsets) == rows + 1
            and list(self.directories.values()) == list(range(len(self.starts) - 1))
            and max(self.starts) == self.starts[-1] == rows
            and self.offsets[-1] == len(self.names)
            and max(self.kinds, default=-1) < len(self.owners)
            and all(owner[0] in _KNOWN_TYPES for owner in self.owners)
        )


def _is_notable(owner: Owner) -> bool:
    kind, mode, _, _ = owner
    return kind in _NOTABLE_TYPES or (kind == FileType.REGULAR and bool(mode & _NOTABLE_MODE))


def _joined(directory: bytes, name: bytes) -> bytes:
    return directory + b"/" + name if directory else name


def normal_path(name: bytes) -> bytes:
    """Return `name` relative to the root; `..` never leaves it."""
    if name and not name.startswith((b"/", b"./")) and b"/." not in name and b"//" not in name:
        plain = name.rstrip(b"/")
        if plain not in (b".", b"..") and not plain.startswith(b"../"):
            return plain
    return posixpath.normpath(b"/" + name).lstrip(b"/")
