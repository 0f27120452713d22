"""A ledger kept in a directory: durable objects and the swapped head, on one `Disk`.

    checkpoint               for everybody: the signed tree head
    tile/                    for everybody: hash tiles and entry bundles
    bodies/sha256/ab/abcd…   what entries refer to, by digest
    head  staging/  tmp/  lock  head.lock      the writer's own

A file gets its bytes and an fsync under a temporary name, then its real name by rename, then
every folder above it an fsync: a folder may have been made by a process that was killed before
it could.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sealmark.ledger.disk import Disk
from sealmark.ledger.errors import MalformedError, StorageError, UnreadableFileError
from sealmark.ledger.note import MAX_NOTE_BYTES
from sealmark.ledger.storage import HEAD, STAGING, staged_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

WAIT_SECONDS = 10.0
_TEMPORARY = "tmp"
_LOCK = "lock"
_HEAD_LOCK = "head.lock"


class Directory:
    """Implements `Objects`, `Head` and `Shelf` of `sealmark.ledger.storage`.

    `put` and `swap` are called while holding: whoever holds owns the temporary files.
    """

    def __init__(self, disk: Disk, wait: float = WAIT_SECONDS) -> None:
        self._disk = disk
        self._wait = wait

    def put(self, objects: Mapping[str, bytes]) -> None:
        """Write all, then name all, then sync every folder on the way, each once.

        What is there already with the same bytes is not written again; its name is synced all
        the same, for a killed writer may still owe that.
        """
        with self._errors():
            new = [name for name, content in objects.items() if not self._has(name, content)]
            self._disk.make_folder(_TEMPORARY)
            for position, name in enumerate(new):
                self._disk.write_synced(f"{_TEMPORARY}/{position}", objects[name])
            folders = sorted({folder for name in objects for folder in _folders(name)})
            for folder in folders[1:]:
                self._disk.make_folder(folder)
            for position, name in enumerate(new):
                self._disk.rename(f"{_TEMPORARY}/{position}", name)
            for folder in reversed(folders):
                self._disk.sync_folder(folder)

    def _has(self, name: str, content: bytes) -> bool:
        try:
            return self._disk.read(name, len(content)) == content
        except MalformedError:
            return False

    def get(self, name: str, limit: int) -> bytes | None:
        """Read one file."""
        with self._errors(UnreadableFileError):
            return self._disk.read(name, limit)

    def has(self, name: str) -> bool:
        """Say whether there is such a file."""
        with self._errors(UnreadableFileError):
            return self._disk.has(name)

    def delete(self, names: Iterable[str]) -> None:
        """Remove files; not synced, for a file that comes back is only litter."""
        with self._errors():
            folders = set()
            for name in names:
                self._disk.remove(name)
                folders.add(name.rpartition("/")[0])
            for folder in folders:
                if folder.endswith(".p"):
                    self._disk.remove_folder(folder)

    def read(self) -> bytes | None:
        """Read the head."""
        return self.get(HEAD, MAX_NOTE_BYTES)

    def swap(self, old: bytes | None, new: bytes) -> bool:
        """Compare and rename under a lock of its own."""
        with self._errors(), self._disk.lock(_HEAD_LOCK, self._wait):
            if self.read() != old:
                return False
            self._disk.make_folder(_TEMPORARY)
            self._disk.write_synced(f"{_TEMPORARY}/{HEAD}", new)
            self._disk.rename(f"{_TEMPORARY}/{HEAD}", HEAD)
            self._disk.sync_folder("")
            return True

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Take the writers' lock, and clear up after writers that were killed.

        A head they named and did not sync could still vanish: it is synced before anybody builds
        on it.
        """
        with self._errors(), self._disk.lock(_LOCK, self._wait):
            self._disk.sync_folder("")
            self._clear()
            yield

    def _clear(self) -> None:
        """Remove temporary files, and staged entries that no head leads to."""
        head = self.read()
        staged = staged_name(head) if head is not None else ""
        for folder in (_TEMPORARY, STAGING):
            for name, _ in self._disk.list(folder):
                if f"{folder}/{name}" != staged:
                    self._disk.remove(f"{folder}/{name}")

    def names(self, folder: str) -> Iterator[str]:
        """Walk the files below `folder`, a folder at a time."""
        waiting = [folder]
        while waiting:
            parent = waiting.pop()
            with self._errors(UnreadableFileError):
                found = self._disk.list(parent)
            for name, is_folder in found:
                path = f"{parent}/{name}"
                if is_folder:
                    waiting.append(path)
                else:
                    yield path

    @contextmanager
    def _errors(self, kind: type[StorageError] = StorageError) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise kind(f"{error.filename or self._disk.root}: {error.strerror}") from None


def open_directory(root: Path, wait: float = WAIT_SECONDS) -> Directory:
    """Return the storage in `root`, which need not exist yet."""
    return Directory(Disk(root), wait)


def _folders(name: str) -> Iterator[str]:
    for parent in PurePosixPath(name).parents:
        yield "" if parent == PurePosixPath() else str(parent)
