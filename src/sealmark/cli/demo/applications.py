"""A Python and an npm application for the demo image, from the machine's own indexes."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PYTHON_PACKAGE = ("requests", "2.19.1")
NPM_PACKAGE = ("lodash", "4.17.20")
_SECONDS = 60


def fetch_python_package(directory: Path) -> Path | None:
    """Download the old wheel with pip; None where pip or its index is missing."""
    name, version = PYTHON_PACKAGE
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
    if not _runs([*command, "-d", str(directory), f"{name}=={version}"]):
        return None
    return next(directory.glob(f"{name}-{version}*.whl"), None)


def fetch_npm_package(directory: Path) -> Path | None:
    """Download the old tarball with npm; None where npm or its registry is missing."""
    if shutil.which("npm") is None:
        return None
    name, version = NPM_PACKAGE
    command = ["npm", "pack", "--silent", "--pack-destination", str(directory)]
    if not _runs([*command, f"{name}@{version}"]):
        return None
    return next(directory.glob(f"{name}-{version}.tgz"), None)


def _runs(command: list[str]) -> bool:
    with tempfile.TemporaryDirectory() as elsewhere:
        try:
            done = subprocess.run(
                command,
                check=False,
                cwd=elsewhere,
                timeout=_SECONDS,
                stdin=subprocess.DEVNULL,
                capture_output=True,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
    return done.returncode == 0


def add_wheel(archive: tarfile.TarFile, wheel: Path) -> None:
    """Unpack a wheel the way pip does, into the distribution's site directory."""
    with zipfile.ZipFile(wheel) as packed:
        for name in sorted(packed.namelist()):
            if not name.endswith("/"):
                _add(archive, f"usr/local/lib/python3.11/dist-packages/{name}", packed.read(name))


def add_npm_package(archive: tarfile.TarFile, tarball: Path, name: str) -> None:
    """Unpack an npm tarball into `node_modules`."""
    with tarfile.open(tarball) as packed:
        for member in packed:
            content = packed.extractfile(member)
            inside = member.name.partition("/")[2]
            if content is not None and inside:
                _add(archive, f"srv/app/node_modules/{name}/{inside}", content.read())


def _add(archive: tarfile.TarFile, path: str, content: bytes) -> None:
    entry = tarfile.TarInfo(path)
    entry.size = len(content)
    entry.mode = 0o644
    archive.addfile(entry, io.BytesIO(content))
