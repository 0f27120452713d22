"""The right edge of a growing tree: all that is needed to add leaves and know the root."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealmark.ledger.merkle import EMPTY_ROOT, complete_root, node_hash
from sealmark.ledger.tiles import TILE_WIDTH, Tile, edge_tiles

if TYPE_CHECKING:
    from collections.abc import Iterable


class Edge:
    """The hashes of the unfinished tile of every level; at most 255 each, whatever the size."""

    def __init__(self, size: int = 0, levels: Iterable[list[bytes]] = ()) -> None:
        self.size = size
        self.levels = [list(hashes) for hashes in levels]

    def add(self, leaf: bytes) -> list[tuple[Tile, bytes]]:
        """Add one leaf hash; return the tiles it completed, with their bytes, level 0 first."""
        self.size += 1
        completed: list[tuple[Tile, bytes]] = []
        level, carried = 0, leaf
        while True:
            if level == len(self.levels):
                self.levels.append([])
            hashes = self.levels[level]
            hashes.append(carried)
            if len(hashes) < TILE_WIDTH:
                return completed
            tile = Tile(level, (self.size >> 8 * (level + 1)) - 1)
            completed.append((tile, b"".join(hashes)))
            self.levels[level] = []
            level, carried = level + 1, complete_root(hashes)

    def partial_tiles(self) -> list[tuple[Tile, bytes]]:
        """Return the unfinished tiles that have any hash, with their bytes, level 0 first."""
        return [(tile, b"".join(self.levels[tile.level])) for tile in edge_tiles(self.size)]

    def root(self) -> bytes:
        """Return the root of the tree so far (RFC 6962, section 2.1)."""
        root: bytes | None = None
        for hashes in self.levels:
            end = len(hashes)
            while end:
                start = end & (end - 1)
                peak = complete_root(hashes[start:end])
                root = peak if root is None else node_hash(peak, root)
                end = start
        return EMPTY_ROOT if root is None else root
