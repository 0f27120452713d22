"""The outside tools that `make peers` built."""

from __future__ import annotations

from pathlib import Path

import pytest

BUILT = Path(__file__).resolve().parents[2] / ".peers" / "bin"


def peer(name: str) -> str:
    """The path of a built peer; the test is skipped where there is none."""
    program = BUILT / name
    if not program.exists():
        pytest.skip(f"{name} is not built: run `make peers`")
    return str(program)
