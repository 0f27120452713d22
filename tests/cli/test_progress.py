"""A person at a terminal sees layers being read; nobody else gets a byte of it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.forge import Forge, tar

if TYPE_CHECKING:
    from collections.abc import Sequence

SEALMARK = str(Path(sys.executable).with_name("sealmark"))
CHECK = (SEALMARK, "check", "oci:image", "--platform", "linux/amd64")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    forge = Forge(tmp_path / "image")
    forge.offer(forge.image(*(forge.layer(tar((f"f{n}", b"1" * 9000))) for n in range(3))))
    return tmp_path


def on_terminal(arguments: Sequence[str], where: Path, term: str) -> tuple[bytes, bytes]:
    """Run with a terminal as standard error; return what it and standard output got."""
    mine, theirs = pty.openpty()
    environment = {"SEALMARK_HOME": "state", "PATH": os.environ["PATH"], "TERM": term}
    try:
        done = subprocess.run(
            arguments, cwd=where, env=environment, stdout=subprocess.PIPE, stderr=theirs
        )
        os.set_blocking(mine, False)
        try:
            return os.read(mine, 1 << 20), done.stdout
        except BlockingIOError:
            return b"", done.stdout
    finally:
        os.close(theirs)
        os.close(mine)


@pytest.mark.parametrize("command", ["check", "scan"])
def test_a_terminal_shows_which_layer_is_read_and_then_forgets_it(shop: Path, command: str) -> None:
    shown, printed = on_terminal((SEALMARK, command, *CHECK[2:]), shop, "xterm")
    for number in (1, 2, 3):
        assert b"layer %d of 3" % number in shown
    assert b"layer" not in shown.rpartition(b"\x1b[2K")[2]
    assert shown.rstrip(b"\r").endswith(b"\x1b[?25h"), "the cursor is visible again"
    assert b"layer 1 of 3" not in printed


def test_layers_that_are_not_read_show_nothing(shop: Path) -> None:
    on_terminal(CHECK, shop, "xterm")
    assert on_terminal(CHECK, shop, "xterm")[0] == b""


def test_a_terminal_that_cannot_go_back_is_left_alone(shop: Path) -> None:
    assert on_terminal(CHECK, shop, "dumb")[0] == b""


def test_nothing_is_shown_and_nothing_loaded_for_it_where_nobody_looks(shop: Path) -> None:
    program = "import sys; from sealmark.cli.main import run; run(sys.argv[1:]); "
    program += "print('rich' in sys.modules)"
    environment = {"SEALMARK_HOME": "state", "PATH": os.environ["PATH"]}
    for arguments in (CHECK[1:], ("--help",), ("check", "--help")):
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=shop,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.stderr == ""
        assert done.stdout.endswith("False\n")
