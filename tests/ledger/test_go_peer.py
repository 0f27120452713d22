"""The Go project's own packages read the same files and come to the same conclusions."""

from __future__ import annotations

import base64
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.support.ledger_directory import new_ledger
from tests.support.peers import peer

from sealmark.ledger.log import Ledger

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.peers


def go_tlog(root: Path, key: str, *kept: str) -> subprocess.CompletedProcess[str]:
    return go("log", key, str(root), *kept)


def go(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [peer("go-tlog"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 511, 512, 700, 65_536, 65_800])
def test_go_verifies_signature_tree_entries_and_proofs(tmp_path: Path, size: int) -> None:
    root = tmp_path / "log"
    ledger = new_ledger(root)
    kept = tmp_path / "kept"
    ledger.append([b"first"])
    kept.write_bytes(ledger.signed_checkpoint())
    for start in range(1, size, 30_000):
        ledger.append([b"%d" % n for n in range(start, min(size, start + 30_000))])
    answer = go_tlog(root, str(ledger.verifier_key), str(kept))
    root_hash = base64.b64encode(ledger.checkpoint().root).decode()
    assert (answer.stdout, answer.stderr) == (f"{size} {root_hash}\n", "")


def test_go_reads_a_log_that_grew_one_entry_at_a_time(tmp_path: Path) -> None:
    root = tmp_path / "log"
    ledger = new_ledger(root, 300, batch=1)
    assert go_tlog(root, str(ledger.verifier_key)).returncode == 0


def test_go_notices_what_we_notice(tmp_path: Path) -> None:
    root = tmp_path / "log"
    ledger = new_ledger(root, 700)
    key = str(ledger.verifier_key)
    for name in ("checkpoint", "tile/0/001", "tile/entries/000", "tile/1/000.p/2"):
        whole = (root / name).read_bytes()
        (root / name).write_bytes(whole[:40] + bytes([whole[40] ^ 1]) + whole[41:])
        assert go_tlog(root, key).returncode == 1, name
        (root / name).write_bytes(whole)
    assert go_tlog(root, key).returncode == 0


def test_go_notices_a_rewrite_by_the_keys_holder(tmp_path: Path) -> None:
    root = tmp_path / "log"
    kept = tmp_path / "kept"
    kept.write_bytes(new_ledger(root, 300).signed_checkpoint())
    shutil.rmtree(root)
    ledger = Ledger.open(root, create=True, origin="test.example/log")
    ledger.append([b"rewritten %d" % n for n in range(400)])
    assert go_tlog(root, str(ledger.verifier_key)).returncode == 0
    refused = go_tlog(root, str(ledger.verifier_key), str(kept))
    assert refused.returncode == 1
    assert "does not continue" in refused.stderr


def test_go_refuses_another_key(tmp_path: Path) -> None:
    new_ledger(tmp_path / "log", 3)
    other = new_ledger(tmp_path / "other")
    refused = go_tlog(tmp_path / "log", str(other.verifier_key))
    assert refused.returncode == 1
    assert "no verifiable signatures" in refused.stderr


def test_go_checks_our_proof_files(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path / "log", 700)
    key, proof = str(ledger.verifier_key), tmp_path / "proof"
    for index in (0, 255, 256, 511, 699):
        proof.write_bytes(ledger.prove(index))
        assert go("proof", key, str(proof)).stdout == f"entry {index}\n"
    proof.write_bytes(ledger.prove(5).replace(b"index 5", b"index 6"))
    assert go("proof", key, str(proof)).returncode == 1
