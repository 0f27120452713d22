"""From a root file system on disk to its inventory, read as the layers of an image are."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

from sealmark.artifact.file import FileType, display_path
from sealmark.errors import UnreadableError
from sealmark.evidence.component import Location
from sealmark.evidence.inventory import Inventory, NotableFile, Problem
from sealmark.scan.image import MOST_NOTABLE, why_notable
from sealmark.scan.inventory.assemble import assemble
from sealmark.scan.inventory.dispatch import (
    WELL_KNOWN,
    WELL_KNOWN_DIRECTORIES,
    affected,
    read_file,
    refuse,
    same_reader,
    size_limit,
    wants,
)
from sealmark.scan.inventory.registry import READERS
from sealmark.scan.linked import CIRCLE, MOST_LINKED, NOWHERE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealmark.artifact.file import FileEntry
    from sealmark.scan.inventory.facts import FileFacts

_MOST_UNREAD = 1000
_SPECIAL = (FileType.CHARACTER_DEVICE, FileType.BLOCK_DEVICE)


class Unread(NamedTuple):
    """A directory whose entries are not known, and why."""

    path: bytes
    why: str


class Lost(NamedTuple):
    """A path that links do not lead anywhere, and whether they lead in a circle."""

    circle: bool


class RootSource(Protocol):
    """A root file system. It hands out entries and bytes, and never leaves its root."""

    def walk(self, below: bytes = b"") -> Iterator[FileEntry | Unread]:
        """Yield every entry in a stable order, links as such, and directories not read."""
        ...

    def resolve(self, path: bytes) -> bytes | Lost:
        """Follow links inside the root to what `path` is."""
        ...

    def read(self, path: bytes, limit: int) -> bytes:
        """Return a regular file's bytes; links are not followed. Raises UnreadableError."""
        ...


def look_at_root(source: RootSource) -> Inventory:
    """Take the inventory of a root file system; what cannot be read is a problem in it."""
    look = _Look(source)
    for found in source.walk():
        look.take(found)
    look.follow_links()
    system, components, problems = assemble((None, *fact) for fact in look.facts.items())
    return Inventory(
        operating_system=system,
        components=components,
        files=tuple(islice(sorted(look.notable, key=_path), MOST_NOTABLE)),
        errors=(*problems, *_unread(look.unread)),
    )


class _Look:
    """What the walk has shown so far."""

    def __init__(self, source: RootSource) -> None:
        self._source = source
        self._linked: list[bytes] = []
        self.facts: dict[bytes, FileFacts] = {}
        self.notable: list[NotableFile] = []
        self.unread: list[Unread] = []

    def take(self, found: FileEntry | Unread) -> None:
        if isinstance(found, Unread):
            self.unread.append(found)
            return
        if _is_notable(found):
            self.notable.append(_notable(found))
            if len(self.notable) > 2 * MOST_NOTABLE:
                self.notable = sorted(self.notable, key=_path)[:MOST_NOTABLE]
        if found.type is FileType.DIRECTORY or not wants(found.path):
            return
        if found.type is FileType.SYMLINK:
            self._linked.append(found.path)
        elif found.type is not FileType.REGULAR:
            self.facts[found.path] = refuse(found.path, "it is not a regular file")
        else:
            self.facts[found.path] = self._read(found.path, found.path)

    def follow_links(self) -> None:
        """Read what wanted links lead to, unless it is read under its own name."""
        links = frozenset(self._linked)
        own = frozenset(self.facts)
        paths = dict.fromkeys((*WELL_KNOWN, *self._linked, *self._in_linked_directories()))
        for count, path in enumerate(path for path in paths if path not in own):
            if count >= MOST_LINKED:
                self.facts[path] = refuse(path, "too many files are links")
                continue
            target = self._source.resolve(path)
            if isinstance(target, bytes):
                if target not in own or not same_reader(path, target):
                    self.facts[path] = self._read(path, target)
            elif path in links and affected(path):
                self.facts[path] = refuse(path, CIRCLE if target.circle else NOWHERE)

    def _in_linked_directories(self) -> Iterator[bytes]:
        for wanted in WELL_KNOWN_DIRECTORIES:
            target = self._source.resolve(wanted)
            if not isinstance(target, bytes) or target == wanted:
                continue
            skipped = len(target) + 1 if target else 0
            for found in self._source.walk(target):
                if isinstance(found, Unread):
                    self.unread.append(found)
                    continue
                name = wanted + b"/" + found.path[skipped:]
                if found.type is not FileType.DIRECTORY and wants(name):
                    yield name

    def _read(self, path: bytes, target: bytes) -> FileFacts:
        try:
            return read_file(path, self._source.read(target, size_limit(path)))
        except UnreadableError as error:
            return refuse(path, str(error))


def _path(file: NotableFile) -> str:
    return file.location.path


def _is_notable(entry: FileEntry) -> bool:
    return entry.type in _SPECIAL or (entry.type is FileType.REGULAR and bool(entry.mode & 0o6000))


def _notable(entry: FileEntry) -> NotableFile:
    return NotableFile(
        why=why_notable(entry),
        location=Location(display_path(entry.path)),
        mode=entry.mode,
        uid=entry.uid,
        gid=entry.gid,
        size=entry.size,
    )


def _unread(directories: list[Unread]) -> Iterator[Problem]:
    for found in directories[:_MOST_UNREAD]:
        yield Problem(
            what=f"directory not read: {found.why}",
            location=Location(display_path(found.path)),
            affects=_may_lie_below(found.path),
        )
    rest = directories[_MOST_UNREAD:]
    if rest:
        affects = {kind for found in rest for kind in _may_lie_below(found.path)}
        what = f"and {len(rest)} more directories not read"
        yield Problem(what=what, affects=tuple(sorted(affects)))


def _may_lie_below(directory: bytes) -> tuple[str, ...]:
    """Return the package types whose files a directory might hold."""
    below = directory + b"/" if directory else b""
    affects = {
        kind
        for reader in READERS
        if reader.basenames
        or reader.suffixes
        or any(path.startswith(below) for path in reader.paths)
        or any(where.startswith(below) or below.startswith(where) for where in reader.directories)
        for kind in reader.affects
    }
    return tuple(sorted(affects))
