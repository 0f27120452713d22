"""What is printed arrives whole or is said to be lost, whatever the terminal and the locale."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.forge import Forge, tar

if TYPE_CHECKING:
    from collections.abc import Sequence

SEALMARK = str(Path(sys.executable).with_name("sealmark"))
CHECK = (SEALMARK, "check", "oci:image", "--platform", "linux/amd64")
RELEASE = ("etc/os-release", 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Débian → 12"\n'.encode())
STATUS = b"Package: zlib1g\nStatus: install ok installed\nVersion: 1:1.2\nArchitecture: amd64\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    forge = Forge(tmp_path / "image")
    blocks = tar(RELEASE, ("var/lib/dpkg/status", STATUS), ("f", os.urandom(9_000_000)))
    forge.offer(forge.image(forge.layer(blocks)))
    return tmp_path


def run(
    arguments: Sequence[str], where: Path, stdout: int = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    known = {
        "SEALMARK_HOME": "state",
        "PATH": os.environ["PATH"],
        **environment,
    }
    return subprocess.run(arguments, cwd=where, env=known, stdout=stdout, stderr=subprocess.PIPE)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "koi8-r"])
def test_a_terminal_without_our_characters_gets_others(shop: Path, encoding: str) -> None:
    for arguments in (CHECK, (SEALMARK, "scan", *CHECK[2:]), (SEALMARK, "ledger", "verify")):
        plain = run(arguments, shop, PYTHONIOENCODING="utf-8")
        done = run(arguments, shop, PYTHONIOENCODING=encoding)
        assert done.returncode == plain.returncode
        assert done.stderr == b""
        assert done.stdout.count(b"\n") == plain.stdout.count(b"\n")
        assert done.stdout.decode(encoding)


@pytest.mark.parametrize("style", ["json", "cyclonedx", "spdx", "sarif", "junit", "markdown"])
def test_what_machines_read_is_utf_8_in_every_locale(shop: Path, style: str) -> None:
    run(CHECK, shop)
    told = [
        run((*CHECK, "--format", style), shop, PYTHONIOENCODING=encoding).stdout.decode()
        for encoding in ("utf-8", "latin-1")
    ]
    assert told[0].count("\n") == told[1].count("\n")
    if style == "json":
        system = json.loads(told[1])["evidence"]["inventory"]["operating_system"]
        assert system["name"] == "Débian → 12"


def test_who_stops_reading_early_changes_nothing(shop: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = run((*CHECK, "--format", "json"), shop, stdout=write)
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (2, b"")


def test_an_output_that_cannot_be_written_is_said_and_is_no_verdict(shop: Path) -> None:
    done = run((*CHECK, "-o", "nowhere/x"), shop)
    assert (done.returncode, done.stderr) == (
        3,
        b"sealmark: nowhere/x: cannot be written: No such file or directory\n",
    )
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        done = run(CHECK, shop, stdout=full)
    finally:
        os.close(full)
    assert done.returncode == 5
    assert done.stderr == b"sealmark: standard output cannot be written: No space left on device\n"


def on_terminal(where: Path, columns: int, **environment: str) -> str:
    """Return all that a terminal of a width gets to see."""
    mine, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    known = {
        "SEALMARK_HOME": "state",
        "PATH": os.environ["PATH"],
        "TERM": "xterm",
        **environment,
    }
    process = subprocess.Popen(
        [*CHECK, "--no-cache"], cwd=where, env=known, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(mine, 1 << 16):
            shown += part
    except OSError:  # the other end is closed
        pass
    finally:
        process.wait()
        os.close(mine)
    return shown.decode()


@pytest.mark.parametrize("columns", [20, 40, 80, 120])
def test_progress_keeps_to_its_line_however_narrow_the_terminal(shop: Path, columns: int) -> None:
    shown = on_terminal(shop, columns)
    progress, _, page = shown.partition("\x1b[?25h")
    assert "layer 1" in progress
    assert "\n" not in progress
    assert ("━" in progress) is (columns >= 80)
    assert "\x1b[33m\x1b[1mUNKNOWN" in page


def test_no_colour_is_shown_where_none_is_wanted(shop: Path) -> None:
    page = on_terminal(shop, 80, NO_COLOR="1").partition("\x1b[?25h")[2]
    assert "UNKNOWN" in page
    assert "\x1b" not in page
