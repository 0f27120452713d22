"""A Python and an npm application for the demonstration, from the indexes this machine uses."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SECONDS = 30
_SITE = "usr/local/lib/python3/dist-packages"
_MODULES = "srv/app/node_modules"


@dataclass(frozen=True, slots=True)
class Application:
    """One package of a language, and the file its index gave; without it, only its metadata."""

    ecosystem: str
    name: str
    version: str
    file: Path | None = None

    @property
    def instruction(self) -> str:
        """The Dockerfile line that would have put it there."""
        if self.ecosystem == "npm":
            return f"RUN npm install {self.name}@{self.version}"
        return f"RUN pip install {self.name}=={self.version}"

    def told(self) -> str:
        """Say in a few words what it is, and what of it could not be had."""
        lacking = "" if self.file else ", metadata only: its index did not answer"
        return f"{self.name} {self.version} ({self.ecosystem}{lacking})"

    def write(self, archive: tarfile.TarFile) -> None:
        """Write the installed package into a layer."""
        for path, content in self._files():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(content))

    def _files(self) -> Iterator[tuple[str, bytes]]:
        if self.ecosystem == "npm":
            return _npm_files(self)
        return _python_files(self)


def fetch(ecosystem: str, name: str, version: str, directory: Path) -> Application:
    """Get a package with pip or npm, where that is there and its index answers."""
    directory.mkdir(parents=True, exist_ok=True)
    if ecosystem == "npm":
        command = ["npm", "pack", "--silent", "--fetch-retries=0", "--fetch-timeout=15000"]
        command += ["--pack-destination", str(directory.resolve()), f"{name}@{version}"]
        pattern = f"{name}-{version}.tgz"
    else:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-input"]
        command += ["--disable-pip-version-check", "--retries", "1", "--timeout", "15"]
        command += ["--only-binary=:all:", "-d", str(directory.resolve()), f"{name}=={version}"]
        pattern = f"{name}-{version}-*.whl"
    if not any(directory.glob(pattern)):
        _try(command)
    return Application(ecosystem, name, version, next(directory.glob(pattern), None))


def _try(command: list[str]) -> None:
    """Run a package manager away from any project; what it did not bring is simply not there."""
    if shutil.which(command[0]) is None:
        return
    with tempfile.TemporaryDirectory() as elsewhere:
        try:
            subprocess.run(
                command,
                check=False,
                cwd=elsewhere,
                timeout=_SECONDS,
                stdin=subprocess.DEVNULL,
                capture_output=True,
            )
        except (OSError, subprocess.TimeoutExpired):
            return


def _python_files(package: Application) -> Iterator[tuple[str, bytes]]:
    """Yield what pip would install: a wheel is already laid out that way."""
    if package.file is None:
        metadata = f"Metadata-Version: 2.1\nName: {package.name}\nVersion: {package.version}\n"
        information = f"{package.name}-{package.version}.dist-info"
        yield f"{_SITE}/{information}/METADATA", metadata.encode()
        return
    with zipfile.ZipFile(package.file) as packed:
        for name in sorted(packed.namelist()):
            if not name.endswith("/"):
                yield f"{_SITE}/{name}", packed.read(name)


def _npm_files(package: Application) -> Iterator[tuple[str, bytes]]:
    """Yield what npm would install: the tarball without its first directory."""
    place = f"{_MODULES}/{package.name}"
    if package.file is None:
        manifest = {"name": package.name, "version": package.version}
        yield f"{place}/package.json", json.dumps(manifest).encode()
        return
    with tarfile.open(package.file) as packed:
        for member in packed:
            content = packed.extractfile(member) if member.isreg() else None
            inside = member.name.partition("/")[2]
            if content is not None and inside:
                yield f"{place}/{inside}", content.read()
