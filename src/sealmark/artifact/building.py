"""Building the table of a layer: each member is placed where extracting it would put it.

Whiteouts follow the OCI image specification, layer.md; what the same layer had put there before
goes too, as extracting it does. Entries below a symbolic link of the same
layer land where the link leads, inside the root, and what is no directory replaces one with all
that was in it, as containerd and containers/storage do it.

Members come in any order and by the million. What is kept of each until the end is its name with
its number behind, by directory; the last step sorts them, which also brings what was written twice
side by side.
"""

from __future__ import annotations

import posixpath
import struct
from array import array
from bisect import bisect_left
from itertools import accumulate, chain, islice
from typing import TYPE_CHECKING, Final

from sealmark.artifact.file import FileEntry, FileType, display_path
from sealmark.artifact.links import follow
from sealmark.artifact.table import Layer, LayerError, Owner, normal_path

if TYPE_CHECKING:
    from sealmark.artifact.limits import Limits
    from sealmark.artifact.tar import Member

_WHITEOUT: Final = b".wh."
_OPAQUE: Final = b".wh..wh..opq"
_MOST_LINKS: Final = 255  # what containerd follows while it extracts
_MOST_PLACES: Final = 10_000
# What a row and a directory take in memory beside their names, in bytes.
_ROW: Final = 64
_DIRECTORY: Final = 512
_NUMBER: Final = struct.Struct(">I")
_TAIL: Final = -_NUMBER.size


class TableBuilder:
    """Collects rows as extracting them would place them; the last writer of a path wins."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left = limits.table
        self._directories: dict[bytes, list[bytes]] = {}
        self._children: dict[bytes, list[bytes]] = {}
        self._replaced: dict[bytes, list[bytes]] = {}
        self._owners: dict[Owner, int] = {}
        self._kinds = array("I")
        self._sizes = array("Q")
        self._links: dict[int, bytes] = {}
        self._hard_links = array("I")
        self._whiteouts: set[bytes] = set()
        self._opaque: set[bytes] = set()
        self._gone: set[int] = set()
        self._symlinks: dict[bytes, bytes] = {}
        self._places: dict[bytes, bytes] = {}
        self._asked: set[bytes] = set()

    def place(self, path: bytes) -> bytes:
        """Return where `path` is extracted to: links of this layer on the way are followed."""
        if not self._symlinks:
            return path
        parent, slash, name = path.rpartition(b"/")
        placed = self._places.get(parent)
        if placed is None:
            self._check_depth(parent)
            if len(self._places) >= _MOST_PLACES or len(self._asked) >= _MOST_PLACES:
                self._forget_places()
            placed = self._places[parent] = self._follow(parent)
        if placed == parent:
            return path
        return placed + slash + name if placed else name

    def _follow(self, directory: bytes) -> bytes:
        asked: list[bytes] = []

        def link_of(path: bytes) -> bytes | None:
            asked.append(path)
            return self._symlinks.get(path)

        placed = follow(directory, link_of, _MOST_LINKS)
        if placed is None:
            raise LayerError(f"more than {_MOST_LINKS} links lead to {display_path(directory)}")
        self._asked.update(asked)
        return placed

    def _forget_places(self) -> None:
        self._places.clear()
        self._asked.clear()

    def whiteout(self, path: bytes) -> bool:
        """Take a whiteout; False when `path` is none."""
        if _WHITEOUT not in path:
            return False
        parent, name = posixpath.split(path)
        if not name.startswith(_WHITEOUT):
            return False
        self._spend(len(path) + _DIRECTORY)
        if name == _OPAQUE:
            self._opaque.add(parent)
        elif not name.startswith(b".wh..wh.") and name != _WHITEOUT:
            gone = posixpath.join(parent, name.removeprefix(_WHITEOUT))
            self._whiteouts.add(gone)
            self._take_away(gone)
        return True

    def _take_away(self, path: bytes) -> None:
        """Remove what the same layer put there before: extracting does so, as it comes."""
        parent, _, name = path.rpartition(b"/")
        names = self._directories.get(parent)
        if names is None:
            return
        number = len(self._kinds)
        self._kinds.append(0)
        self._sizes.append(0)
        self._gone.add(number)
        names.append(name + b"\0" + _NUMBER.pack(number))
        if path in self._directories:
            self._replace(path)
        if self._symlinks.pop(path, None) is not None:
            self._forget_places()

    def add(self, path: bytes, member: Member) -> None:
        """Add a member at its place. Raises LayerError for more than is sensibly remembered."""
        parent, _, name = path.rpartition(b"/")
        names = self._directories.get(parent)
        if names is None:
            names = self._directory(parent)
        kind, number = member.type, len(self._kinds)
        owner = (int(kind), member.mode, member.uid, member.gid)
        index = self._owners.get(owner)
        self._kinds.append(self._owner(owner) if index is None else index)
        self._sizes.append(member.size)
        names.append(name + b"\0" + _NUMBER.pack(number))
        self._left -= len(path) + _ROW
        if self._left < 0:
            self._spend(0)
        if kind is not FileType.DIRECTORY and path in self._directories:
            self._replace(path)
        if self._symlinks and self._symlinks.pop(path, None) is not None:
            self._forget_places()
        if kind is FileType.SYMLINK or kind is FileType.HARDLINK:
            self._add_link(path, number, member)

    def _spend(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise LayerError(f"its paths and links take more than {self._limits.table} bytes")

    def _directory(self, path: bytes) -> list[bytes]:
        self._check_depth(path)
        self._spend(len(path) + _DIRECTORY)
        names = self._directories[path] = []
        if path:
            above = path.rpartition(b"/")[0]
            if above not in self._directories:
                self._directory(above)
            self._children.setdefault(above, []).append(path)
        return names

    def _check_depth(self, directory: bytes) -> None:
        if directory.count(b"/") >= self._limits.depth:
            raise LayerError(f"a path is more than {self._limits.depth} directories deep")

    def _owner(self, owner: Owner) -> int:
        if len(self._owners) >= self._limits.owners:
            raise LayerError(f"more than {self._limits.owners} different modes and owners")
        return self._owners.setdefault(owner, len(self._owners))

    def _add_link(self, path: bytes, number: int, member: Member) -> None:
        self._spend(len(member.link) + _DIRECTORY)
        if member.type is FileType.SYMLINK:
            self._links[number] = self._symlinks[path] = member.link
            if path in self._asked:
                self._forget_places()
            return
        target = self._links[number] = self.place(normal_path(member.link))
        if target != path:  # extracting removes the name before it links
            self._hard_links.append(number)

    def _replace(self, path: bytes) -> None:
        """What is no directory takes the place of one, and of all that was in it."""
        pending = [path]
        while pending:
            directory = pending.pop()
            names = self._directories.pop(directory, [])
            pending += self._children.pop(directory, [])
            self._replaced.setdefault(directory, []).extend(names)
            for name in names if self._symlinks else ():
                self._symlinks.pop(directory + b"/" + name[: _TAIL - 1], None)
        self._forget_places()

    def last(self, path: bytes, member: Member) -> FileEntry:
        """Return what was added last, at `path`; a hard link as one, with its target's place."""
        link = self._links.get(len(self._kinds) - 1, b"")
        return FileEntry(path, member.type, member.mode, member.uid, member.gid, member.size, link)

    def table(self, unpacked_size: int) -> Layer:
        """Return the finished table; the builder is empty afterwards."""
        for names in chain(self._directories.values(), self._replaced.values()):
            names.sort()
        self._settle_hard_links()
        self._replaced.clear()
        return _Rows(self._directories, self._gone).layer(
            tuple(self._owners),
            self._kinds,
            self._sizes,
            self._links,
            (frozenset(self._whiteouts), frozenset(self._opaque)),
            unpacked_size,
        )

    def _settle_hard_links(self) -> None:
        """A link to a file of this layer is that file; others wait for the layers below."""
        types = [owner[0] for owner in self._owners]
        for number in self._hard_links:
            found = self._before(number, self._links[number])
            if found is None or found in self._gone:
                continue
            if types[self._kinds[found]] == FileType.DIRECTORY:
                continue
            self._kinds[number] = self._kinds[found]
            self._sizes[number] = self._sizes[found]
            if types[self._kinds[found]] == FileType.REGULAR:
                continue
            del self._links[number]
            if found in self._links:
                self._links[number] = self._links[found]

    def _before(self, number: int, path: bytes) -> int | None:
        """Return the last member at `path` before member `number`."""
        directory, _, name = path.rpartition(b"/")
        mark = name + b"\0" + _NUMBER.pack(number)
        found = []
        for names in (self._directories.get(directory, []), self._replaced.get(directory, [])):
            at = bisect_left(names, mark) - 1
            if at >= 0 and names[at][:_TAIL] == mark[:_TAIL]:
                found.append(int.from_bytes(names[at][_TAIL:], "big"))
        return max(found, default=None)


