"""Every example in the README and in docs runs, and prints what the document says."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from tests.support.shop import build_shop
from tests.support.sigstore.files import write_signed
from tests.support.transcript import agrees, play, steps

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
    if steps(path.read_text())
)


@pytest.mark.parametrize("name", DOCUMENTS, ids=str)
def test_what_a_document_shows_is_what_happens(name: Path, tmp_path: Path) -> None:
    build_shop(tmp_path)
    write_signed(tmp_path)
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "LANG": "C.UTF-8",
        "USER": "alice",
    }
    for step, got in play((ROOT / name).read_text(), tmp_path, environment):
        assert agrees(step.expected, got), f"$ {step.command}\n{got}\n--- expected\n{step.expected}"


def test_the_readme_has_examples() -> None:
    assert Path("README.md") in DOCUMENTS
