"""What layers hold, kept by digest in a directory, each entry sealed with a secret kept elsewhere.

An entry is a mark, the HMAC-SHA-256 of key and content under the secret, and the content. What was
damaged, cut off, written by somebody without the secret, or written for another key does not
verify: it is dropped and the layer is read again. The secret lies with the data, not in the cache,
so that write access to the cache alone forges nothing (SECURITY.md).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MARK: Final = b"sealmark-cache-1"
_HEADER: Final = len(_MARK) + hashlib.sha256().digest_size
_LARGEST: Final = 2 << 30
_SECRET_SIZE: Final = 32
_MOST_KEPT: Final = 4 << 30
# Neither a link nor a FIFO nor a terminal is an entry of ours.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class DirectoryCache:
    """One file per key, replaced in one step; losing it costs time and nothing else.

    Beyond `most_kept` bytes the entries go that were not asked for the longest. `say` is told of
    entries that are not believed, once each, and of a disk that refuses.
    """

    def __init__(
        self,
        directory: Path,
        secret: bytes,
        say: Callable[[str], None],
        most_kept: int = _MOST_KEPT,
    ) -> None:
        self._directory = directory
        self._secret = secret
        self._say = say
        self._most_kept = most_kept

    def get(self, key: str) -> memoryview | None:
        """Return what was kept under `key`; None for nothing, or nothing to be believed."""
        path = self._path(key)
        try:
            found = memoryview(_read(path, _LARGEST))
        except FileNotFoundError:
            return None
        except OSError as error:
            self._say(f"the layer cache entry {path} cannot be read: {error.strerror}")
            return None
        content = found[_HEADER:]
        if bytes(found[: len(_MARK)]) == _MARK and hmac.compare_digest(
            found[len(_MARK) : _HEADER], self._seal(key, content)
        ):
            with suppress(OSError):
                os.utime(path, follow_symlinks=False)
            return content
        self._say(f"the layer cache entry {path} is damaged or not ours; the layer is read again")
        return None

    def put(self, key: str, content: bytes) -> None:
        """Keep `content`; where the disk refuses, say so."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            parts = (_MARK, self._seal(key, content), content)
            _write(self._directory, parts).replace(self._path(key))
            self._prune()
        except OSError as error:
            self._say(f"the layer cache {self._directory} keeps nothing: {error.strerror}")

    def _prune(self) -> None:
        """Let the entries go that were not asked for the longest. Raises OSError."""
        states = []
        for path in self._directory.iterdir():
            with suppress(FileNotFoundError):  # another process may be at work here
                states.append((path.lstat(), path))
        kept = 0
        for state, path in sorted(states, key=lambda found: -found[0].st_mtime_ns):
            kept += state.st_size
            if kept > self._most_kept:
                path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._directory / hashlib.sha256(key.encode()).hexdigest()

    def _seal(self, key: str, content: bytes | memoryview) -> bytes:
        seal = hmac.new(self._secret, hashlib.sha256(key.encode()).digest(), "sha256")
        seal.update(content)
        return seal.digest()


class NoCache:
    """Remembers nothing."""

    def get(self, key: str) -> memoryview | None:
        """Return None."""
        return None

    def put(self, key: str, content: bytes) -> None:
        """Drop it."""


def open_cache(
    directory: Path, secret_file: Path, say: Callable[[str], None]
) -> DirectoryCache | NoCache:
    """Return the cache in `directory`, sealed with the secret in a file made on first use.

    Where there can be no secret, or others can read or write it, there is no cache, and `say` is
    told why.
    """
    try:
        secret = _secret(secret_file)
    except OSError as error:
        say(f"no layer is taken from the cache: {secret_file}: {error.strerror}")
        return NoCache()
    return DirectoryCache(directory, secret, say)


def _secret(path: Path) -> bytes:
    """Raises OSError where it cannot be had, or would be none."""
    try:
        found = _read(path, _SECRET_SIZE, private=True)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _found_secret(path)
        found = _read(path, _SECRET_SIZE, private=True)
    if len(found) != _SECRET_SIZE:
        raise OSError(0, "it is damaged; remove it and a new one is made")
    return found


def _found_secret(path: Path) -> None:
    """Put a secret in place, unless somebody else was faster."""
    new = _write(path.parent, (os.urandom(_SECRET_SIZE),), durable=True)
    try:
        with suppress(FileExistsError):
            path.hardlink_to(new)
    finally:
        new.unlink()


def _read(path: Path, largest: int, *, private: bool = False) -> bytes:
    """Return a regular file's bytes. Raises OSError, also for a link and for what is too large."""
    with os.fdopen(os.open(path, _READ), "rb") as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise OSError(0, "it is not a regular file")
        if private and (state.st_mode & 0o077 or state.st_uid != os.geteuid()):
            raise PermissionError(0, "it must be its owner's alone (chmod 600)")
        if state.st_size > largest:
            raise OSError(0, f"it is larger than {largest} bytes")
        return file.read(largest + 1)


def _write(directory: Path, parts: Iterable[bytes], *, durable: bool = False) -> Path:
    """Write a new file that only its owner reads, and return its name. Raises OSError."""
    import tempfile  # costs more than taking a layer from the cache

    handle, name = tempfile.mkstemp(dir=directory, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(parts)
            if durable:
                file.flush()
                os.fsync(file.fileno())
    except OSError:
        Path(name).unlink()
        raise
    return Path(name)
