"""Binary packages (deb(5)): the Debian changelog inside, found without unpacking to disk."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sealmark.artifact.file import FileType
from sealmark.artifact.limits import Limits
from sealmark.artifact.tar import Member, TarReader
from sealmark.artifact.tar_fields import TarError
from sealmark.errors import UnreadableError
from sealmark.scan.vulnerabilities.debian_changelog import MAX_CHANGELOG
from sealmark.scan.vulnerabilities.unpacking import PackedError, bounded, unpacked, unpacked_whole

MAX_UNPACKED = 4 << 30
MAX_DOCUMENTATION = 4 * MAX_CHANGELOG
_MAX_MEMBERS = 16
_MAX_KEPT = 64
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
    """Return the changelogs a binary package holds. Raises DebFileError.

    A changelog that is damaged or too long is left out: the package's other one may do.
    """
    name, data = _data(content)
    found = _Found()
    try:
        pieces = unpacked(data, name.removeprefix("data.tar").removeprefix("."))
        reader = TarReader(bounded(pieces, MAX_UNPACKED), Limits())
        for member in reader:
            found.see(member, reader)
    except (TarError, PackedError) as error:
        raise DebFileError(f"{name[:40]!a}: {error}") from None
    return Documentation((*found.own, *found.others), tuple(found.links))


@dataclass(slots=True)
class _Found:
    """What a package's members gave so far, of a bounded size in all."""

    own: list[bytes] = field(default_factory=list)
    others: list[bytes] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    left: int = MAX_DOCUMENTATION

    def see(self, member: Member, reader: TarReader) -> None:
        """Keep a member if it is a changelog, or a link to another package's documentation."""
        if member.type is FileType.SYMLINK and _DIRECTORY.fullmatch(member.name):
            if len(self.links) < _MAX_KEPT:
                self.links.append(member.link.rpartition(b"/")[2].decode("ascii", "replace"))
            return
        match = _CHANGELOG.fullmatch(member.name)
        if match is None or member.type is not FileType.REGULAR or member.sparse:
            return
        if not 0 < member.stored <= MAX_CHANGELOG or len(self.own) + len(self.others) >= _MAX_KEPT:
            return
        try:
            limit = min(MAX_CHANGELOG, self.left)
            text = unpacked_whole(reader.body(), "gz" if match[2] else "", limit)
        except PackedError:
            return
        self.left -= len(text)
        (self.own if match[1] else self.others).append(text)


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
        if name == "data.tar" or name.startswith("data.tar."):
            if position + size > len(content):
                break
            return name, content[position : position + size]
        position += size + size % 2
    raise DebFileError("not a binary package: it is damaged or has no data.tar")
