"""Makes a tar file of an OCI layout: in one order, without owners or times, whole or not at all."""

from __future__ import annotations

import os
import tarfile
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sealmark.errors import ServiceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def archived(path: Path) -> Iterator[Path]:
    """Yield an empty directory; when the context ends well, `path` is an archive of it.

    Until then `path` is what it was. Raises UsageError where it cannot be written.
    """
    try:
        scratch = tempfile.TemporaryDirectory(prefix=".partial-", dir=path.parent)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    with scratch as directory:
        layout = Path(directory) / "layout"
        layout.mkdir()
        yield layout
        _pack(layout, Path(directory) / "archive", path)


def _pack(layout: Path, scratch: Path, path: Path) -> None:
    try:
        with scratch.open("wb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
                for one in sorted(layout.rglob("*")):
                    _add(archive, one, str(one.relative_to(layout)))
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        raise ServiceError(f"{path}: cannot be written: {error.strerror}") from error


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    member = tarfile.TarInfo(name)
    if path.is_dir():
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(member)
        return
    member.size, member.mode = path.stat().st_size, 0o644
    with path.open("rb") as file:
        archive.addfile(member, file)
