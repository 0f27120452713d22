"""Files of an imaginary root file system, and the inventory they give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealmark.scan.inventory.assemble import assemble
from sealmark.scan.inventory.dispatch import read_file, wants

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sealmark.evidence.component import Component, OperatingSystem
    from sealmark.evidence.inventory import Problem

BOOKWORM = b'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian 12"\n'
ALPINE = b'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME="Alpine Linux v3.20"\n'


def take_stock(
    files: Mapping[str, bytes], layer: int | None = 0
) -> tuple[OperatingSystem | None, tuple[Component, ...], tuple[Problem, ...]]:
    """Offer every file as the scanner of a layer does, and assemble what comes out."""
    paths = {path.encode(): content for path, content in files.items()}
    return assemble((layer, p, read_file(p, c)) for p, c in paths.items() if wants(p))


def files_under(root: Path, prefix: str) -> dict[str, bytes]:
    """Return the regular files below `root` that are wanted at `prefix`, by path."""
    found = {}
    for file in root.rglob("*"):
        path = f"{prefix}/{file.relative_to(root)}"
        if wants(path.encode()) and file.is_file() and not file.is_symlink():
            found[path] = file.read_bytes()
    return found
