"""`containers-storage:NAME`: images that podman, buildah and CRI-O keep on this machine.

The store's layout is theirs to change, so their own programs copy the image out of it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sealmark.adapters.archive import open_archive
from sealmark.adapters.oci_archive import OciArchive
from sealmark.errors import ServiceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS = 600
_LONGEST_LINE = 300
# How podman and skopeo say that the store has no image of a name; neither has a code for it.
_ABSENT = re.compile(
    r"image not known|does not resolve to an image|identifier is not an image"
    r"|invalid reference format"
)


@contextmanager
def open_containers_storage(name: str) -> Iterator[OciArchive]:
    """Copy the image `name` into a private directory and open it while the context lasts.

    Raises UsageError where there is no such image, ServiceError when no program can copy it.
    """
    with tempfile.TemporaryDirectory(prefix="sealmark-") as directory:
        file = Path(directory) / "image.tar"
        _run(_command(name, file), name)
        with open_archive(file) as archive:
            yield OciArchive(archive)


def _command(name: str, file: Path) -> list[str]:
    """A name never reaches a place where it could be an option."""
    skopeo, podman = shutil.which("skopeo"), shutil.which("podman")
    if podman:
        return [podman, "save", "--quiet", "--format", "oci-archive", "-o", str(file), "--", name]
    if skopeo:
        # Whose signature is on it is for our policy to ask, not for the copying program's.
        options = ["--insecure-policy", "copy", "--quiet"]
        return [skopeo, *options, f"containers-storage:{name}", f"oci-archive:{file}"]
    raise ServiceError("containers-storage: needs skopeo or podman, and neither is installed")


def _run(command: list[str], name: str) -> None:
    with tempfile.TemporaryFile() as said:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ServiceError(f"{name} was not copied within {_SECONDS} s") from error
        except OSError as error:
            raise ServiceError(f"{command[0]}: {error.strerror}") from error
        if done.returncode != 0:
            line = _last_line(said)
            kind = UsageError if _ABSENT.search(line) else ServiceError
            raise kind(f"containers-storage:{name}: {Path(command[0]).name}: {line}")


def _last_line(said: IO[bytes]) -> str:
    said.seek(max(0, said.seek(0, 2) - 4096))
    lines = said.read().decode("utf-8", "replace").strip().splitlines() or ["it failed"]
    return "".join(c if c.isprintable() else "?" for c in lines[-1])[-_LONGEST_LINE:]
