"""Reads tar headers from a stream (POSIX.1-2017 pax, ustar, GNU), skipping file bodies.

Written for speed: the standard library's reader is the bottleneck of a scan (docs/benchmarks.md).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import adler32

from sealmark.artifact.file import FileType
from sealmark.artifact.sparse import SparseMap, old_map, pax_map
from sealmark.artifact.tar_fields import TarError, decimal, number, owner, records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sealmark.artifact.limits import Limits

BLOCK: Final = 512
_ZEROS = bytes(BLOCK)
_TYPES = {
    b"0": FileType.REGULAR,
    b"\0": FileType.REGULAR,
    b"7": FileType.REGULAR,
    b"S": FileType.REGULAR,
    b"1": FileType.HARDLINK,
    b"2": FileType.SYMLINK,
    b"3": FileType.CHARACTER_DEVICE,
    b"4": FileType.BLOCK_DEVICE,
    b"5": FileType.DIRECTORY,
    b"6": FileType.FIFO,
}
_PLAIN = {tag: kind for tag, kind in _TYPES.items() if tag != b"S"}
_EXTENSIONS = frozenset({b"x", b"g", b"L", b"K"})
# Name, owner (mode, uid, gid), size, checksum, type, link, magic, prefix; the rest is not read.
_FIELDS = struct.Struct("100s24s12s12x8s1s100s6s82x155s12x")
_HALF = BLOCK // 2


class Member(NamedTuple):
    """One member as written. `stored` is the bytes its body takes, `size` its apparent size."""

    name: bytes
    type: FileType
    mode: int
    uid: int
    gid: int
    size: int
    stored: int
    link: bytes
    sparse: SparseMap | None


@dataclass(slots=True)
class _Extended:
    """What pax and GNU headers say about the member that follows."""

    pax: dict[bytes, bytes] = field(default_factory=dict)
    name: bytes | None = None
    link: bytes | None = None


class TarReader:
    """Iterates over members; `body()` of the current one may be read before the next is taken."""

    def __init__(self, chunks: Iterable[bytes], limits: Limits) -> None:
        self._chunks = iter(chunks)
        self._buffer = b""
        self._position = 0
        self._limits = limits
        self._pending = 0
        self._padding = 0
        self._sparse: SparseMap | None = None
        self._holes = 0
        self._global: dict[bytes, bytes] = {}

    def __iter__(self) -> Iterator[Member]:
        """Yield members until the end-of-archive block, or the end of the stream."""
        for count in range(self._limits.members + 1):
            member = self._next()
            if member is None:
                self._drain()
                return
            if count == self._limits.members:
                break
            yield member
        raise TarError(f"more than {self._limits.members} members")

    def body(self) -> bytes:
        """Return the current member's body, holes included."""
        sparse, self._sparse = self._sparse, None
        content = self._stored()
        if sparse is None:
            return content
        self._holes += max(0, sparse.size - len(content))
        if self._holes > self._limits.content:
            raise TarError(f"sparse files hold more than {self._limits.content} bytes of holes")
        return sparse.expand(content)

    def _stored(self) -> bytes:
        size, self._pending = self._pending, 0
        content = self._read(size)
        self._skip(self._padding)
        self._padding = 0
        return content

    def _next(self) -> Member | None:
        extended: _Extended | None = None
        while True:
            end = self._position + self._pending + self._padding
            if end <= len(self._buffer):
                self._position = end
            else:
                self._skip(self._pending + self._padding)
            self._pending = self._padding = 0
            block = self._block()
            if block is None or block == _ZEROS:
                return None
            fields = _FIELDS.unpack(block)
            _check(block, fields[3])
            tag, size = fields[4], number(fields[2])
            plain = _PLAIN.get(tag)
            if plain is not None and extended is None and not self._global:
                return self._plain(fields, plain, size)
            extended = extended or _Extended()
            if tag not in _EXTENSIONS:
                return self._member(fields, extended, size)
            self._extend(extended, tag, size)

    def _plain(self, fields: tuple[bytes, ...], kind: FileType, size: int) -> Member:
        """A member that its own header tells all about, as most are."""
        name, owned, _, _, _, link, _, prefix = fields
        name = name.partition(b"\0")[0]
        if prefix[0]:
            name = _name(fields)
        if kind is FileType.REGULAR:
            if name[-1:] == b"/":
                kind, size = FileType.DIRECTORY, 0
        else:
            size = 0
        if len(name) > self._limits.path:
            raise TarError("a path is too long or holds a NUL")
        self._sparse = None
        self._pending, self._padding = size, -size % BLOCK
        mode, uid, gid = owner(owned)
        link = link.partition(b"\0")[0] if link[0] else b""
        return Member(name, kind, mode, uid, gid, size, size, link, None)

    def _extend(self, extended: _Extended, kind: bytes, size: int) -> None:
        if size > self._limits.extended_header:
            raise TarError(f"extended header of {size} bytes")
        self._pending, self._padding = size, -size % BLOCK
        content = self._stored()
        if kind == b"x":
            extended.pax.update(records(content))
        elif kind == b"g":
            self._global.update(records(content))
        elif kind == b"L":
            extended.name = content.rstrip(b"\0")
        else:
            extended.link = content.rstrip(b"\0")

    def _member(self, fields: tuple[bytes, ...], extended: _Extended, size: int) -> Member:
        pax = {**self._global, **extended.pax} if self._global else extended.pax
        stored = decimal(pax, b"size", size)
        kind = _TYPES.get(fields[4], FileType.REGULAR)
        name = extended.name if extended.name is not None else _name(fields)
        link = extended.link if extended.link is not None else fields[5].partition(b"\0")[0]
        link = pax.get(b"linkpath", link)
        name = pax.get(b"GNU.sparse.name", pax.get(b"path", name))
        if kind is FileType.REGULAR and name.endswith(b"/"):
            kind = FileType.DIRECTORY
        if len(name) > self._limits.path or b"\0" in name:
            raise TarError("a path is too long or holds a NUL")
        if len(link) > self._limits.path or b"\0" in link:
            raise TarError("the target of a link is too long or holds a NUL")
        if kind not in (FileType.REGULAR, FileType.HARDLINK):
            stored = 0
        if kind is FileType.HARDLINK and b"size" not in pax:
            stored = 0
        sparse = self._sparse = self._map(fields, pax, stored)
        self._pending, self._padding = stored, -stored % BLOCK
        mode, uid, gid = owner(fields[1])
        return Member(
            name,
            kind,
            mode,
            decimal(pax, b"uid", uid),
            decimal(pax, b"gid", gid),
            stored if sparse is None else sparse.size,
            stored,
            link,
            sparse,
        )

    def _map(
        self, fields: tuple[bytes, ...], pax: dict[bytes, bytes], stored: int
    ) -> SparseMap | None:
        if fields[4] != b"S":
            sparse = pax and any(key.startswith(b"GNU.sparse.") for key in pax)
            return pax_map(pax, stored) if sparse else None
        # The old format has four entries at offset 386, the size at 483, and further blocks.
        tail = fields[7]
        areas, more = [tail[41:137]], tail[137:138] == b"\1"
        while more:
            block = self._block()
            if block is None:
                raise TarError("the stream ends inside a sparse map")
            areas.append(block[:504])
            more = block[504:505] == b"\1"
            if len(areas) * BLOCK > self._limits.extended_header:
                raise TarError("a sparse map is too long")
        return old_map(number(tail[138:150]), areas)

    def _block(self) -> bytes | None:
        position = self._position
        block = self._buffer[position : position + BLOCK]
        if len(block) == BLOCK:
            self._position = position + BLOCK
            return block
        if not self._fill(BLOCK):
            if len(self._buffer) == self._position:
                return None
            raise TarError("the stream ends inside a header")
        return self._block()

    def _read(self, size: int) -> bytes:
        if not self._fill(size):
            raise TarError("the stream ends inside a file")
        start, self._position = self._position, self._position + size
        return self._buffer[start : self._position]

    def _fill(self, size: int) -> bool:
        """Have `size` bytes at hand; False when the stream ends before."""
        held = len(self._buffer) - self._position
        if held >= size:
            return True
        pieces = [self._buffer[self._position :]]
        while held < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            pieces.append(chunk)
            held += len(chunk)
        self._buffer, self._position = b"".join(pieces), 0
        return held >= size

    def _skip(self, size: int) -> None:
        held = len(self._buffer) - self._position
        while size > held:
            size -= held
            chunk = next(self._chunks, None)
            if chunk is None:
                raise TarError("the stream ends inside a file")
            self._buffer, self._position, held = chunk, 0, len(chunk)
        self._position += size

    def _drain(self) -> None:
        """Take what follows the end of the archive: it is part of the digest."""
        for _ in self._chunks:
            pass


def _check(block: bytes, stated: bytes) -> None:
    """The header's checksum, counted with its own field as spaces; old tars counted signed."""
    # The low half of Adler-32 is one more than the sum, as long as that is below 65521.
    halves = (adler32(block[:_HALF]) & 0xFFFF) + (adler32(block[_HALF:]) & 0xFFFF) - 2
    total = halves - sum(stated) + 8 * 0x20
    expected = number(stated)
    if total == expected:
        return
    signed = sum(byte - 256 if byte > 127 else byte for byte in block[:148] + block[156:]) + 256
    if signed != expected:
        raise TarError(f"a header's checksum is {expected}, its bytes give {total}")


def _name(fields: tuple[bytes, ...]) -> bytes:
    name = fields[0].partition(b"\0")[0]
    prefix = fields[7].partition(b"\0")[0]
    is_posix = fields[6] == b"ustar\0"
    return prefix + b"/" + name if prefix and is_posix else name
