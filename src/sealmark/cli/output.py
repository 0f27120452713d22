"""Where answers go: standard output, or a file that holds all of one or what it held before."""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealmark.errors import ServiceError, UsageError

if TYPE_CHECKING:
    from sealmark.cli.render.text import Terminal

STANDARD_OUTPUT = Path("-")
_NO_SUCH_PLACE = frozenset(
    {
        errno.EACCES,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)


def terminal_for(output: Path) -> Terminal | None:
    """Return the terminal that `output` goes to; None for a file, and where there is none."""
    if output != STANDARD_OUTPUT or sys.stdout is None:
        return None
    from sealmark.cli.render.text import terminal_of

    return terminal_of(sys.stdout, os.environ)


def write_output(text: str, output: Path = STANDARD_OUTPUT, style: str = "table") -> None:
    """Write `text` to `output`, in place of what was there, or to standard output.

    A format for machines is UTF-8 whatever the terminal's encoding. A reader of standard output
    who goes away early has had enough: that is no error. Raises
    UsageError for a file that cannot be opened, ServiceError for a device that takes no more.
    """
    text = text if text.endswith("\n") else text + "\n"
    if output == STANDARD_OUTPUT:
        _say(text if style == "table" else text.encode("utf-8", "backslashreplace"))
        return
    try:
        _put(text.encode("utf-8", "backslashreplace"), output)
    except OSError as error:
        kind = UsageError if error.errno in _NO_SUCH_PLACE else ServiceError
        raise kind(f"{output}: cannot be written: {error.strerror}") from error


def _say(text: str | bytes) -> None:
    try:
        click.echo(text, nl=False)
    except BrokenPipeError:
        forget_standard_output()
    except OSError as error:
        forget_standard_output()
        raise ServiceError(f"standard output cannot be written: {error.strerror}") from error


def forget_standard_output() -> None:
    """Send what the interpreter flushes at its end nowhere: it would fail once more."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _put(content: bytes, output: Path) -> None:
    """Write beside the file and rename; what is no plain file, or stands alone, is written to."""
    import tempfile

    target = output.resolve()
    if target.exists() and not target.is_file():
        target.write_bytes(content)
        return
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:64]}.")
    except PermissionError:
        target.write_bytes(content)
        return
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        _take_mode(beside, target)
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _take_mode(beside: Path, target: Path) -> None:
    """Give the new file the mode of the old one, or the one that a new file gets."""
    if target.exists():
        beside.chmod(stat.S_IMODE(target.stat().st_mode))
        return
    mask = os.umask(0)
    os.umask(mask)
    beside.chmod(0o666 & ~mask)
