"""The few things a ledger does to a file system, each in one place, relative to one folder.

Kept apart from `directory` so that tests can put a file system under it that loses, tears and
reorders what was not synced.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sealmark.ledger.errors import BusyError, MalformedError
from sealmark.ledger.key import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_POLL_SECONDS = 0.005


class Disk:
    """A folder. Methods raise OSError unless they say otherwise; "" names the folder itself."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, name: str, limit: int) -> bytes | None:
        """Return a file's bytes, or None; MalformedError beyond `limit`.

        Never follows a symbolic link and never waits for a pipe.
        """
        try:
            descriptor = os.open(
                self.root / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            )
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            return self._read(descriptor, name, limit)
        finally:
            os.close(descriptor)

    def _read(self, descriptor: int, name: str, limit: int) -> bytes:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "expected a regular file", str(self.root / name))
        if status.st_size > limit:
            raise MalformedError(f"{name}: expected at most {limit} bytes, got {status.st_size}")
        chunks: list[bytes] = []
        rest = status.st_size
        while rest and (chunk := os.read(descriptor, rest)):
            chunks.append(chunk)
            rest -= len(chunk)
        return b"".join(chunks)

    def has(self, name: str) -> bool:
        """Say whether there is a regular file of this name."""
        try:
            return stat.S_ISREG((self.root / name).lstat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def write_synced(self, name: str, content: bytes) -> None:
        """Create or overwrite a file and flush it; its name is not durable yet."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.root / name, flags, 0o666)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, old: str, new: str) -> None:
        """Give a file its name, replacing what had it."""
        (self.root / old).rename(self.root / new)

    def sync_folder(self, name: str) -> None:
        """Make the names in a folder durable."""
        sync_folder(self.root / name)

    def make_folder(self, name: str) -> None:
        """Create one folder unless it is there."""
        with suppress(FileExistsError):
            (self.root / name).mkdir()

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""
        with suppress(FileNotFoundError, NotADirectoryError):
            (self.root / name).unlink()

    def remove_folder(self, name: str) -> None:
        """Remove a folder if it is there and empty."""
        with suppress(OSError):
            (self.root / name).rmdir()

    def list(self, name: str) -> list[tuple[str, bool]]:
        """Return the names in a folder and whether each is a folder; empty if it is absent."""
        try:
            with os.scandir(self.root / name) as found:
                return [(item.name, item.is_dir(follow_symlinks=False)) for item in found]
        except (FileNotFoundError, NotADirectoryError):
            return []

    @contextmanager
    def lock(self, name: str, wait: float) -> Iterator[None]:
        """Hold an exclusive lock that the kernel drops when the process dies.

        Raises BusyError after `wait` seconds.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.root / name, flags, 0o600)
        try:
            self._acquire(descriptor, wait)
            yield
        finally:
            os.close(descriptor)

    def _acquire(self, descriptor: int, wait: float) -> None:
        deadline = time.monotonic() + wait
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            if time.monotonic() >= deadline:
                raise BusyError(
                    f"another process has been writing to {self.root} for {wait:g} s: try again"
                )
            time.sleep(_POLL_SECONDS)
