"""Debian packages from the mirrors this machine uses, through apt but beside its own state."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealmark.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROGRAMS = ("apt-get", "apt-cache", "dpkg-deb")
APT = Path("/etc/apt")
_SECONDS = 90
_MADISON_CELLS = 3
_SETTINGS = (
    "APT::Sandbox::User=root",
    "Debug::NoLocking=1",
    "Acquire::Languages=none",
    "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
    "Acquire::Retries=1",
    "Acquire::http::Timeout=15",
    "Acquire::https::Timeout=15",
)


@dataclass(frozen=True, slots=True)
class Offer:
    """A package as the mirrors offer it: the release's own version, and the newest one."""

    name: str
    released: str
    newest: str


@dataclass(frozen=True, slots=True)
class Mirror:
    """The machine's package sources with lists, cache and status of their own.

    Sources and keyrings are the machine's, so apt checks every index against its signature and
    every package against its index.
    """

    directory: Path
    apt: Path

    def closure(self, names: Sequence[str]) -> list[str]:
        """Return `names` and what they depend on, as an empty system would need it."""
        asked = ("-s", "--no-install-recommends", "install", *names)
        lines = self._run("apt-get", *asked).splitlines()
        return sorted(line.split()[1] for line in lines if line.startswith("Inst "))

    def offers(self, names: Sequence[str]) -> list[Offer]:
        """Return what the mirrors have of each package, by name."""
        rows = self._rows(names)
        return [_offer(name, rows[name]) for name in names if rows.get(name)]

    def download(self, wanted: Sequence[tuple[str, str]]) -> list[Path]:
        """Fetch name and version pairs that are not there yet; return the files in order."""
        store = self.directory / "packages"
        store.mkdir(parents=True, exist_ok=True)
        missing = [
            f"{name}={version}" for name, version in wanted if not _file(store, name, version)
        ]
        if missing:
            self._run("apt-get", "-qq", "download", *missing, within=store)
        found = [_file(store, name, version) for name, version in wanted]
        if None in found:
            raise ServiceError(f"the package mirror did not deliver all of {', '.join(missing)}")
        return [file for file in found if file]

    def update(self) -> bool:
        """Fetch the signed indexes; False where no mirror answers."""
        with suppress(ServiceError):  # one dead source fails the command; the others may do
            self._run("apt-get", "-qq", "update")
        return bool(self._rows(["base-files"]))

    def _rows(self, names: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
        """Return version and suite of all offers by package, the newest version first."""
        try:
            lines = self._run("apt-cache", "madison", *names).splitlines()
        except ServiceError:
            return {}
        found: dict[str, list[tuple[str, str]]] = {}
        for line in lines:
            cells = [cell.strip() for cell in line.split("|")]
            if len(cells) == _MADISON_CELLS and cells[2].endswith("Packages"):
                found.setdefault(cells[0], []).append((cells[1], cells[2]))
        return found

    def _run(self, program: str, *arguments: str, within: Path | None = None) -> str:
        options = [part for setting in self._settings() for part in ("-o", setting)]
        try:
            done = subprocess.run(
                [program, *options, *arguments],
                check=True,
                cwd=within,
                env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS,
                text=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise ServiceError(f"{program} {arguments[0]} did not do its work") from error
        return done.stdout

    def _settings(self) -> list[str]:
        return [
            f"Dir::Etc::sourcelist={self.apt / 'sources.list'}",
            f"Dir::Etc::sourceparts={self.apt / 'sources.list.d'}",
            f"Dir::State={self.directory}",
            f"Dir::State::lists={self.directory / 'lists'}",
            f"Dir::State::status={self.directory / 'status'}",
            f"Dir::Cache={self.directory}",
            f"Dir::Cache::archives={self.directory / 'archives'}",
            *_SETTINGS,
        ]


def open_mirror(directory: Path, apt: Path = APT) -> Mirror | None:
    """Return the mirrors that `apt` names, with fresh indexes; None where there are none."""
    if any(shutil.which(program) is None for program in _PROGRAMS):
        return None
    for name in ("lists/partial", "archives/partial"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    (directory / "status").touch()
    mirror = Mirror(directory.resolve(), apt.resolve())
    return mirror if mirror.update() else None


def _offer(name: str, rows: Sequence[tuple[str, str]]) -> Offer:
    """Take for released what the newest offer outside a security suite is."""
    released = [version for version, suite in rows if "-security" not in suite]
    return Offer(name, (released or [rows[0][0]])[0], rows[0][0])


def _file(store: Path, name: str, version: str) -> Path | None:
    return next(store.glob(f"{name}_{version.replace(':', '%3a')}_*.deb"), None)
