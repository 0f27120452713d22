"""Reading a layer's blob in one pass, checked as it streams; never unpacked to disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sealmark.artifact.building import TableBuilder
from sealmark.artifact.compression import unpack
from sealmark.artifact.digest import Digest, DigestMismatchError
from sealmark.artifact.file import FileType
from sealmark.artifact.table import LayerError, normal_path
from sealmark.artifact.tar import Member, TarReader
from sealmark.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sealmark.artifact.file import FileEntry
    from sealmark.artifact.limits import Limits
    from sealmark.artifact.manifest import Descriptor
    from sealmark.artifact.table import Layer


class Visitor(Protocol):
    """Who wants the content of files while a layer streams past."""

    def wants(self, path: bytes) -> bool:
        """Tell whether the content of this path is wanted."""
        ...

    def size_limit(self, path: bytes) -> int:
        """Return how many bytes of a wanted path are read at most."""
        ...

    def content(self, entry: FileEntry, content: bytes) -> None:
        """Take the content of a wanted regular file."""
        ...

    def linked(self, entry: FileEntry) -> None:
        """Take note of a wanted path that is a hard link or a symbolic link."""
        ...

    def without_content(self, entry: FileEntry, why: str) -> None:
        """Take note of a wanted path whose content does not come, and why."""
        ...


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
    builder = TableBuilder(limits)
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
    return builder.table(unpacked.size)


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
        ratio = limits.ratio if unpacked.size <= limits.large else limits.large_ratio
        if unpacked.size > limits.ratio_floor and unpacked.size > ratio * stored.size:
            raise LayerError(
                f"{stored.size} bytes unpack to {unpacked.size} and more: a decompression bomb"
            )
        yield chunk


def _take(
    member: Member, reader: TarReader, builder: TableBuilder, visitor: Visitor, limits: Limits
) -> None:
    path = builder.place(normal_path(member.name))
    if builder.whiteout(path):
        return
    if not path and member.type is not FileType.DIRECTORY:
        return  # the root itself is a directory; containerd passes over such a member, too
    builder.add(path, member)
    if not visitor.wants(path) or member.type is FileType.DIRECTORY:
        return
    entry = builder.last(path, member)
    if member.type in (FileType.HARDLINK, FileType.SYMLINK):
        visitor.linked(entry)
    elif member.type is not FileType.REGULAR:
        visitor.without_content(entry, "it is not a regular file")
    elif max(member.size, member.stored) > min(limits.content, visitor.size_limit(path)):
        visitor.without_content(entry, f"{member.size} bytes are too large")
    else:
        visitor.content(entry, reader.body())
