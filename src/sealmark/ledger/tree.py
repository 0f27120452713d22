"""A tree of a known size, read from its tiles."""

from __future__ import annotations

from collections.abc import Callable

from sealmark.ledger.edge import Edge
from sealmark.ledger.errors import DamagedError, MalformedError
from sealmark.ledger.merkle import complete_root
from sealmark.ledger.tiles import (
    ENTRIES,
    MAX_BUNDLE_BYTES,
    MAX_TILE_BYTES,
    Tile,
    decode_entries,
    decode_tile,
    edge_tiles,
    width_at,
)

Get = Callable[[str, int], bytes | None]


class TileTree:
    """The first `size` leaves of the log whose objects `get` gives. Keeps the tiles it read."""

    def __init__(self, get: Get, size: int) -> None:
        self._get = get
        self.size = size
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def read_hash(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree: a `merkle.ReadHash`. Raises DamagedError."""
        tile_level, height = divmod(level, 8)
        first = index << height
        hashes = self.tile(tile_level, first // 256)
        start = first % 256
        return complete_root(hashes[start : start + (1 << height)])

    def tile(self, level: int, index: int) -> list[bytes]:
        """Return the hashes of one tile, as wide as it is in this tree. Raises DamagedError."""
        known = self._tiles.get((level, index))
        if known is None:
            tile = Tile(level, index, width_at(level, index, self.size))
            known = self._read_tile(tile)
            self._tiles[level, index] = known
        return known

    def forget(self) -> None:
        """Drop the tiles that were read."""
        self._tiles.clear()

    def bundle(self, index: int) -> list[bytes]:
        """Return the entries of one bundle, as many as this tree has. Raises DamagedError."""
        tile = Tile(ENTRIES, index, width_at(ENTRIES, index, self.size))
        data, found = self._fetch(tile, MAX_BUNDLE_BYTES)
        try:
            entries = decode_entries(data, most=found.width)
        except MalformedError as error:
            raise DamagedError(f"{found.path}: {error}") from None
        if len(entries) != found.width:
            raise DamagedError(f"{found.path}: expected {found.width} entries, got {len(entries)}")
        return entries[: tile.width]

    def edge(self) -> Edge:
        """Return the right edge, from which the tree can grow. Raises DamagedError."""
        partial = {tile.level: self.tile(tile.level, tile.index) for tile in edge_tiles(self.size)}
        levels = range(max(partial, default=-1) + 1)
        return Edge(self.size, (partial.get(level, []) for level in levels))

    def _read_tile(self, tile: Tile) -> list[bytes]:
        data, found = self._fetch(tile, MAX_TILE_BYTES)
        try:
            return decode_tile(data, found.width)[: tile.width]
        except MalformedError as error:
            raise DamagedError(f"{found.path}: {error}") from None

    def _fetch(self, tile: Tile, limit: int) -> tuple[bytes, Tile]:
        """Read a tile, or the full one it has grown into since."""
        for candidate in dict.fromkeys((tile, tile.full)):
            try:
                data = self._get(candidate.path, limit)
            except MalformedError as error:
                raise DamagedError(str(error)) from None
            if data is not None:
                return data, candidate
        raise DamagedError(f"{tile.path} is missing: restore it from a copy of the ledger")
