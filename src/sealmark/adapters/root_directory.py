"""`dir:PATH`: a root file system on disk, walked without ever leaving it.

Every step opens one name below a directory that is already open, and never a link; so neither a
link nor a directory that is swapped for one while we look leads out of the root.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealmark.artifact.file import FileEntry, FileType
from sealmark.artifact.limits import DEFAULT_LIMITS
from sealmark.errors import UnreadableError, UsageError
from sealmark.scan.root_directory import Unread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A FIFO must not make us wait, a terminal not become ours.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_DEEPEST = 256
_TYPES = {
    stat.S_IFREG: FileType.REGULAR,
    stat.S_IFDIR: FileType.DIRECTORY,
    stat.S_IFLNK: FileType.SYMLINK,
    stat.S_IFCHR: FileType.CHARACTER_DEVICE,
    stat.S_IFBLK: FileType.BLOCK_DEVICE,
    stat.S_IFIFO: FileType.FIFO,
}


class RootDirectory:
    """A directory as a root; other file systems mounted below it (/proc, /dev) are left out."""

    def __init__(self, descriptor: int, most_entries: int = DEFAULT_LIMITS.members) -> None:
        self._root = descriptor
        self._device = os.fstat(descriptor).st_dev
        self._most = most_entries

    def walk(self) -> Iterator[FileEntry | Unread]:
        """Yield every entry, a directory before what it holds, and directories not read.

        Raises UnreadableError for absurdly many entries.
        """
        pending, count = [b""], 0
        while pending:
            directory = pending.pop()
            try:
                entries = self._entries(directory)
            except OSError as error:
                if not isinstance(error, FileNotFoundError):
                    yield Unread(directory, error.strerror or "it cannot be read")
                continue
            count += len(entries)
            if count > self._most:
                raise UnreadableError(f"the root holds more than {self._most} entries")
            yield from (entry for entry, _ in entries)
            deeper = [one.path for one, device in entries if self._is_walked(one, device)]
            if deeper and directory.count(b"/") >= _DEEPEST:
                yield Unread(directory, f"it is more than {_DEEPEST} directories deep")
                continue
            pending += reversed(deeper)

    def _is_walked(self, entry: FileEntry, device: int) -> bool:
        return entry.type is FileType.DIRECTORY and device == self._device

    def resolve(self, path: bytes) -> bytes | None:
        """Follow links inside the root to what `path` is; None when nothing is there, or a loop."""
        done: list[bytes] = []
        todo = path.split(b"/")[::-1]
        links = DEFAULT_LIMITS.links
        while todo:
            part = todo.pop()
            if part == b"..":
                del done[-1:]
            if part in (b"", b".", b".."):
                continue
            try:
                link = self._link(done, part)
            except OSError:
                return None
            if link is None:
                done.append(part)
                continue
            links -= 1
            if links < 0 or len(done) > _DEEPEST:
                return None
            if link.startswith(b"/"):
                done.clear()
            todo.extend(link.split(b"/")[::-1])
        return b"/".join(done)

    def read(self, path: bytes, limit: int) -> bytes:
        """Return a regular file's bytes; links are not followed. Raises UnreadableError."""
        directory, _, name = path.rpartition(b"/")
        try:
            with self._open(directory) as parent:
                if os.fstat(parent).st_dev != self._device:
                    raise UnreadableError("it lies on another file system")
                descriptor = os.open(name or b".", _FILE, dir_fd=parent)
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

    def _entries(self, directory: bytes) -> list[tuple[FileEntry, int]]:
        found = []
        with self._open(directory) as opened, os.scandir(opened) as listed:
            for one in listed:
                try:
                    state = one.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                entry = _entry(directory, os.fsencode(one.name), state, opened)
                if entry is not None:
                    found.append((entry, state.st_dev))
        return sorted(found, key=lambda one: one[0].path)

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


def _entry(directory: bytes, name: bytes, state: os.stat_result, opened: int) -> FileEntry | None:
    """Return the entry of a name; None for a socket, which no image can hold."""
    kind = _TYPES.get(stat.S_IFMT(state.st_mode))
    if kind is None:
        return None
    link = b""
    if kind is FileType.SYMLINK:
        try:
            link = os.readlink(name, dir_fd=opened)
        except OSError:
            return None
    return FileEntry(
        path=directory + b"/" + name if directory else name,
        type=kind,
        mode=stat.S_IMODE(state.st_mode),
        uid=state.st_uid,
        gid=state.st_gid,
        size=state.st_size,
        link=link,
    )


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
