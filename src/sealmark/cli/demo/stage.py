"""The demonstration's own state, and commands run in it as a user would type them."""

from __future__ import annotations

import io
import re
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout
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
_LAST_VERDICT = 2
_CHANGES = "What to do"
_CHANGE = re.compile(r" {1,3}\d+\. ")


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

    def show_folded(self, name: str, *arguments: str) -> int:
        """Print a command and run it; of its page keep in sight what a person reads first."""
        page = self.directory / f"{name}.txt"
        code = self.show(*arguments, "--output", str(page))
        if code <= _LAST_VERDICT:
            head, hidden = folded(page.read_text())
            click.echo(head)
            if hidden:
                click.secho(f"   … {hidden} lines more, all in {page}", dim=True)
        return code

    def show_quietly(self, *arguments: str) -> tuple[int, list[str]]:
        """Print a command and run it; return its exit code and what it had to say."""
        said = io.StringIO()
        click.secho(f"$ {self.typed(*arguments)}", bold=True)
        with redirect_stdout(said), redirect_stderr(said):
            code = self.run(*arguments)
        return code, said.getvalue().splitlines()

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


def folded(page: str) -> tuple[str, int]:
    """Return verdict, the change that clears most, and a line for each other one; and the rest's.

    The rest is a number of lines.
    """
    verdict, _, rest = page.partition("\n\n")
    changes, _, _ = rest.partition("\n\n")
    if not changes.startswith(_CHANGES):
        return page.rstrip("\n"), 0
    shown = [verdict, ""]
    number = 0
    for line in changes.splitlines():
        begins = _CHANGE.match(line) is not None
        number += begins
        if begins or number <= 1:
            shown.append(line)
    lines = len([line for line in page.splitlines() if line.strip()])
    return "\n".join(shown), lines - len(list(filter(None, shown)))


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
