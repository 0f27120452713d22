"""A layer as a table of paths, read in one pass from its blob and never unpacked to disk.

Whiteouts follow the OCI image specification, layer.md.
"""

from __future__ import annotations

import posixpath
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from sealmark.artifact.compression import unpack
from sealmark.artifact.digest import Digest, DigestMismatchError
from sealmark.artifact.file import FileEntry, FileType
from sealmark.artifact.tar import Member, TarReader
from sealmark.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sealmark.artifact.limits import Limits
    from sealmark.artifact.manifest import Descriptor

LAYER_VERSION = 1
_WHITEOUT = b".wh."
_OPAQUE = b".wh..wh..opq"
_NOTABLE_MODE = 0o6000
_KNOWN_TYPES = bytes(FileType)


class LayerError(UnreadableError):
    """A layer is longer than promised, a bomb, or a cached table that cannot be read."""


class Visitor(Protocol):
    """Who wants the content of files while a layer streams past."""

    def wants(self, path: bytes) -> bool:
        """Tell whether the content of this path is wanted."""
        ...

    def content(self, entry: FileEntry, content: bytes) -> None:
        """Take the content of a wanted regular file."""
        ...

    def without_content(self, entry: FileEntry, why: str) -> None:
        """Take note of a wanted path whose content did not come: a link, or too large."""
        ...


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


class _Builder:
    """Collects rows; the last writer of a path wins."""

    def __init__(self) -> None:
        self.rows: dict[bytes, int] = {}
        self.columns = tuple(array(code) for code in "BHQQQ")
        self.links: dict[int, bytes] = {}
        self.whiteouts: set[bytes] = set()
        self.opaque: set[bytes] = set()

    def add(self, path: bytes, member: Member, link: bytes) -> None:
        values = (member.type, member.mode, member.uid, member.gid, member.size)
        row = self.rows.get(path)
        if row is None:
            row = self.rows[path] = len(self.rows)
            for column, value in zip(self.columns, values, strict=True):
                column.append(value)
        else:
            for column, value in zip(self.columns, values, strict=True):
                column[row] = value
        self.links.pop(row, None)
        if link:
            self.links[row] = link

    def whiteout(self, path: bytes) -> bool:
        """Take a whiteout; False when `path` is none."""
        parent, name = posixpath.split(path)
        if not name.startswith(_WHITEOUT):
            return False
        if name == _OPAQUE:
            self.opaque.add(parent)
        elif not name.startswith(b".wh..wh.") and name != _WHITEOUT:
            self.whiteouts.add(posixpath.join(parent, name.removeprefix(_WHITEOUT)))
        return True

    def layer(self, unpacked_size: int) -> Layer:
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


class _Hashed:
    """Hashes and counts a stream as it goes by."""

    def __init__(self, chunks: Iterable[bytes], expected: Digest) -> None:
        self._chunks = chunks
        self._hash = expected.hasher()
        self.expected = expected
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._hash.update(chunk)
            self.size += len(chunk)
            yield chunk

    def check(self, what: str) -> None:
        got = Digest(self.expected.algorithm, self._hash.hexdigest())
        if got != self.expected:
            raise DigestMismatchError(what, self.expected, got)


def read_layer(
    chunks: Iterable[bytes],
    descriptor: Descriptor,
    diff_id: Digest,
    visitor: Visitor,
    limits: Limits,
) -> Layer:
    """Read a layer's blob in one pass, hashing it as stored and as unpacked.

    Raises UnreadableError (DigestMismatchError, LayerError, CompressionError, TarError) when the
    bytes are not what was promised or exceed a limit. What `visitor` was given by then is no
    evidence.
    """
    what = f"layer {descriptor.digest}"
    stored = _Hashed(_promised(chunks, descriptor), descriptor.digest)
    unpacked = _Hashed(unpack(stored, descriptor.media_type), diff_id)
    builder = _Builder()
    try:
        reader = TarReader(_bounded(unpacked, stored, limits), limits)
        for member in reader:
            _take(member, reader, builder, visitor, limits)
        for _ in stored:
            pass
    except UnreadableError as error:
        raise LayerError(f"{what}: {error}") from error
    stored.check(what)
    unpacked.check(f"{what}, unpacked (diff_id)")
    return builder.layer(unpacked.size)


def _promised(chunks: Iterable[bytes], descriptor: Descriptor) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > descriptor.size:
            raise LayerError(f"expected {descriptor.size} bytes, got more")
        yield chunk
    if size < descriptor.size:
        raise LayerError(f"expected {descriptor.size} bytes, got {size}")


def _bounded(unpacked: _Hashed, stored: _Hashed, limits: Limits) -> Iterator[bytes]:
    for chunk in unpacked:
        if unpacked.size > limits.unpacked:
            raise LayerError(f"unpacks to more than {limits.unpacked} bytes")
        if unpacked.size > limits.ratio_floor and unpacked.size > limits.ratio * stored.size:
            raise LayerError(
                f"{stored.size} bytes unpack to {unpacked.size} and more: a decompression bomb"
            )
        yield chunk


def _take(
    member: Member, reader: TarReader, builder: _Builder, visitor: Visitor, limits: Limits
) -> None:
    path = normal_path(member.name)
    if builder.whiteout(path):
        return
    link = normal_path(member.link) if member.type is FileType.HARDLINK else member.link
    if member.type not in (FileType.HARDLINK, FileType.SYMLINK):
        link = b""
    builder.add(path, member, link)
    if not visitor.wants(path) or member.type is FileType.DIRECTORY:
        return
    entry = FileEntry(path, member.type, member.mode, member.uid, member.gid, member.size, link)
    if member.type is not FileType.REGULAR:
        visitor.without_content(entry, "it is not a regular file")
    elif member.sparse or member.size > limits.content:
        visitor.without_content(entry, "it is sparse or too large")
    else:
        visitor.content(entry, reader.body())


def normal_path(name: bytes) -> bytes:
    """Return `name` relative to the root; `..` never leaves it."""
    if name and not name.startswith((b"/", b"./")) and b"/." not in name and b"//" not in name:
        plain = name.rstrip(b"/")
        if plain not in (b".", b"..") and not plain.startswith(b"../"):
            return plain
    return posixpath.normpath(b"/" + name).lstrip(b"/")
