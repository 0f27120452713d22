"""`sealmark explain`: every control has a lab that works, and a decision says what it rests on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.forge import Forge, tar

from sealmark.cli.main import run
from sealmark.policy.controls.labs import LABS
from sealmark.policy.packs import KNOWN_CONTROLS

if TYPE_CHECKING:
    Capture = pytest.CaptureFixture[str]


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forge:
    monkeypatch.setenv("SEALMARK_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return Forge(tmp_path / "image")


def test_every_control_has_a_lab() -> None:
    assert set(LABS) == {control.about.id for control in KNOWN_CONTROLS}


@pytest.mark.parametrize("control", sorted(LABS))
def test_a_lab_is_refused_by_its_control_and_its_fix_is_allowed(
    control: str, tmp_path: Path, capsys: Capture
) -> None:
    assert run(["explain", control, "--lab"]) == 0
    script = capsys.readouterr().out
    assert run(["explain", control]) == 0
    assert script in capsys.readouterr().out
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "LANG": "C.UTF-8"}
    done = subprocess.run(
        ["sh"],
        input=script.replace("  # refused", '\necho "= exit $?"\n'),
        env=environment,
        capture_output=True,
        text=True,
    )
    refused, _, mended = done.stdout.partition("= exit ")
    assert done.stderr == ""
    assert mended[0] in "12"
    assert control in refused
    assert "ALLOW" in mended
    assert done.returncode == 0


def test_a_decision_is_explained_by_its_entry(forge: Forge, capsys: Capture) -> None:
    forge.offer(forge.image(forge.layer(tar(("x", b"1")))))
    assert run(["check", "oci:image", "--platform", "linux/amd64"]) == 2
    capsys.readouterr()
    for name in ("0", "entry:0"):
        assert run(["explain", name]) == 0
        said = capsys.readouterr().out
        assert said.startswith("entry 0: UNKNOWN oci:image\n")
        assert "not enough is known" in said
        assert "sealmark explain inventory-complete --lab" in said
        assert "sealmark ledger prove 0" in said


def test_a_refusal_is_explained_with_what_was_wrong(forge: Forge, capsys: Capture) -> None:
    forge.offer(forge.image(forge.layer(tar(("x", b"1")), "gzip", b"no gzip")))
    assert run(["check", "oci:image", "--platform", "linux/amd64"]) == 4
    capsys.readouterr()
    assert run(["explain", "entry:0"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("entry 0: DENY oci:image\n")
    assert "gzip stream is cut off" in said


@pytest.mark.parametrize("name", ["7", "entry:7", "entry:-1", "entry:x", "CVE-1-1", "\x1b[2J"])
def test_what_is_not_recorded_is_a_usage_error(forge: Forge, name: str, capsys: Capture) -> None:
    assert run(["explain", name]) == 3
    run(["check", "oci:image"])
    forge.offer(forge.image())
    run(["check", "oci:image"])
    assert run(["explain", name]) == 3
    assert "\x1b" not in capsys.readouterr().err


def test_a_damaged_ledger_is_unreadable_and_no_mistake_of_the_user(
    forge: Forge, capsys: Capture
) -> None:
    run(["check", "oci:nothing-there"])
    forge.offer(forge.image())
    run(["check", "oci:image"])
    ledger = forge.layout.parent / "state" / "data" / "ledger"
    (ledger / "tile" / "entries" / "000.p" / "1").write_bytes(b"")
    capsys.readouterr()
    assert run(["explain", "0"]) == 4
    assert "the ledger cannot be read" in capsys.readouterr().err


def test_only_a_control_has_a_lab(forge: Forge) -> None:
    assert run(["explain", "CVE-2021-23337", "--lab"]) == 3