class _Rows:
    """The sorted names, one after the other; what they were sorted from goes as they come."""

    def __init__(self, directories: dict[bytes, list[bytes]], gone: set[int]) -> None:
        self._gone = {_NUMBER.pack(number) for number in gone}
        self._numbers: dict[bytes, int] = {}
        self._starts, self._offsets = array("I", [0]), array("I", [0])
        self._names = bytearray()
        self._order = array("I")
        for directory in sorted(directories):
            names = directories.pop(directory)
            if names:
                self._add(directory, names)

    def _add(self, directory: bytes, names: list[bytes]) -> None:
        # Equal names are sorted by number: the last one stays.
        last = {name[: _TAIL - 1]: name[_TAIL:] for name in names}
        if self._gone:
            last = {name: number for name, number in last.items() if number not in self._gone}
        if not last:
            return
        ends = accumulate(map(len, last), initial=self._offsets[-1])
        self._offsets.extend(islice(ends, 1, None))
        self._names += b"".join(last)
        self._order.extend(struct.unpack(f">{len(last)}I", b"".join(last.values())))
        self._numbers[directory] = len(self._numbers)
        self._starts.append(len(self._order))

    def layer(
        self,
        owners: tuple[Owner, ...],
        kinds: array[int],
        sizes: array[int],
        links: dict[int, bytes],
        hidden: tuple[frozenset[bytes], frozenset[bytes]],
        unpacked_size: int,
    ) -> Layer:
        order = self._order
        return Layer(
            self._numbers,
            self._starts,
            bytes(self._names),
            self._offsets,
            owners,
            array("I", map(kinds.__getitem__, order)),
            array("Q", map(sizes.__getitem__, order)),
            {row: links[n] for row, n in enumerate(order) if n in links} if links else {},
            *hidden,
            unpacked_size,
        )
