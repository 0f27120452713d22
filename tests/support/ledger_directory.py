"""Ledgers in real directories, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealmark.ledger.directory import Directory, open_directory
from sealmark.ledger.key import SigningKey
from sealmark.ledger.log import Ledger
from sealmark.ledger.verify import BodiesOf, Verification, verify

if TYPE_CHECKING:
    from pathlib import Path

    from sealmark.ledger.note import VerifierKey


def fixed_key(number: int) -> SigningKey:
    """The same key every time, so that what fails once fails again."""
    return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


def files_under(root: Path) -> dict[str, bytes]:
    """Every file below `root` by its relative name."""
    found = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def new_ledger(root: Path, entries: int = 0, batch: int = 100) -> Ledger:
    """A ledger of `entry 0`, `entry 1` … appended `batch` at a time."""
    ledger = Ledger.open(root, create=True, origin="test.example/log")
    for start in range(0, entries, batch):
        ledger.append([b"entry %d" % n for n in range(start, min(entries, start + batch))])
    return ledger


def check(
    root: Path,
    key: VerifierKey,
    against: bytes | None = None,
    bodies_of: BodiesOf | None = None,
) -> Verification:
    """Verify the ledger in `root`."""
    return verify(storage(root), key, against=against, bodies_of=bodies_of)


def storage(root: Path) -> Directory:
    """The storage in `root`; writers do not wait long."""
    return open_directory(root, wait=0.05)
