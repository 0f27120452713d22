"""What layers hold, kept by digest in a directory that only its owner reads."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sealmark.errors import ServiceError


class DirectoryCache:
    """One file per key, replaced in one step; losing it costs time and nothing else."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, key: str) -> bytes | None:
        """Return what was kept under `key`, or None."""
        try:
            return (self._directory / key).read_bytes()
        except OSError:
            return None

    def put(self, key: str, content: bytes) -> None:
        """Keep `content`. Raises ServiceError where the disk refuses."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(dir=self._directory)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).replace(self._directory / key)
        except OSError as error:
            raise ServiceError(f"the layer cache {self._directory}: {error.strerror}") from error


class NoCache:
    """Remembers nothing."""

    def get(self, key: str) -> bytes | None:
        """Return None."""
        return None

    def put(self, key: str, content: bytes) -> None:
        """Drop it."""
