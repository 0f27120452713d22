"""`oci:DIR[:TAG]`: images in a directory (OCI image specification, image-layout.md)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealmark.adapters.layout import Layout
from sealmark.errors import UnreadableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK = 1 << 20


class OciLayout(Layout):
    """A layout directory; `tag` or `digest` chooses among its images, or it has only one."""

    def __init__(self, directory: Path, tag: str = "", digest: str = "") -> None:
        if not (directory / "oci-layout").is_file():
            raise UsageError(f"{directory} is no OCI layout: it has no file `oci-layout`")
        super().__init__(_Directory(directory), tag, digest)


class _Directory:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __str__(self) -> str:
        return str(self._path)

    def read(self, name: str, limit: int) -> bytes:
        path = self._path / name
        try:
            with path.open("rb") as file:
                content = file.read(limit + 1)
        except OSError as error:
            raise UnreadableError(f"{path}: {error.strerror}") from error
        if len(content) > limit:
            raise UnreadableError(f"{path} is larger than {limit} bytes")
        return content

    @contextmanager
    def open(self, name: str) -> Iterator[Iterator[bytes]]:
        path = self._path / name
        try:
            file = path.open("rb")
        except OSError as error:
            raise UnreadableError(f"{path}: {error.strerror}") from error
        with file:
            yield iter(lambda: file.read(_CHUNK), b"")
