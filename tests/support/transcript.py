"""Reads `console` blocks of a document, runs their commands, compares what they print.

In an expected output a line that is only `…` stands for any lines, and `…` within a line for any
characters.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_MARK = "=== end of output ==="


@dataclass(frozen=True, slots=True)
class Step:
    """One command and what the document says it prints."""

    command: str
    expected: str


def steps(document: str) -> list[Step]:
    """Return the commands of all blocks in order."""
    found: list[Step] = []
    for block in _BLOCK.findall(document):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Step(line[2:], ""))
            elif found:
                last = found.pop()
                found.append(Step(last.command, last.expected + line + "\n"))
    return found


def play(document: str, directory: Path, environment: dict[str, str]) -> list[tuple[Step, str]]:
    """Run all commands in one shell; return each with its output (both streams)."""
    run = steps(document)
    script = "".join(
        f"{step.command}\n__status=$?\necho '{_MARK}'\n(exit $__status)\n" for step in run
    )
    done = subprocess.run(
        ["bash", "-s"],
        input=script,
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    outputs = done.stdout.split(_MARK + "\n")
    assert len(outputs) == len(run) + 1, done.stdout
    return list(zip(run, outputs, strict=False))


def agrees(expected: str, got: str) -> bool:
    """Tell whether `got` is what `expected` describes."""
    pattern = ""
    for line in expected.splitlines():
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(re.escape(part) for part in line.rstrip().split("…")) + r"\s*?\n"
    return re.fullmatch(pattern, got) is not None
