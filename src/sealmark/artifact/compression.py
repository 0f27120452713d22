"""Streaming decompression of layers: gzip, zstd or none, by media type, held to limits."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Protocol, cast

from sealmark.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_INPUT = 1 << 16
_OUTPUT = 1 << 20
_LAYER_TYPES = (
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
)


class CompressionError(UnreadableError):
    """A layer's media type is not known, or its compressed stream is damaged or cut off."""


class CutOffError(Exception):
    """A compressed stream ends before its end."""


class Decompressor(Protocol):
    """What the decompressors of the standard library and of isal have in common."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes of what it was given."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What came after the end."""
        ...

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        """Take `data` and return at most `max_length` bytes."""
        ...


def compression_of(media_type: str) -> str:
    """Return "", "gzip" or "zstd" for a layer's media type; raise CompressionError otherwise."""
    for known in _LAYER_TYPES:
        if media_type == known:
            return ""
        for separator in "+.":
            for kind in ("gzip", "zstd"):
                if media_type == f"{known}{separator}{kind}":
                    return kind
    raise CompressionError(f"unknown layer media type {media_type[:120]!r}")


def unpack(chunks: Iterable[bytes], media_type: str) -> Iterator[bytes]:
    """Yield the tar stream of a layer in bounded pieces. Raises CompressionError."""
    return decompress(chunks, compression_of(media_type))


def decompress(chunks: Iterable[bytes], kind: str) -> Iterator[bytes]:
    """Yield what `gzip` or `zstd` packed, or what "" left as it is. Raises CompressionError."""
    if kind == "gzip":
        return _gunzip(chunks)
    return _unzstd(chunks) if kind == "zstd" else iter(chunks)


def _gunzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Members may follow each other (RFC 1952 section 2.2)."""
    from isal import igzip_lib

    # The stub calls the exception class a value.
    damaged = cast("type[Exception]", igzip_lib.IsalError)
    try:
        yield from unpack_members(
            lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP), _pieces(chunks)
        )
    except CutOffError:
        raise CompressionError("gzip stream is cut off") from None
    except (damaged, EOFError) as error:
        raise CompressionError(f"gzip stream is damaged: {error}") from error


def unpack_members(
    fresh: Callable[[], Decompressor], pieces: Iterable[bytes], padding: bytes = b""
) -> Iterator[bytes]:
    """Yield what streams that follow each other unpack to, with `padding` between them.

    Raises CutOffError, and what the decompressors of `fresh` raise.
    """
    reader, begun, anything = fresh(), False, False
    for piece in pieces:
        pending = piece if begun else piece.lstrip(padding)
        while pending:
            anything, begun = True, True
            yield reader.decompress(pending, _OUTPUT)
            while not reader.needs_input and not reader.eof:
                yield reader.decompress(b"", _OUTPUT)
            pending = b""
            if reader.eof:
                pending, reader, begun = reader.unused_data.lstrip(padding), fresh(), False
    if begun or not anything:
        raise CutOffError


def _unzstd(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Frames may follow each other (RFC 8878 section 3); the window is bounded."""
    import zstandard

    reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(
        cast("IO[bytes]", _Chunks(chunks)), read_across_frames=True
    )
    try:
        while piece := reader.read(_OUTPUT):
            yield piece
    except zstandard.ZstdError as error:
        raise CompressionError(f"zstd stream is damaged: {error}") from error


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield small pieces: at the end of each member the rest of its piece is copied."""
    return (
        chunk[start : start + _INPUT] for chunk in chunks for start in range(0, len(chunk), _INPUT)
    )


class _Chunks:
    """The `read` that zstandard asks for, over an iterable; it takes pieces of any size."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._pieces = _pieces(chunks)

    def read(self, _: int = -1) -> bytes:
        return next(self._pieces, b"")
