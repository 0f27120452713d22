"""`sealmark`: finds the sub-command, loads only its module, turns errors into exit codes."""

from __future__ import annotations

import importlib
import sys
import traceback
from contextlib import suppress
from io import TextIOWrapper
from typing import Any

import click

from sealmark.cli.output import forget_standard_output
from sealmark.cli.variables import name_variables
from sealmark.errors import SealmarkError, ServiceError, UsageError

_LONGEST_ERROR = 2000
_READER_GONE = 141

COMMANDS: dict[str, tuple[str, str]] = {
    "check": ("check", "Scan, judge, record; print the verdict with its reasons and fixes."),
    "scan": ("scan", "Look inside an image or SBOM and print the evidence."),
    "sbom": ("sbom", "Print the bill of materials of an image."),
    "diff": ("diff", "Show what changed between two images."),
    "explain": ("explain", "What a control or a finding means, and what to do."),
    "advisories": ("advisories", "Update, build and look into the advisory database."),
    "demo": ("demo", "Make an image, deny it, mend it, allow it: the whole story."),
    "verify": ("verify", "Find an image's signatures; say who signed, and what is refused."),
    "copy": ("copy", "Mirror an image with all that belongs to it, or nothing."),
    "conformance": ("conformance", "Speak the protocol of the sigstore-conformance suite."),
    "ledger": ("ledger", "Verify, prove and show the append-only log."),
}


class LazyCommands(click.Group):
    """A group that knows its sub-commands by name and imports one only when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order they are documented."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"sealmark.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        name_variables(command, "sealmark", cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command list from the table alone, so that help imports nothing."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(
    cls=LazyCommands,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="sealmark", prog_name="sealmark")
def sealmark() -> None:
    """Nothing runs unproven, and every "no" carries its proof and its fix."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the design's exit codes.

    A defect of ours is no verdict: it ends like a service that failed, in one line.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = run(arguments)
    except Exception as error:  # noqa: BLE001 -- exit code 1, Python's own, would mean "denied"
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.filename}, line {place.lineno}"
        _complain(f"please report this defect: {type(error).__name__}: {error} ({where})")
        code = ServiceError.exit_code
    sys.exit(code)


def run(arguments: list[str] | None = None, **extra: Any) -> int:
    """Run the command line; return the exit code instead of leaving the process."""
    try:
        result = sealmark.main(arguments, standalone_mode=False, **extra)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as wrong:
        wrong.show()
        return UsageError.exit_code
    except click.Abort:
        click.echo("sealmark: interrupted", err=True)
        return 130
    except SealmarkError as error:
        _complain(str(error))
        return error.exit_code
    except OSError as error:
        _complain(f"{error.filename or 'output'}: {error.strerror or error}")
        forget_standard_output()
        return ServiceError.exit_code
    except SystemExit:
        return _READER_GONE  # how click answers a closed pipe, with 1, which means "denied"
    return result if isinstance(result, int) else 0


def _complain(text: str) -> None:
    """Say what happened in one line; names in it may come out of a hostile image."""
    from sealmark.cli.render.text import printable

    with suppress(OSError):  # nobody listens; the exit code still says it
        click.echo(f"sealmark: {printable(text)[:_LONGEST_ERROR]}", err=True)
