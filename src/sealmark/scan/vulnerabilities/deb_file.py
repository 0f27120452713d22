"""Binary packages (deb(5)): the Debian changelog inside, found without unpacking to disk."""

from __future__ import annotations

import lzma
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealmark.artifact.file import FileType
from sealmark.artifact.limits import Limits
from sealmark.artifact.tar import TarReader
from sealmark.artifact.tar_fields import TarError
from sealmark.errors import UnreadableError
from sealmark.scan.vulnerabilities.debian_changelog import MAX_CHANGELOG

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_UNPACKED = 4 << 30
_MAX_MEMBERS = 16
_PIECE = 1 << 20
_MEMORY = 160 << 20
_MAGIC = b"!<arch>\n"
_DIRECTORY = re.compile(rb"(?:\./)?usr/share/doc/[^/]+/?")
_CHANGELOG = re.compile(rb"(?:\./)?usr/share/doc/[^/]+/changelog(\.Debian)?(\.gz)?")


class DebFileError(UnreadableError):
    """A file is no binary package, is damaged, or exceeds a limit."""


@dataclass(frozen=True, slots=True)
class Documentation:
    """The changelogs of a package, Debian's own first, and packages whose documentation it has."""

    changelogs: tuple[bytes, ...]
    links: tuple[str, ...]


def read_documentation(content: bytes) -> Documentation:
    """Return the changelogs a binary package holds. Raises DebFileError."""
    name, data = _data(content)
    found: list[tuple[bool, bytes]] = []
    links: list[str] = []
    reader = TarReader(_bounded(_unpack(name, data)), Limits())
    try:
        for member in reader:
            match = _CHANGELOG.fullmatch(member.name)
            if member.type is FileType.SYMLINK and _DIRECTORY.fullmatch(member.name):
                links.append(member.link.rpartition(b"/")[2].decode("ascii", "replace"))
            if match is None or member.type is not FileType.REGULAR or member.sparse:
                continue
            if member.stored > MAX_CHANGELOG:
                raise DebFileError(f"a changelog of {member.stored} bytes: at most {MAX_CHANGELOG}")
            found.append((match[1] is None, gunzip(reader.body()) if match[2] else reader.body()))
    except TarError as error:
        raise DebFileError(f"{name}: {error}") from None
    found.sort(key=lambda item: item[0])
    return Documentation(tuple(text for _, text in found), tuple(links[:_MAX_MEMBERS]))


def gunzip(content: bytes, limit: int = MAX_CHANGELOG) -> bytes:
    """Decompress one gzip member, up to `limit` bytes. Raises DebFileError."""
    reader = zlib.decompressobj(wbits=31)
    try:
        text = reader.decompress(content, limit + 1)
    except zlib.error as error:
        raise DebFileError(f"gzip: {error}") from None
    if len(text) > limit or not reader.eof:
        raise DebFileError(f"gzip: cut off, or more than {limit} bytes")
    return text


def unxz(content: bytes, limit: int) -> bytes:
    """Decompress xz, up to `limit` bytes. Raises DebFileError."""
    pieces, total = [], 0
    for piece in _unxz(content):
        total += len(piece)
        if total > limit:
            raise DebFileError(f"xz: more than {limit} bytes unpacked")
        pieces.append(piece)
    return b"".join(pieces)


def _data(content: bytes) -> tuple[str, bytes]:
    """Return the name and bytes of the ar member that holds the files."""
    if content[: len(_MAGIC)] != _MAGIC:
        raise DebFileError("not a binary package: no ar archive")
    position = len(_MAGIC)
    for _ in range(_MAX_MEMBERS):
        header = content[position : position + 60]
        if len(header) < 60 or header[58:] != b"`\n" or not header[48:58].strip().isdigit():
            break
        size = int(header[48:58])
        name = header[:16].decode("ascii", "replace").strip().rstrip("/")
        position += 60
        if name.startswith("data.tar"):
            if position + size > len(content):
                break
            return name, content[position : position + size]
        position += size + size % 2
    raise DebFileError("not a binary package: it is damaged or has no data.tar")


def _unpack(name: str, data: bytes) -> Iterator[bytes]:
    match name:
        case "data.tar":
            return (data[at : at + _PIECE] for at in range(0, len(data), _PIECE))
        case "data.tar.xz":
            return _unxz(data)
        case "data.tar.gz":
            return _ungzip(data)
        case "data.tar.zst":
            return _unzstd(data)
    raise DebFileError(f"{name[:40]!a} is compressed in a way that is not known")


def _bounded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > MAX_UNPACKED:
            raise DebFileError(f"more than {MAX_UNPACKED} bytes unpacked")
        yield piece


def _unxz(data: bytes) -> Iterator[bytes]:
    reader = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MEMORY)
    try:
        yield reader.decompress(data, _PIECE)
        while not reader.eof and not reader.needs_input:
            yield reader.decompress(b"", _PIECE)
    except (lzma.LZMAError, EOFError) as error:
        raise DebFileError(f"xz: {error}") from None
    if not reader.eof:
        raise DebFileError("xz: the stream is cut off")


def _ungzip(data: bytes) -> Iterator[bytes]:
    reader = zlib.decompressobj(wbits=31)
    try:
        while data and not reader.eof:
            yield reader.decompress(data, _PIECE)
            data = reader.unconsumed_tail
    except zlib.error as error:
        raise DebFileError(f"gzip: {error}") from None
    if not reader.eof:
        raise DebFileError("gzip: the stream is cut off")


def _unzstd(data: bytes) -> Iterator[bytes]:
    import zstandard

    reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(data)
    try:
        while piece := reader.read(_PIECE):
            yield piece
    except zstandard.ZstdError as error:
        raise DebFileError(f"zstd: {error}") from None
