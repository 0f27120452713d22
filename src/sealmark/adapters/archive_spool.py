"""Archives that cannot be read in place, compressed ones and pipes, as a temporary file."""

from __future__ import annotations

import bz2
import lzma
import tempfile
from typing import IO, TYPE_CHECKING, Final

from sealmark.artifact.compression import CompressionError, decompress
from sealmark.artifact.limits import DEFAULT_LIMITS
from sealmark.errors import ServiceError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sealmark.artifact.limits import Limits

_CHUNK = 1 << 18
_XZ_MEMORY = 256 << 20
_MAGIC: Final = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\0": "xz",
    b"BZh": "bzip2",
}
LONGEST_MAGIC: Final = max(map(len, _MAGIC))


def compression_in(start: bytes) -> str:
    """Return how a file that begins so is compressed; "" if it is not, as far as we know."""
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), "")


def spool(file: IO[bytes], what: str, limits: Limits = DEFAULT_LIMITS) -> IO[bytes]:
    """Return a nameless temporary file with what `file` holds from here on, unpacked.

    Raises UnreadableError for a stream that is damaged or unpacks to absurdly much, ServiceError
    where there is no room.
    """
    source = _Counted(file)
    start = source.read(LONGEST_MAGIC)
    chunks = _with(start, source)
    spooled = tempfile.TemporaryFile(prefix="sealmark-")  # noqa: SIM115 # the caller closes it
    try:
        _fill(spooled, _unpacked(chunks, compression_in(start)), source, what, limits)
        spooled.seek(0)
    except BaseException:
        spooled.close()
        raise
    return spooled


def _fill(
    spooled: IO[bytes], pieces: Iterable[bytes], source: _Counted, what: str, limits: Limits
) -> None:
    total = 0
    try:
        for piece in pieces:
            total += len(piece)
            too_dense = total > max(limits.ratio_floor, limits.ratio * source.count)
            if total > limits.unpacked or too_dense:
                raise UnreadableError(f"{what} unpacks to over {total - len(piece)} bytes: refused")
            spooled.write(piece)
        spooled.flush()
    except CompressionError as error:
        raise UnreadableError(f"{what}: {error}") from error
    except OSError as error:
        raise ServiceError(
            f"{what} cannot be copied to {tempfile.gettempdir()}: {error.strerror}; "
            "set TMPDIR to where there is room"
        ) from error


class _Counted:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.count = 0

    def read(self, size: int) -> bytes:
        content = self._file.read(size)
        self.count += len(content)
        return content


def _with(start: bytes, source: _Counted) -> Iterator[bytes]:
    yield start
    while chunk := source.read(_CHUNK):
        yield chunk


def _unpacked(chunks: Iterable[bytes], kind: str) -> Iterator[bytes]:
    if kind in ("xz", "bzip2"):
        return _streams(chunks, kind)
    return decompress(chunks, kind)


def _streams(chunks: Iterable[bytes], kind: str) -> Iterator[bytes]:
    """Streams may follow each other, and zeros them."""
    reader: bz2.BZ2Decompressor | lzma.LZMADecompressor | None = None
    try:
        for chunk in chunks:
            pending = chunk if reader else chunk.lstrip(b"\0")
            while pending or (reader and not reader.needs_input):
                reader = reader or _reader(kind)
                yield reader.decompress(pending, _CHUNK)
                pending = b""
                if reader.eof:
                    pending, reader = reader.unused_data.lstrip(b"\0"), None
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise CompressionError(f"{kind} stream is damaged: {error}") from error
    if reader is not None:
        raise CompressionError(f"{kind} stream is cut off")


def _reader(kind: str) -> bz2.BZ2Decompressor | lzma.LZMADecompressor:
    if kind == "bzip2":
        return bz2.BZ2Decompressor()
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
