"""RFC 6962 Merkle trees: hashing, proofs and their verification, over plain values.

Proofs are built from a `ReadHash`, a function that gives the hash of any complete subtree, so
that this module need not know where hashes are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

HASH_BYTES = 32
MAX_SIZE = 2**63 - 1
EMPTY_ROOT = sha256(b"").digest()

ReadHash = Callable[[int, int], bytes]
"""`read(level, index)`: the hash of leaves `index << level` up to `(index + 1) << level`."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of one entry (RFC 6962, section 2.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 6962, section 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def complete_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over `hashes`, whose number must be a power of two."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def split(count: int) -> int:
    """Return the largest power of two smaller than `count`, for `count` > 1."""
    return 1 << (count - 1).bit_length() - 1


def range_hash(read: ReadHash, start: int, end: int) -> bytes:
    """Return MTH(D[start:end]) for a range that is a node of some tree (section 2.1)."""
    count = end - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return read(level, start >> level)
    middle = start + split(count)
    return node_hash(range_hash(read, start, middle), range_hash(read, middle, end))


def tree_root(read: ReadHash, size: int) -> bytes:
    """Return the root of the tree of the first `size` leaves."""
    return range_hash(read, 0, size) if size else EMPTY_ROOT


def inclusion_proof(read: ReadHash, index: int, size: int) -> tuple[bytes, ...]:
    """Return PATH(index, D[0:size]), leaf's sibling first (section 2.1.1); 0 <= index < size."""
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            proof.append(range_hash(read, middle, end))
            end = middle
        else:
            proof.append(range_hash(read, start, middle))
            start = middle
    return tuple(reversed(proof))


def consistency_proof(read: ReadHash, old: int, new: int) -> tuple[bytes, ...]:
    """Return PROOF(old, D[0:new]) (section 2.1.2); 0 <= old <= new, empty at both ends."""
    if old in (0, new):
        return ()
    proof: list[bytes] = []
    start, end = 0, new
    while end != old:
        middle = start + split(end - start)
        if old <= middle:
            proof.append(range_hash(read, middle, end))
            end = middle
        else:
            proof.append(range_hash(read, start, middle))
            start = middle
    if start:
        proof.append(range_hash(read, start, end))
    return tuple(reversed(proof))


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Say whether `proof` shows the leaf hash `leaf` at `index` under `root`.

    RFC 9162, section 2.1.3.2; a proof with a hash too many or too few shows nothing.
    """
    if not 0 <= index < size:
        return False
    position, last, computed = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            computed = node_hash(step, computed)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            computed = node_hash(computed, step)
        position, last = position >> 1, last >> 1
    return last == 0 and computed == root


def verify_consistency(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Say whether `proof` shows that the tree `new` continues the tree `old`.

    RFC 9162, section 2.1.4.2. Every tree continues the empty one; equal sizes need equal roots.
    """
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    steps = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    return bool(steps) and _roots(old, new, steps) == (old_root, new_root)


def _roots(old: int, new: int, steps: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Climb from `steps[0]`, the largest node both trees end with, to both roots."""
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            return None
        if position & 1 or position == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            second = node_hash(second, step)
        position, last = position >> 1, last >> 1
    return (first, second) if last == 0 else None
