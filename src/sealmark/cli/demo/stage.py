"""The demonstration's own state, and commands run in it as a user would type them."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click
import msgspec

from sealmark.errors import ServiceError

if TYPE_CHECKING:
    from pathlib import Path

_FRESH = timedelta(days=7)
_INDEX = "debian-index:"


@dataclass(frozen=True, slots=True)
class Stage:
    """A directory with everything the demonstration makes."""

    directory: Path

    @property
    def home(self) -> Path:
        """The state directory of all commands."""
        return self.directory / "home"

    def image(self, tag: str) -> str:
        """Return the reference of one of the images."""
        return f"oci:{self.directory / 'shop'}:{tag}"

    def typed(self, *arguments: str) -> str:
        """Return a command as a user would type it."""
        return shlex.join((sys.argv[0], *arguments, "--home", str(self.home)))

    def show(self, *arguments: str) -> int:
        """Print a command and run it; return its exit code."""
        click.secho(f"$ {self.typed(*arguments)}", bold=True)
        return self.run(*arguments)

    def run(self, *arguments: str) -> int:
        """Run a command on the demonstration's own state."""
        from sealmark.cli.main import run

        return run([*arguments, "--home", str(self.home)])

    def evidence(self, tag: str) -> Evidence:
        """Return what is known of an image; nothing is recorded."""
        file = self.directory / "evidence.json"
        code = self.run("scan", self.image(tag), "--format", "json", "--output", str(file))
        if code:
            raise ServiceError(f"looking into {self.image(tag)} failed")
        return Evidence(msgspec.json.decode(file.read_bytes()))


@dataclass(frozen=True, slots=True)
class Evidence:
    """The few facts of an evidence document that the story turns on."""

    document: dict[str, Any]

    def uncovered(self, now: datetime | None = None) -> set[str]:
        """Return the ecosystems no fresh feed speaks for; a package index is not counted as one."""
        oldest = (now or datetime.now(UTC)) - _FRESH
        lines = self._known("coverage")
        fresh = {
            line["ecosystem"]
            for line in lines
            if line.get("as_of")
            and not line["feed"].startswith(_INDEX)
            and datetime.fromisoformat(line["as_of"]) > oldest
        }
        return {line["ecosystem"] for line in lines} - fresh

    def upgrade(self, purl: str) -> str | None:
        """Return the version that mends what is known of a component; None if nothing is."""
        for finding in self._known("findings"):
            if finding["component"] == purl and finding["status"] == "affected":
                version = finding.get("upgrade_to") or finding.get("fixed_in")
                return str(version) if version else None
        return None

    def _known(self, part: str) -> list[dict[str, Any]]:
        known: list[dict[str, Any]] = self.document.get("vulnerabilities", {}).get(part, [])
        return known
