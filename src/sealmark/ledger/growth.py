"""How a log grows: old tiles and new entries give new tiles, and nothing else is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealmark.ledger.errors import DamagedError
from sealmark.ledger.merkle import leaf_hash
from sealmark.ledger.tiles import ENTRIES, TILE_WIDTH, Tile, encode_entries
from sealmark.ledger.tree import Get, TileTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealmark.ledger.edge import Edge

MAX_BATCH = 65_536
MAX_BATCH_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Growth:
    """A log of `old_size` entries and root `old_root`, grown to `size` and `root`.

    `objects` are the tiles and bundles that became complete or wider. `obsolete` names the
    partial ones that full ones replaced; tlog-tiles lets them go once the full ones are there.
    """

    old_size: int
    old_root: bytes
    size: int
    root: bytes
    objects: dict[str, bytes]
    obsolete: tuple[str, ...]


def grow(get: Get, old_size: int, entries: Sequence[bytes]) -> Growth:
    """Add `entries` to the log of `old_size` entries that `get` reads.

    Raises DamagedError if tiles or entries at the right edge are missing or contradict.
    """
    tree = TileTree(get, old_size)
    edge = tree.edge()
    old_root = edge.root()
    objects = _bundles(_tail(tree, edge), old_size, entries)
    touched = {0} if entries else set()
    for entry in entries:
        for tile, data in edge.add(leaf_hash(entry)):
            objects[tile.path] = data
            touched.add(tile.level + 1)
    objects |= {tile.path: data for tile, data in edge.partial_tiles() if tile.level in touched}
    obsolete = _obsolete(old_size, edge.size)
    return Growth(old_size, old_root, edge.size, edge.root(), objects, obsolete)


def _tail(tree: TileTree, edge: Edge) -> list[bytes]:
    """Return the entries of the unfinished bundle, checked against their tile."""
    if tree.size % TILE_WIDTH == 0:
        return []
    entries = tree.bundle(tree.size // TILE_WIDTH)
    if [leaf_hash(entry) for entry in entries] != edge.levels[0]:
        raise DamagedError(
            f"entries {tree.size - len(entries)} to {tree.size - 1} do not hash to their tile: "
            "run ledger verify"
        )
    return entries


def _bundles(tail: list[bytes], old_size: int, entries: Sequence[bytes]) -> dict[str, bytes]:
    first = old_size // TILE_WIDTH
    rows = [*tail, *entries]
    bundles = {}
    for start in range(0, len(rows) if entries else 0, TILE_WIDTH):
        row = rows[start : start + TILE_WIDTH]
        bundles[Tile(ENTRIES, first + start // TILE_WIDTH, len(row)).path] = encode_entries(row)
    return bundles


def _obsolete(old_size: int, size: int) -> tuple[str, ...]:
    """Name the partial tiles to remove: each once the log has 256 more hashes than it had then.

    By then the full tile is there. One at a time costs each append little; all 255 at once would
    cost the one that fills the tile.
    """
    names: list[str] = []
    level = 0
    while old_size >> 8 * level:
        old, new = old_size >> 8 * level, size >> 8 * level
        for count in range(max(0, old - TILE_WIDTH) + 1, min(old, new - TILE_WIDTH) + 1):
            index, width = divmod(count, TILE_WIDTH)
            kinds = (level, ENTRIES) if level == 0 else (level,)
            names += [Tile(kind, index, width).path for kind in kinds if width]
        level += 1
    return tuple(names)
