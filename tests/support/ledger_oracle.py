"""What a ledger must be, computed a second time from the specifications and the bytes alone.

Nothing of `sealmark` is imported here: RFC 6962, tlog-tiles, tlog-checkpoint and signed-note are
followed by the plainest code that does it.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

if TYPE_CHECKING:
    from collections.abc import Mapping


def leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def tree_hash(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, over leaf hashes."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + tree_hash(leaves[:k]) + tree_hash(leaves[k:])).digest()


def audit_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*audit_path(m, leaves[:k]), tree_hash(leaves[k:])]
    return [*audit_path(m - k, leaves[k:]), tree_hash(leaves[:k])]


def consistency(m: int, leaves: list[bytes]) -> list[bytes]:
    """PROOF of RFC 6962, section 2.1.2."""
    return _subproof(m, leaves, True) if m else []


def _subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    if m == len(leaves):
        return [] if whole else [tree_hash(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*_subproof(m, leaves[:k], whole), tree_hash(leaves[k:])]
    return [*_subproof(m - k, leaves[k:], False), tree_hash(leaves[:k])]


def check_log(files: Mapping[str, bytes], public: bytes) -> list[bytes]:
    """Assert that `files` are a whole log under `public`'s signature; return its entries."""
    size, root = signed_head(files["checkpoint"], public)
    entries = read_entries(files, size)
    hashes = [leaf(entry) for entry in entries]
    assert tree_hash(hashes) == root, f"root of {size}"
    level = 0
    while hashes:
        for start in range(0, len(hashes), 256):
            row = hashes[start : start + 256]
            stored = read_tile(files, f"tile/{level}/{number(start // 256)}", len(row), 32)
            assert stored == b"".join(row), f"tile {level}/{start // 256} of {size}"
        full = len(hashes) // 256
        hashes = [tree_hash(hashes[i * 256 : i * 256 + 256]) for i in range(full)]
        level += 1
    return entries


def signed_head(note: bytes, public: bytes) -> tuple[int, bytes]:
    """Check the Ed25519 signature on a checkpoint; return its size and root."""
    text, signatures = note.decode().split("\n\n")
    origin, size, root = text.split("\n")
    material = origin.encode() + b"\n\x01" + public
    dash, name, encoded = signatures.removesuffix("\n").split(" ")
    blob = base64.b64decode(encoded)
    assert (dash, name) == ("\u2014", origin)
    assert blob[:4] == hashlib.sha256(material).digest()[:4]
    Ed25519PublicKey.from_public_bytes(public).verify(blob[4:], (text + "\n").encode())
    return int(size), base64.b64decode(root)


def read_entries(files: Mapping[str, bytes], size: int) -> list[bytes]:
    entries: list[bytes] = []
    for index in range(-(-size // 256)):
        width = min(256, size - index * 256)
        name = f"tile/entries/{number(index)}"
        data = files[name] if name in files else files[f"{name}.p/{width}"]
        rows = []
        while data:
            length = int.from_bytes(data[:2], "big")
            assert len(data) >= 2 + length
            rows.append(data[2 : 2 + length])
            data = data[2 + length :]
        assert len(rows) == (256 if name in files else width)
        entries += rows[:width]
    return entries


def read_tile(files: Mapping[str, bytes], name: str, width: int, unit: int) -> bytes:
    if width < 256 and f"{name}.p/{width}" in files:
        data = files[f"{name}.p/{width}"]
        assert len(data) == width * unit
        return data
    return files[name][: width * unit]


def number(index: int) -> str:
    """An index as tlog-tiles writes it."""
    text = f"{index % 1000:03d}"
    while index := index // 1000:
        text = f"x{index % 1000:03d}/{text}"
    return text
