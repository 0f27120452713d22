"""Real processes: killed while they append, and appending at the same time."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest
from tests.support import ledger_oracle as oracle
from tests.support.ledger_directory import check, files_under, new_ledger

from sealmark.ledger.log import Ledger

SOURCE = Path(__file__).resolve().parents[2] / "src"

WRITER = """
import sys
from pathlib import Path
from sealmark.ledger.log import Ledger

root, name, batches = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
ledger = Ledger.open(root, wait=30)
print("ready", flush=True)
for number in range(batches):
    batch = [f"{name} {number} {place}".encode() for place in range(1 + number % 7)]
    indices = ledger.append(batch, [f"body of {name} {number}".encode()])
    print(number, indices[0], len(indices), flush=True)
"""

HOLDER = """
import sys, time
from pathlib import Path
from sealmark.ledger.directory import open_directory

with open_directory(Path(sys.argv[1])).hold():
    print("held", flush=True)
    time.sleep(60)
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(SOURCE)},
    )


def acknowledged(name: str, lines: list[str]) -> dict[int, bytes]:
    """What a writer was promised: index by index."""
    promised: dict[int, bytes] = {}
    for line in lines:
        number, first, count = map(int, line.split())
        for place in range(count):
            promised[first + place] = f"{name} {number} {place}".encode()
    return promised


def kill_after(writer: subprocess.Popen[str], promises: int, seconds: float) -> list[str]:
    """Kill a writer some time after so many promises; return all the whole lines it wrote."""
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    lines = [writer.stdout.readline() for _ in range(promises)]
    time.sleep(seconds)
    writer.send_signal(signal.SIGKILL)
    # Not communicate(): it does not see what readline() has read ahead.
    lines += writer.stdout.readlines()
    writer.wait(timeout=60)
    writer.stdout.close()
    return [line for line in lines if line.endswith("\n")]


def kill_writers(root: Path, kills: int, seed: int) -> None:
    random = Random(seed)
    ledger = new_ledger(root)
    promised: dict[int, bytes] = {}
    for kill in range(kills):
        name = f"writer-{kill}"
        writer = start(WRITER, str(root), name, "1000000")
        lines = kill_after(writer, kill % 3, random.uniform(0, 0.06))
        promised |= acknowledged(name, lines)
        entries = oracle.check_log(files_under(root), ledger.verifier_key.public)
        assert all(entries[index] == entry for index, entry in promised.items())
        assert check(root, ledger.verifier_key).ok
    assert promised
    size = ledger.size
    (last,) = ledger.append([b"after all that"])
    assert last >= size
    whole = oracle.check_log(files_under(root), ledger.verifier_key.public)
    assert whole_batches(whole[:-1])


def whole_batches(entries: list[bytes]) -> bool:
    """Say whether every batch is there from its first place to its last, in one piece."""
    position = 0
    while position < len(entries):
        name, number, _ = entries[position].split()
        batch = [b"%s %s %d" % (name, number, place) for place in range(1 + int(number) % 7)]
        if entries[position : position + len(batch)] != batch:
            return False
        position += len(batch)
    return True


def test_a_killed_writer_leaves_what_it_was_promised(tmp_path: Path) -> None:
    kill_writers(tmp_path / "log", 12, seed=1)


@pytest.mark.slow
def test_hundreds_of_killed_writers_leave_what_they_were_promised(tmp_path: Path) -> None:
    kill_writers(tmp_path / "log", 300, seed=2)


def test_two_processes_that_append_at_once_lose_nothing(tmp_path: Path) -> None:
    root = tmp_path / "log"
    ledger = new_ledger(root)
    writers = {name: start(WRITER, str(root), name, "60") for name in ("left", "right")}
    promised: dict[int, bytes] = {}
    for name, writer in writers.items():
        output, _ = writer.communicate(timeout=120)
        assert writer.returncode == 0
        own = acknowledged(name, output.splitlines()[1:])
        assert not own.keys() & promised.keys()
        promised |= own
    entries = oracle.check_log(files_under(root), ledger.verifier_key.public)
    assert dict(enumerate(entries)) == promised
    assert whole_batches(entries)
    assert check(root, ledger.verifier_key).ok


def test_the_lock_of_a_killed_holder_is_free(tmp_path: Path) -> None:
    root = tmp_path / "log"
    new_ledger(root)
    holder = start(HOLDER, str(root))
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.communicate(timeout=60)
    assert Ledger.open(root, wait=1).append([b"x"]) == (0,)


def test_two_processes_that_found_a_ledger_at_once_found_the_same(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from sealmark.ledger.log import Ledger;"
        "print(Ledger.open(Path(sys.argv[1]), create=True).verifier_key)"
    )
    founders = [start(script, str(tmp_path / "log")) for _ in range(4)]
    keys = {founder.communicate(timeout=60)[0] for founder in founders}
    assert len(keys) == 1
    assert [founder.returncode for founder in founders] == [0, 0, 0, 0]
