"""A tar file on disk as a table of where each member's bytes lie; nothing is unpacked."""

from __future__ import annotations

import os
import posixpath
import stat
import sys
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, NamedTuple

from sealmark.adapters.archive_spool import LONGEST_MAGIC, compression_in, spool
from sealmark.artifact.file import FileType
from sealmark.artifact.limits import Limits
from sealmark.artifact.tar import BLOCK, Member, TarReader
from sealmark.artifact.tar_fields import TarError
from sealmark.errors import UnreadableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK = 1 << 20
_LIMITS = Limits(members=100_000, path=4096)
_MOST_LINKS = 8


class _Place(NamedTuple):
    offset: int
    size: int


class Archive:
    """The members of a tar file by name; of two members with one name the later counts."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._file = file
        self._places: dict[bytes, _Place] = {}
        self._links: dict[bytes, bytes] = {}
        members = _Members(file)
        try:
            for member in members:
                self._take(member, members.offset)
        except TarError as error:
            raise UnreadableError(f"{path}: {error}") from error

    def __str__(self) -> str:
        return str(self._path)

    def __contains__(self, name: str) -> bool:
        return self.real_name(name) in self._places

    def read(self, name: str, limit: int) -> bytes:
        """Return a member's bytes. Raises UnreadableError, also for more than `limit` bytes."""
        place = self._place(name)
        if place.size > limit:
            raise UnreadableError(f"{self._path}: {name} is larger than {limit} bytes")
        return b"".join(self._chunks(place))

    @contextmanager
    def open(self, name: str) -> Iterator[Iterator[bytes]]:
        """Open a member as chunks. Raises UnreadableError."""
        yield self._chunks(self._place(name))

    def size(self, name: str) -> int:
        """Return how many bytes a member holds. Raises UnreadableError."""
        return self._place(name).size

    def real_name(self, name: str) -> bytes:
        """Return the name of the member that `name` leads to over links."""
        found = _normalised(b"", name.encode("utf-8", "replace"))
        for _ in range(_MOST_LINKS):
            found = self._links.get(found, found)
        return found

    def _take(self, member: Member, offset: int) -> None:
        name = _normalised(b"", member.name)
        self._places.pop(name, None)
        self._links.pop(name, None)
        if member.type is FileType.REGULAR and not member.sparse:
            self._places[name] = _Place(offset, member.stored)
        elif member.type is FileType.SYMLINK:
            self._links[name] = _normalised(posixpath.dirname(name), member.link)
        elif member.type is FileType.HARDLINK:
            self._links[name] = _normalised(b"", member.link)

    def _place(self, name: str) -> _Place:
        place = self._places.get(self.real_name(name))
        if place is None:
            raise UnreadableError(f"{self._path} has no file {name[:200]!r}")
        return place

    def _chunks(self, place: _Place) -> Iterator[bytes]:
        offset, end = place.offset, place.offset + place.size
        while offset < end:
            try:
                chunk = os.pread(self._file.fileno(), min(_CHUNK, end - offset), offset)
            except OSError as error:
                raise UnreadableError(f"{self._path}: {error.strerror}") from error
            if not chunk:
                raise UnreadableError(f"{self._path} became shorter while it was read")
            offset += len(chunk)
            yield chunk


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open an archive for as long as the context lasts; `-` is standard input.

    What is compressed or comes out of a pipe is copied to a temporary file first. Raises UsageError
    where there is no archive, UnreadableError for a damaged one.
    """
    with ExitStack() as opened:
        file = _standard_input() if str(path) == "-" else opened.enter_context(_open(path))
        if not _is_plain(file):
            file = opened.enter_context(spool(file, str(path)))
        yield Archive(path, file)


def _standard_input() -> IO[bytes]:
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("no archive comes over standard input")
    return sys.stdin.buffer


def _open(path: Path) -> IO[bytes]:
    try:
        if not _readable(path.stat().st_mode):
            raise UsageError(f"{path} is no file")
        return path.open("rb")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _readable(mode: int) -> bool:
    return stat.S_ISREG(mode) or stat.S_ISFIFO(mode)


def _is_plain(file: IO[bytes]) -> bool:
    """Return whether an archive can be read where it lies; rewinds it."""
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return False
    start = file.read(LONGEST_MAGIC)
    file.seek(0)
    return not compression_in(start)


def _normalised(directory: bytes, name: bytes) -> bytes:
    """Return where `name`, seen from `directory`, lies; raise TarError if that is outside."""
    done = directory.split(b"/") if directory else []
    for part in name.split(b"/"):
        if part == b"..":
            if not done:
                raise TarError(f"{name[:200]!r} leads out of the archive")
            done.pop()
        elif part not in (b"", b"."):
            done.append(part)
    return b"/".join(done)


class _Members(TarReader):
    """Members of a file, passing over their bodies without reading them."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(iter(lambda: file.read(BLOCK), b""), _LIMITS)
        self._file = file
        self._end = os.fstat(file.fileno()).st_size

    @property
    def offset(self) -> int:
        """Where the current member's body begins."""
        return self._file.tell() - len(self._buffer) + self._position

    def _skip(self, size: int) -> None:
        target = self.offset + size
        if target > self._end:
            raise TarError("the archive is cut off inside a file")
        self._file.seek(target)
        self._buffer, self._position = b"", 0

    def _drain(self) -> None:
        """Nothing after the end of the archive is looked at."""
