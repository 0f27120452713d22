"""Reads tar headers from a stream (POSIX.1-2017 pax, ustar, GNU), skipping file bodies.

Written for speed: the standard library's reader is the bottleneck of a scan (docs/benchmarks.md).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sealmark.artifact.file import FileType
from sealmark.errors import UnreadableError

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
_FIELDS = struct.Struct("100s8s8s8s12s12s8s1s100s6s2s32s32s8s8s155s12x")
_LARGEST = 1 << 60


class TarError(UnreadableError):
    """A tar stream is damaged, cut off or beyond a limit."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member as written. `stored` is the bytes its body takes, `size` its apparent size."""

    name: bytes
    type: FileType
    mode: int
    uid: int
    gid: int
    size: int
    stored: int
    link: bytes
    sparse: bool


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
        """Return the current member's body as stored."""
        size, self._pending = self._pending, 0
        content = self._read(size)
        self._skip(self._padding)
        self._padding = 0
        return content

    def _next(self) -> Member | None:
        extended = _Extended()
        while True:
            self._skip(self._pending + self._padding)
            self._pending = self._padding = 0
            block = self._block()
            if block is None or block == _ZEROS:
                return None
            fields = _FIELDS.unpack(block)
            _check(block, fields[6])
            kind, size = fields[7], _number(fields[4])
            if kind in b"xgLK" and kind != b"":
                self._extend(extended, kind, size)
                continue
            return self._member(fields, extended, size)

    def _extend(self, extended: _Extended, kind: bytes, size: int) -> None:
        if size > self._limits.extended_header:
            raise TarError(f"extended header of {size} bytes")
        self._pending, self._padding = size, -size % BLOCK
        content = self.body()
        if kind == b"x":
            extended.pax.update(_records(content))
        elif kind == b"g":
            self._global.update(_records(content))
        elif kind == b"L":
            extended.name = content.rstrip(b"\0")
        else:
            extended.link = content.rstrip(b"\0")

    def _member(self, fields: tuple[bytes, ...], extended: _Extended, size: int) -> Member:
        pax = {**self._global, **extended.pax} if self._global else extended.pax
        stored = _decimal(pax, b"size", size)
        kind = _TYPES.get(fields[7], FileType.REGULAR)
        name = extended.name if extended.name is not None else _name(fields)
        link = extended.link if extended.link is not None else fields[8].partition(b"\0")[0]
        name = pax.get(b"GNU.sparse.name", pax.get(b"path", name))
        if kind is FileType.REGULAR and name.endswith(b"/"):
            kind = FileType.DIRECTORY
        if len(name) > self._limits.path or b"\0" in name:
            raise TarError("a path is too long or holds a NUL")
        if kind not in (FileType.REGULAR, FileType.HARDLINK):
            stored = 0
        if kind is FileType.HARDLINK and b"size" not in pax:
            stored = 0
        sparse = fields[7] == b"S" or any(key.startswith(b"GNU.sparse.") for key in pax)
        apparent = self._apparent(fields, pax, stored) if sparse else stored
        self._pending, self._padding = stored, -stored % BLOCK
        return Member(
            name,
            kind,
            _number(fields[1]) & 0o7777,
            _decimal(pax, b"uid", _number(fields[2])),
            _decimal(pax, b"gid", _number(fields[3])),
            apparent,
            stored,
            pax.get(b"linkpath", link),
            sparse,
        )

    def _apparent(self, fields: tuple[bytes, ...], pax: dict[bytes, bytes], stored: int) -> int:
        """The size of a sparse file, holes included (GNU tar manual, "Sparse Formats")."""
        if fields[7] != b"S":
            size = _decimal(pax, b"GNU.sparse.size", stored)
            return _decimal(pax, b"GNU.sparse.realsize", size)
        # The old format keeps the size at offset 483 and continues the map in further blocks.
        tail = fields[15]
        size = _number(tail[138:150])
        more = tail[137:138] == b"\1"
        while more:
            block = self._block()
            if block is None:
                raise TarError("the stream ends inside a sparse map")
            more = block[504:505] == b"\1"
        return size

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
    total = sum(block) - sum(stated) + 8 * 0x20
    expected = _number(stated)
    if total == expected:
        return
    signed = sum(byte - 256 if byte > 127 else byte for byte in block[:148] + block[156:]) + 256
    if signed != expected:
        raise TarError(f"a header's checksum is {expected}, its bytes give {total}")


def _number(text: bytes) -> int:
    """Octal, or GNU's base 256 when the first bit is set. Raises TarError for the absurd."""
    if text[0] & 0x80:
        value = int.from_bytes(text, "big") & ((1 << (len(text) * 8 - 1)) - 1)
        if text[0] & 0x40 or value > _LARGEST:
            raise TarError("a header holds a negative or absurd number")
        return value
    digits = text.strip(b" \0")
    if not digits:
        return 0
    try:
        value = int(digits.partition(b"\0")[0], 8)
    except ValueError as error:
        raise TarError(f"a header holds {digits[:16]!r} for a number") from error
    if value < 0:
        raise TarError("a header holds a negative number")
    return value


def _decimal(pax: dict[bytes, bytes], key: bytes, default: int) -> int:
    text = pax.get(key)
    if text is None:
        return default
    if not text.isdigit() or len(text) > 19 or int(text) > _LARGEST:
        raise TarError(f"a pax header holds {text[:32]!r} for {key.decode()}")
    return int(text)


def _name(fields: tuple[bytes, ...]) -> bytes:
    name = fields[0].partition(b"\0")[0]
    prefix = fields[15].partition(b"\0")[0]
    is_posix = fields[9] == b"ustar\0"
    return prefix + b"/" + name if prefix and is_posix else name


def _records(content: bytes) -> dict[bytes, bytes]:
    """`length key=value` lines (pax, "Extended Header")."""
    found: dict[bytes, bytes] = {}
    position = 0
    while position < len(content) and content[position]:
        digits, space, _ = content[position : position + 20].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        record = content[position : position + length]
        key, equals, value = record[len(digits) + 1 :].partition(b"=")
        if not space or len(record) < length or not equals or not value.endswith(b"\n"):
            raise TarError("a pax header is damaged")
        found[key] = value[:-1]
        position += length
    return found
