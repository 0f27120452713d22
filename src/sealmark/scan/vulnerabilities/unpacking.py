"""What Debian compresses, unpacked in bounded pieces: xz, gzip, zstd.

Streams may follow each other in one file, and all of them count: who reads only the first of
them does not see what the signed digest vouches for.
"""

from __future__ import annotations

import lzma
from typing import TYPE_CHECKING

from sealmark.artifact.compression import CompressionError, unpack
from sealmark.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator

_INPUT = 1 << 16
_OUTPUT = 1 << 20
_MEMORY = 160 << 20
_TAR = "application/vnd.oci.image.layer.v1.tar"


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
            return _as_layer(content, f"{_TAR}+gzip")
        case "zst":
            return _as_layer(content, f"{_TAR}+zstd")
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


def _as_layer(content: bytes, media_type: str) -> Iterator[bytes]:
    try:
        yield from unpack(_chunks(content), media_type)
    except CompressionError as error:
        raise PackedError(str(error)) from None


def _unxz(content: bytes) -> Iterator[bytes]:
    """Streams may follow each other; zero bytes may pad them (xz file format, section 2)."""
    reader, begun, anything = _fresh(), False, False
    try:
        for chunk in _chunks(content):
            pending = chunk if begun else chunk.lstrip(b"\0")
            while pending:
                anything, begun = True, True
                yield reader.decompress(pending, _OUTPUT)
                while not reader.needs_input and not reader.eof:
                    yield reader.decompress(b"", _OUTPUT)
                pending = b""
                if reader.eof:
                    pending, reader, begun = reader.unused_data.lstrip(b"\0"), _fresh(), False
    except (lzma.LZMAError, EOFError, MemoryError) as error:
        raise PackedError(f"the xz stream is damaged or asks for too much: {error}") from None
    if begun or not anything:
        raise PackedError("the xz stream is cut off")


def _fresh() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MEMORY)
