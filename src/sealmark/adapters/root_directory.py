"""`dir:PATH`: a root file system on disk, walked without ever leaving it.

Every step opens one name below a directory that is already open, and never a link; so neither a
link nor a directory that is swapped for one while we look leads out of the root. Nothing but
directories and regular files is ever opened.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from sealmark.artifact.file import FileEntry, FileType
from sealmark.artifact.limits import DEFAULT_LIMITS
from sealmark.errors import UnreadableError, UsageError
from sealmark.scan.root_directory import Lost, Unread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A FIFO must not make us wait, a terminal not become ours.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_DEEPEST = 256
_MOST_STEPS = 1024
_VOLATILE = frozenset({b"dev", b"proc", b"run", b"sys", b"tmp"})
_MOUNTED = "another file system is mounted there"
_TYPES = {
    stat.S_IFREG: FileType.REGULAR,
    stat.S_IFDIR: FileType.DIRECTORY,
    stat.S_IFLNK: FileType.SYMLINK,
    stat.S_IFCHR: FileType.CHARACTER_DEVICE,
    stat.S_IFBLK: FileType.BLOCK_DEVICE,
    stat.S_IFIFO: FileType.FIFO,
}


class RootDirectory:
    """A directory as a root. Other file systems mounted below it are not entered.

    That is said of each, except of those that hold what comes and goes with the running system.
    """

    def __init__(self, descriptor: int, most_entries: int = DEFAULT_LIMITS.members) -> None:
        self._root = descriptor
        self._device = os.fstat(descriptor).st_dev
        self._most = most_entries

    def walk(self, below: bytes = b"") -> Iterator[FileEntry | Unread]:
        """Yield every entry, a directory before what it holds, and directories not read.

        Raises UnreadableError for absurdly many entries.
        """
        opened: list[int] = []
        pending = [(0, below)]
        left = self._most
        try:
            while pending:
                depth, directory = pending.pop()
                while len(opened) > depth:
                    os.close(opened.pop())
                try:
                    opened.append(self._descend(directory, opened))
                    names = self._names(opened[-1], left)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    if isinstance(error, NotADirectoryError) and not depth:
                        return  # what was asked for is a file: nothing lies below it
                    yield Unread(directory, error.strerror or "it cannot be read")
                    continue
                left -= len(names)
                deeper: list[bytes] = []
                yield from self._entries(directory, names, opened[-1], deeper)
                if deeper and directory.count(b"/") >= _DEEPEST:
                    yield Unread(directory, f"it is more than {_DEEPEST} directories deep")
                    continue
                pending += [(depth + 1, one) for one in reversed(deeper)]
        finally:
            for descriptor in opened:
                os.close(descriptor)

    def _descend(self, directory: bytes, opened: list[int]) -> int:
        """Open a directory from the one above it, which is open; the first one from the root."""
        if opened:
            return os.open(directory.rpartition(b"/")[2], _DIRECTORY, dir_fd=opened[-1])
        with self._open(directory) as first:
            return os.dup(first)

    def _names(self, opened: int, left: int) -> list[bytes]:
        if os.fstat(opened).st_dev != self._device:
            raise OSError(0, _MOUNTED)
        with os.scandir(opened) as listed:
            names = [os.fsencode(one.name) for one in islice(listed, left + 1)]
        if len(names) > left:
            raise UnreadableError(f"the root holds more than {self._most} entries")
        names.sort()
        return names

    def _entries(
        self, directory: bytes, names: list[bytes], opened: int, deeper: list[bytes]
    ) -> Iterator[FileEntry | Unread]:
        """Yield the entries of a directory, adding to `deeper` the directories to go into."""
        prefix = directory + b"/" if directory else b""
        for name in names:
            try:
                state = os.stat(name, dir_fd=opened, follow_symlinks=False)
                entry = _entry(prefix + name, name, state, opened)
            except OSError:
                continue  # it is gone
            if entry is None:
                continue
            yield entry
            if entry.type is not FileType.DIRECTORY:
                continue
            if state.st_dev == self._device:
                deeper.append(entry.path)
            elif entry.path.partition(b"/")[0] not in _VOLATILE:
                yield Unread(entry.path, _MOUNTED)

    def resolve(self, path: bytes) -> bytes | Lost:
        """Follow links inside the root to what `path` is."""
        done: list[bytes] = []
        todo = path.split(b"/")[::-1]
        links = DEFAULT_LIMITS.links
        for _ in range(_MOST_STEPS):
            if not todo:
                return b"/".join(done)
            part = todo.pop()
            if part == b"..":
                del done[-1:]
            if part in (b"", b".", b".."):
                continue
            try:
                link = self._link(done, part)
            except OSError:
                return Lost(circle=False)
            if link is None:
                done.append(part)
                continue
            links -= 1
            if links < 0 or len(done) > _DEEPEST:
                break
            if link.startswith(b"/"):
                done.clear()
            todo.extend(link.split(b"/")[::-1])
        return Lost(circle=True)

    def read(self, path: bytes, limit: int) -> bytes:
        """Return a regular file's bytes; links are not followed. Raises UnreadableError."""
        directory, _, name = path.rpartition(b"/")
        try:
            with self._open(directory) as parent:
                if os.fstat(parent).st_dev != self._device:
                    raise UnreadableError("it lies on another file system")
                state = os.stat(name or b".", dir_fd=parent, follow_symlinks=False)
                if not stat.S_ISREG(state.st_mode):  # opening a device can have effects
                    raise UnreadableError("it is not a regular file")
                descriptor = os.open(name, _FILE, dir_fd=parent)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise UnreadableError("it is not a regular file")
                content = file.read(limit + 1)
        except OSError as error:
            raise UnreadableError(error.strerror or "it cannot be read") from error
        if len(content) > limit:
            raise UnreadableError(f"larger than {limit} bytes")
        return content

    def _link(self, directory: list[bytes], name: bytes) -> bytes | None:
        """Return where a link leads, None for what is no link. Raises OSError for nothing."""
        with self._open(b"/".join(directory)) as parent:
            if not stat.S_ISLNK(os.lstat(name, dir_fd=parent).st_mode):
                return None
            return os.readlink(name, dir_fd=parent)

    @contextmanager
    def _open(self, directory: bytes) -> Iterator[int]:
        """Open a directory of the root, name by name. Raises OSError, also for a link."""
        descriptor = os.dup(self._root)
        try:
            for part in directory.split(b"/") if directory else ():
                deeper = os.open(part, _DIRECTORY, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = deeper
            yield descriptor
        finally:
            os.close(descriptor)


def _entry(path: bytes, name: bytes, state: os.stat_result, opened: int) -> FileEntry | None:
    """Return the entry of a name; None for a socket, which no image can hold. Raises OSError."""
    kind = _TYPES.get(stat.S_IFMT(state.st_mode))
    if kind is None:
        return None
    link = os.readlink(name, dir_fd=opened) if kind is FileType.SYMLINK else b""
    mode = stat.S_IMODE(state.st_mode)
    return FileEntry(path, kind, mode, state.st_uid, state.st_gid, state.st_size, link)


@contextmanager
def open_root(path: Path) -> Iterator[RootDirectory]:
    """Open a root file system for as long as the context lasts. Raises UsageError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    try:
        yield RootDirectory(descriptor)
    finally:
        os.close(descriptor)
