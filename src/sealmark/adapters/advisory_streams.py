"""Bytes of feed files as streams: unpacked, hashed, and never more of them than allowed."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, cast

from sealmark.errors import UnreadableError
from sealmark.scan.vulnerabilities.osv import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1 << 16
_MAX_WINDOW = 1 << 27


class FeedFileError(UnreadableError):
    """A feed file cannot be read, is none, or exceeds a limit."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that is read.

    Bytes of one stream, of one document, of one line, of an archive's directory; members of one
    archive.
    """

    stream: int = 8 << 30
    document: int = 512 << 20
    line: int = MAX_RECORD_BYTES
    directory: int = 64 << 20
    members: int = 2_000_000


class HashingStream(io.RawIOBase):
    """Hashes the bytes of a file while they are read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._state = hashlib.sha256()

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill `buffer` from the file."""
        view = memoryview(cast("bytearray", buffer))
        content = self._stream.read(len(view))
        view[: len(content)] = content
        self._state.update(content)
        return len(content)

    def drain(self) -> None:
        """Read what a decompressor left unread, so that the digest covers the whole file."""
        while self.read(_CHUNK):
            pass

    def digest(self) -> str:
        """Return the digest of what was read."""
        return f"sha256:{self._state.hexdigest()}"

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        super().close()


class _Capped(io.RawIOBase):
    """Stops with an error once more than `limit` bytes came out of a stream."""

    def __init__(self, stream: IO[bytes], limit: int, label: str) -> None:
        self._stream = stream
        self._left = limit
        self._limit = limit
        self._label = label

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        content = self._stream.read(len(view))
        self._left -= len(content)
        if self._left < 0:
            raise FeedFileError(f"{self._label}: unpacks to more than {self._limit} bytes")
        view[: len(content)] = content
        return len(content)

    def close(self) -> None:
        self._stream.close()
        super().close()


def unpacked(stream: IO[bytes] | io.RawIOBase, name: str, limits: Limits) -> IO[bytes]:
    """Return the content of a file, decompressed if its name says that it is compressed."""
    inner = cast("IO[bytes]", stream)
    suffix = PurePosixPath(name).suffix
    if suffix == ".zst":
        import zstandard

        decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
        content = cast(
            "IO[bytes]",
            decompressor.stream_reader(inner, read_across_frames=True, closefd=False),
        )
    elif suffix in (".gz", ".tgz"):
        content = cast("IO[bytes]", gzip.GzipFile(fileobj=inner))
    else:
        content = inner
    return cast("IO[bytes]", io.BufferedReader(_Capped(content, limits.stream, name), _CHUNK))


def bounded_lines(stream: IO[bytes], label: str, limits: Limits) -> Iterator[bytes]:
    """Yield the lines of a stream. Raises FeedFileError for one that is too long."""
    while line := stream.readline(limits.line + 1):
        if len(line) > limits.line:
            raise FeedFileError(f"{label}: a line of more than {limits.line} bytes")
        yield line


@contextmanager
def own_errors(label: str) -> Iterator[None]:
    """Turn what decompressors and archive readers raise into FeedFileError."""
    from zstandard import ZstdError

    try:
        yield
    except (
        OSError,
        EOFError,
        ValueError,
        RuntimeError,
        NotImplementedError,
        zlib.error,
        ZstdError,
        zipfile.BadZipFile,
        tarfile.TarError,
    ) as error:
        raise FeedFileError(f"{label}: {printable(str(error))}") from None


def printable(text: str) -> str:
    """Return foreign text as it may stand in a message."""
    text = text[:200]
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
