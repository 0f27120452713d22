"""Runs whole commands and takes the kernel's own account of each: wall time and peak memory."""

from __future__ import annotations

import os
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Run:
    """One finished process: seconds by the clock and of a processor, bytes."""

    seconds: float
    peak: int
    status: int
    processor: float


@dataclass(frozen=True, slots=True)
class Figure:
    """Several runs of one command."""

    name: str
    runs: tuple[Run, ...]

    @property
    def seconds(self) -> float:
        return statistics.median(run.seconds for run in self.runs)

    @property
    def megabytes(self) -> float:
        return max(run.peak for run in self.runs) / 1e6

    @property
    def processor(self) -> float:
        return min(run.processor for run in self.runs)

    def processor_row(self, against: Figure) -> str:
        ratio = self.processor / against.processor
        return f"| {self.name} | {self.processor:.1f} | {self.megabytes:.0f} | {ratio:.2f} |"

    def row(self, against: Figure | None = None) -> str:
        spread = f"{min(r.seconds for r in self.runs):.3f}-{max(r.seconds for r in self.runs):.3f}"
        ratio = f"{self.seconds / against.seconds:.2f}" if against else ""
        return f"| {self.name} | {self.seconds:.3f} | {spread} | {self.megabytes:.0f} | {ratio} |"


PROCESSOR_HEADER = "| what | processor s | peak MB | ratio |\n|---|---|---|---|"
HEADER = "| what | median s | min-max s | peak MB | ratio |\n|---|---|---|---|---|"


def run(command: Sequence[str], environment: dict[str, str] | None = None) -> Run:
    """Run `command` with its output thrown away."""
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        started = time.perf_counter()
        child = os.posix_spawnp(
            command[0],
            tuple(command),
            {**os.environ, **(environment or {})},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, nothing, 0),
                (os.POSIX_SPAWN_DUP2, nothing, 1),
                (os.POSIX_SPAWN_DUP2, nothing, 2),
            ],
        )
        _, status, usage = os.wait4(child, 0)
        took = time.perf_counter() - started
    finally:
        os.close(nothing)
    processor = usage.ru_utime + usage.ru_stime
    return Run(took, usage.ru_maxrss * 1024, os.waitstatus_to_exitcode(status), processor)


def repeat(
    name: str,
    command: Sequence[str],
    *,
    times: int = 5,
    before: Callable[[], None] = lambda: None,
    expect: Sequence[int] = (0,),
) -> Figure:
    """Run `command` several times after one that does not count."""
    runs = []
    for turn in range(times + 1):
        before()
        done = run(command)
        if done.status not in expect:
            sys.exit(f"{name}: exit {done.status}, expected {expect}: {' '.join(command)}")
        if turn:
            runs.append(done)
    return Figure(name, tuple(runs))


SEALMARK = str(Path(sys.executable).with_name("sealmark"))
