"""`sealmark ledger …` as a person or a script meets it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.support.ledger_directory import files_under, new_ledger

from sealmark.cli.ledger import bodies_of, summary
from sealmark.cli.main import run
from sealmark.ledger.log import Ledger

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A state directory whose ledger has 300 entries."""
    (tmp_path / "home/data").mkdir(parents=True)
    new_ledger(ledger_of(tmp_path / "home"), 300)
    return tmp_path / "home"


def ledger_of(home: Path) -> Path:
    return home / "data/ledger"


def ledger(home: Path, *arguments: str) -> int:
    return run(["ledger", arguments[0], "--home", str(home), *arguments[1:]])


def test_verify_says_the_verdict_first_and_exits_0(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ledger(home, "verify") == 0
    output = capsys.readouterr().out
    assert output.startswith("verified: test.example/log, 300 entries, ")
    assert "--against" in output


def test_verify_against_a_kept_checkpoint(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = shutil.copy(ledger_of(home) / "checkpoint", tmp_path / "kept")
    Ledger.open(ledger_of(home)).append([b"more"])
    assert ledger(home, "verify", "--against", str(kept)) == 0
    assert f"continues the checkpoint in {kept}" in capsys.readouterr().out


def test_a_rewrite_is_denied_with_exit_1(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = shutil.copy(ledger_of(home) / "checkpoint", tmp_path / "kept")
    shutil.rmtree(ledger_of(home))
    new_ledger(ledger_of(home)).append([b"%d" % n for n in range(301)])
    assert ledger(home, "verify") == 0
    capsys.readouterr()
    assert ledger(home, "verify", "--against", str(kept)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("NOT verified: 1 problem")
    assert lines[1].startswith("next: ")
    assert "the kept checkpoint (root of 300)" in lines[2]


@pytest.mark.parametrize("name", ["head", "checkpoint", "tile/0/000", "tile/entries/001.p/44"])
def test_a_changed_file_is_denied_with_exit_1_and_named(
    home: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = ledger_of(home) / name
    whole = path.read_bytes()
    path.write_bytes(bytes([whole[0] ^ 0x20]) + whole[1:])
    assert ledger(home, "verify", "--format", "json") == 1
    report = json.loads(capsys.readouterr().out)
    assert not report["ok"]
    number = {"tile/entries/001.p/44": "bundle 1"}.get(name, name)
    assert any(number in problem["where"] for problem in report["problems"])


def test_the_report_for_machines_counts_what_was_checked(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ledger(home, "verify", "--format", "json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True
    assert report["size"] == report["checked"]["entries"] == 300
    assert report["problems"] == []


def test_a_copy_is_verified_with_the_verifier_key_alone(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = str(Ledger.open(ledger_of(home)).verifier_key)
    copy = tmp_path / "copy"
    for name, content in files_under(ledger_of(home)).items():
        if name.startswith(("tile/", "checkpoint")):
            target = ledger_of(copy) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    assert ledger(copy, "verify", "--key", key) == 0
    assert ledger(copy, "verify") == 3
    assert "--key" in capsys.readouterr().err


def test_show_prints_what_an_outsider_needs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ledger(home, "show", "--last", "2") == 0
    output = capsys.readouterr().out
    key = str(Ledger.open(ledger_of(home)).verifier_key)
    for expected in (str(ledger_of(home)), key, "300", "298 entry 298", "299 entry 299"):
        assert expected in output
    assert "entry 297" not in output
    assert ledger(home, "show", "--format", "json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["verifier_key"] == key
    assert [item["index"] for item in facts["entries"]] == [295, 296, 297, 298, 299]


def test_a_proof_is_written_and_checked_without_the_ledger(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = str(Ledger.open(ledger_of(home)).verifier_key)
    proof = tmp_path / "entry.tlog-proof"
    assert ledger(home, "prove", "17", "--output", str(proof)) == 0
    assert f"check-proof {proof} --key {key}" in capsys.readouterr().out
    shutil.rmtree(home)
    assert run(["ledger", "check-proof", str(proof), "--key", key]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "proven: entry 17 of 300 in test.example/log",
        "entry 17",
    ]
    assert run(["ledger", "check-proof", str(proof), "--key", key, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["entry"] == "entry 17"


def test_a_proof_goes_to_standard_output_untouched(
    home: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert ledger(home, "prove", "0", "--output", "-") == 0
    assert capsysbinary.readouterr().out == Ledger.open(ledger_of(home)).prove(0)


def test_a_forged_proof_is_denied_with_exit_1(home: Path, tmp_path: Path) -> None:
    log = Ledger.open(ledger_of(home))
    proof = tmp_path / "proof"
    proof.write_bytes(log.prove(17).replace(b"index 17", b"index 18"))
    assert run(["ledger", "check-proof", str(proof), "--key", str(log.verifier_key)]) == 1


def test_what_cannot_be_read_is_exit_4(home: Path, tmp_path: Path) -> None:
    key = str(Ledger.open(ledger_of(home)).verifier_key)
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"\xff\x00")
    assert run(["ledger", "check-proof", str(garbage), "--key", key]) == 4
    assert run(["ledger", "check-proof", str(tmp_path / "absent"), "--key", key]) == 4
    assert ledger(home, "verify", "--against", str(garbage)) == 4
    assert ledger(home, "verify", "--against", str(tmp_path)) == 4
    garbage.write_bytes(bytes(2_000_001))
    assert ledger(home, "verify", "--against", str(garbage)) == 4


def test_what_makes_no_sense_is_exit_3(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ledger(home, "prove", "300") == 3
    assert ledger(home, "prove", "x") == 3
    assert ledger(home, "prove", "1", "--output", str(tmp_path / "no/such/folder")) == 3
    assert ledger(home, "nonsense") == 3
    assert ledger(tmp_path / "empty", "show") == 3
    assert ledger(tmp_path / "empty", "verify") == 3
    assert "no ledger in" in capsys.readouterr().err


def test_a_key_that_is_none_is_refused_before_anything_is_read(home: Path) -> None:
    assert ledger(home, "verify", "--key", "nonsense") == 4


def test_the_private_key_is_in_no_output(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = (home / "data/ledger.key").read_text().splitlines()[1]
    ledger(home, "show")
    ledger(home, "verify")
    ledger(home, "prove", "1", "--output", str(tmp_path / "proof"))
    captured = capsys.readouterr()
    assert secret[-20:] not in captured.out + captured.err
    assert secret[-20:].encode() not in b"".join(files_under(ledger_of(home)).values())


def test_an_entry_is_shown_on_one_printable_line() -> None:
    assert summary(b"a\x1b[31m\nb\xff") == "a\ufffd[31m\ufffdb\\xff"
    assert len(summary(b"x" * 65_535)) == 120
    assert summary(b"") == ""


@pytest.mark.parametrize("entry", [b"", b"\xff", b'{"a":' + b"[" * 60_000, b'{"schema":"\xff"}'])
def test_bytes_that_are_no_statement_refer_to_no_bodies(entry: bytes) -> None:
    assert bodies_of(entry) == []


def test_who_has_the_verifier_key_alone_reads_everything_and_leaves_no_trace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bill = tmp_path / "bill.json"
    bill.write_text('{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}')
    writer, auditor = tmp_path / "writer", tmp_path / "auditor"
    assert run(["check", f"sbom:{bill}", "--home", str(writer)]) == 2
    key = str(Ledger.open(ledger_of(writer)).verifier_key)
    shutil.copytree(ledger_of(writer), ledger_of(auditor))
    before = {path: path.stat().st_mtime_ns for path in auditor.rglob("*")}
    proof = str(tmp_path / "proof")
    home = ["--home", str(auditor)]
    assert run(["ledger", "show", "--key", key, *home]) == 0
    assert run(["ledger", "prove", "0", "--key", key, "--output", proof, *home]) == 0
    assert run(["ledger", "verify", "--key", key, *home]) == 0
    assert run(["explain", "entry:0", "--key", key, *home]) == 0
    assert run(["explain", "0", *home]) == 3
    assert "--key" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in auditor.rglob("*")} == before


def test_another_key_reads_nothing(home: Path, tmp_path: Path) -> None:
    other = new_ledger(tmp_path / "other").verifier_key
    for command in (["show"], ["prove", "0"]):
        assert ledger(home, *command, "--key", str(other)) == 1
