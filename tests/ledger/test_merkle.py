"""RFC 6962 trees: published vectors, and the plain recursion of the RFC as oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import ledger_oracle as oracle

from sealmark.ledger.edge import Edge
from sealmark.ledger.merkle import (
    EMPTY_ROOT,
    MAX_SIZE,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    tree_root,
    verify_consistency,
    verify_inclusion,
)

if TYPE_CHECKING:
    from sealmark.ledger.merkle import ReadHash

# The leaves, roots and paths that Certificate Transparency implementations share.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
FIRST_OF_EIGHT = [
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
]
SIX_TO_EIGHT = [
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
]

HASHES = [leaf_hash(b"leaf %d" % number) for number in range(600)]


def reader(leaves: list[bytes]) -> ReadHash:
    def read(level: int, index: int) -> bytes:
        row = leaves[index << level : (index + 1) << level]
        assert len(row) == 1 << level, "asked for a subtree that is not complete"
        return oracle.tree_hash(row)

    return read


def hexes(proof: tuple[bytes, ...]) -> list[str]:
    return [step.hex() for step in proof]


def test_roots_are_those_of_the_published_vectors() -> None:
    hashes = [leaf_hash(entry) for entry in LEAVES]
    edge = Edge()
    for size, root in enumerate(ROOTS):
        assert tree_root(reader(hashes), size).hex() == root
        assert edge.root().hex() == root
        edge.add(hashes[size % len(hashes)])


def test_proofs_are_those_of_the_published_vectors() -> None:
    read = reader([leaf_hash(entry) for entry in LEAVES])
    assert hexes(inclusion_proof(read, 0, 8)) == FIRST_OF_EIGHT
    assert hexes(consistency_proof(read, 1, 8)) == FIRST_OF_EIGHT
    assert hexes(consistency_proof(read, 6, 8)) == SIX_TO_EIGHT
    assert hexes(inclusion_proof(read, 0, 1)) == []


@pytest.mark.parametrize("size", [*range(1, 40), 255, 256, 257, 511, 512, 513])
def test_every_inclusion_proof_verifies_and_is_the_rfcs(size: int) -> None:
    leaves = HASHES[:size]
    root = oracle.tree_hash(leaves)
    for index in range(0, size, 1 if size < 40 else 37):
        proof = inclusion_proof(reader(leaves), index, size)
        assert list(proof) == oracle.audit_path(index, leaves)
        assert verify_inclusion(leaves[index], index, size, proof, root)


@pytest.mark.parametrize("new", [*range(1, 40), 256, 300, 513])
def test_every_consistency_proof_verifies_and_is_the_rfcs(new: int) -> None:
    leaves = HASHES[:new]
    root = oracle.tree_hash(leaves)
    for old in range(0, new + 1, 1 if new < 40 else 29):
        proof = consistency_proof(reader(leaves), old, new)
        assert list(proof) == oracle.consistency(old, leaves)
        assert verify_consistency(old, oracle.tree_hash(leaves[:old]), new, root, proof)


@st.composite
def spoilt(draw: st.DrawFn, proof: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """A proof that differs: a bit flipped, a hash added, dropped, or two swapped."""
    steps = list(proof)
    kind = draw(st.sampled_from(["flip", "add", "drop", "swap"] if steps else ["add"]))
    at = draw(st.integers(0, max(0, len(steps) - 1)))
    if kind == "flip":
        bit = draw(st.integers(0, 255))
        changed = bytearray(steps[at])
        changed[bit // 8] ^= 1 << bit % 8
        steps[at] = bytes(changed)
    elif kind == "add":
        steps.insert(at, draw(st.binary(min_size=32, max_size=32)))
    elif kind == "drop":
        del steps[at]
    else:
        steps[at], steps[0] = steps[0], steps[at]
    return tuple(steps)


@settings(max_examples=300)
@given(st.data())
def test_no_spoilt_inclusion_proof_verifies(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 90))
    index = data.draw(st.integers(0, size - 1))
    leaves, root = HASHES[:size], oracle.tree_hash(HASHES[:size])
    proof = inclusion_proof(reader(leaves), index, size)
    other = data.draw(spoilt(proof))
    assert verify_inclusion(leaves[index], index, size, other, root) == (other == proof)
    assert not verify_inclusion(HASHES[599], index, size, proof, root)
    wrong = data.draw(st.integers(-2, size + 2))
    if wrong != index:
        assert not verify_inclusion(leaves[index], wrong, size, proof, root)


@settings(max_examples=300)
@given(st.data())
def test_no_spoilt_consistency_proof_verifies(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, 90))
    old = data.draw(st.integers(0, new))
    before, after = oracle.tree_hash(HASHES[:old]), oracle.tree_hash(HASHES[:new])
    proof = consistency_proof(reader(HASHES[:new]), old, new)
    other = data.draw(spoilt(proof))
    assert verify_consistency(old, before, new, after, other) == (other == proof)
    forged = oracle.tree_hash(HASHES[100 : 100 + max(1, old)])
    assert not verify_consistency(old, forged, new, after, proof)
    rewritten = oracle.tree_hash([*HASHES[1:new], HASHES[0], HASHES[599]])
    if old:
        assert not verify_consistency(old, before, new, rewritten, proof)


@given(
    st.integers(-(2**70), 2**70),
    st.integers(-(2**70), 2**70),
    st.lists(st.binary(max_size=40), max_size=80),
    st.binary(max_size=40),
)
def test_verification_answers_whatever_it_is_given(
    first: int, second: int, proof: list[bytes], root: bytes
) -> None:
    assert verify_inclusion(root, first, second, proof, EMPTY_ROOT) is False
    if first != 0 and not (first == second and root == EMPTY_ROOT and not proof):
        assert verify_consistency(first, root, second, EMPTY_ROOT, proof) is False


def test_proofs_reach_to_the_largest_log() -> None:
    """63 identical levels: the tree of 2**62 equal leaves, whose last leaf has 62 siblings."""
    level, path = leaf_hash(b""), []
    for _ in range(62):
        path.append(level)
        level = node_hash(level, level)
    assert verify_inclusion(leaf_hash(b""), 2**62 - 1, 2**62, path, level)
    assert verify_inclusion(leaf_hash(b""), 0, 2**62, path, level)
    assert not verify_inclusion(leaf_hash(b""), 0, MAX_SIZE, path, level)


def test_the_edge_gives_the_tiles_a_tree_has() -> None:
    edge, tiles = Edge(), []
    for leaf in HASHES:
        tiles += edge.add(leaf)
    partial = edge.partial_tiles()
    rows = {tile.path: data for tile, data in (*tiles, *partial)}
    assert list(rows) == ["tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"]
    assert rows["tile/0/001"] == b"".join(HASHES[256:512])
    tops = oracle.tree_hash(HASHES[:256]) + oracle.tree_hash(HASHES[256:512])
    assert rows["tile/1/000.p/2"] == tops
    assert edge.root() == oracle.tree_hash(HASHES)
