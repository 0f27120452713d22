"""What Debian compresses, unpacked in bounded pieces: xz, gzip, zstd.

Streams may follow each other in one file, and all of them count: who reads only the first of
them does not see what the signed digest vouches for.
"""

from __future__ import annotations

import lzma
from typing import TYPE_CHECKING

from sealmark.artifact.compression import (
    CompressionError,
    CutOffError,
    decompress,
    unpack_members,
)
from sealmark.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator

_INPUT = 1 << 16
_MEMORY = 160 << 20


class PackedError(UnreadableError):
    """A compressed file is damaged, cut off, of an unknown kind, or unpacks beyond its limit."""


def unpacked(content: bytes, kind: str) -> Iterator[bytes]:
    """Yield what `content` unpacks to; `kind` is a file's ending: "", "xz", "gz" or "zst".

    Raises PackedError.
    """
    match kind:
        case "":
            return _chunks(content)
        case "xz":
            return _unxz(content)
        case "gz":
            return _decompressed(content, "gzip")
        case "zst":
            return _decompressed(content, "zstd")
    raise PackedError(f"{kind[:20]!a} is no compression that is known")


def unpacked_whole(content: bytes, kind: str, limit: int) -> bytes:
    """Return all of what `content` unpacks to, up to `limit` bytes. Raises PackedError."""
    return b"".join(bounded(unpacked(content, kind), limit))


def bounded(pieces: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """Yield `pieces` until they come to more than `limit` bytes. Raises PackedError then."""
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > limit:
            raise PackedError(f"more than {limit} bytes unpacked")
        yield piece


def _chunks(content: bytes) -> Iterator[bytes]:
    return (content[at : at + _INPUT] for at in range(0, len(content), _INPUT))


def _decompressed(content: bytes, kind: str) -> Iterator[bytes]:
    try:
        yield from decompress(_chunks(content), kind)
    except CompressionError as error:
        raise PackedError(str(error)) from None


def _unxz(content: bytes) -> Iterator[bytes]:
    """Streams may follow each other; zero bytes may pad them (xz file format, section 2)."""
    try:
        yield from unpack_members(_fresh, _chunks(content), padding=b"\0")
    except CutOffError:
        raise PackedError("the xz stream is cut off") from None
    except (lzma.LZMAError, EOFError, MemoryError) as error:
        raise PackedError(f"the xz stream is damaged or asks for too much: {error}") from None


def _fresh() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MEMORY)
