"""Layers that GNU tar writes, and images around them."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
from typing import TYPE_CHECKING

from tests.support.layout import BuiltLayer

if TYPE_CHECKING:
    from pathlib import Path


def gnu_tar(tree: Path, script: str, *options: str) -> bytes:
    """Run `script` in the new directory `tree` and return the tar of it, sorted by name."""
    tree.mkdir(parents=True)
    subprocess.run(["sh", "-euc", script], cwd=tree, check=True)
    command = ["tar", "-c", "--sort=name", *options, "-C", str(tree), "."]
    return subprocess.run(command, check=True, capture_output=True).stdout


def store_layer(layout: Path, content: bytes) -> BuiltLayer:
    """Put a tar into `layout` as a gzip layer."""
    stored = gzip.compress(content, 6, mtime=0)
    digest = hashlib.sha256(stored).hexdigest()
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / digest).write_bytes(stored)
    diff_id = hashlib.sha256(content).hexdigest()
    return BuiltLayer(f"sha256:{digest}", len(stored), f"sha256:{diff_id}", "COPY . /")
