"""Names and bytes of tiles and entry bundles (C2SP tlog-tiles).

A tile is 256 consecutive hashes of one level, or fewer at the right edge of the tree; an entry
bundle is the 256 entries under one level-0 tile, each behind its length as a big-endian uint16.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealmark.ledger.errors import MalformedError, MisuseError
from sealmark.ledger.merkle import HASH_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TILE_WIDTH = 256
MAX_ENTRY_BYTES = 65_535
MAX_TILE_BYTES = TILE_WIDTH * HASH_BYTES
MAX_BUNDLE_BYTES = TILE_WIDTH * (2 + MAX_ENTRY_BYTES)
ENTRIES = -1
"""The level of an entry bundle, which sits below the leaf hashes."""

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """One tile: `level` 0 to 63 (or ENTRIES), `index` in the level, `width` 1 to 256 hashes."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @classmethod
    def parse(cls, path: str) -> Tile:
        """Read `tile/<L>/<N>[.p/<W>]`; MalformedError unless it is written the one right way."""
        found = _PATH.fullmatch(path)
        if found is None:
            raise MalformedError(f"not the name of a tile: {path[:120]!r}")
        level = ENTRIES if found["level"] == "entries" else int(found["level"])
        index = int(found["index"].replace("/", "").replace("x", ""))
        tile = cls(level, index, int(found["width"] or TILE_WIDTH))
        if level > 63 or tile.path != path:
            raise MalformedError(f"not the name of a tile: {path[:120]!r}")
        return tile

    @property
    def path(self) -> str:
        """Where the tile lies below the log's root."""
        level = "entries" if self.level == ENTRIES else str(self.level)
        digits = f"{self.index:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        parts = [digits[i : i + 3] for i in range(0, len(digits), 3)]
        name = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
        suffix = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{name}{suffix}"

    @property
    def full(self) -> Tile:
        """The tile this one grows into."""
        return Tile(self.level, self.index)

    @property
    def partial_folder(self) -> str:
        """Where the narrower versions of this tile lie."""
        return f"{self.full.path}.p"


def width_at(level: int, index: int, size: int) -> int:
    """Return how many hashes the tile has in a tree of `size` leaves; 0 if it has none."""
    hashes = size >> 8 * max(level, 0)
    return max(0, min(TILE_WIDTH, hashes - index * TILE_WIDTH))


def edge_tiles(size: int) -> Iterator[Tile]:
    """Yield the partial hash tiles of a tree of `size` leaves, level 0 first."""
    level = 0
    while size >> 8 * level:
        hashes = size >> 8 * level
        if hashes % TILE_WIDTH:
            yield Tile(level, hashes // TILE_WIDTH, hashes % TILE_WIDTH)
        level += 1


def decode_tile(data: bytes, width: int) -> list[bytes]:
    """Return the hashes in a tile's bytes; MalformedError unless there are `width`."""
    if len(data) != width * HASH_BYTES:
        raise MalformedError(f"expected {width * HASH_BYTES} bytes, got {len(data)}")
    return [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """Return the entries behind their lengths; MisuseError for one over 65,535 bytes."""
    for position, entry in enumerate(entries):
        if len(entry) > MAX_ENTRY_BYTES:
            raise MisuseError(
                f"entry {position} has {len(entry)} bytes, the log takes {MAX_ENTRY_BYTES}: "
                "put the bulk into a body and its digest into the entry"
            )
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_entries(data: bytes, *, most: int) -> list[bytes]:
    """Return the entries in `data`; MalformedError if cut short, or more than `most`."""
    entries: list[bytes] = []
    offset = 0
    while offset < len(data):
        start = offset + 2
        offset = start + int.from_bytes(data[start - 2 : start], "big")
        if start > len(data) or offset > len(data):
            raise MalformedError(f"entry {len(entries)} is cut short after {len(data)} bytes")
        if len(entries) == most:
            raise MalformedError(f"expected at most {most} entries, got more")
        entries.append(data[start:offset])
    return entries


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """Return the entries of a bundle; MalformedError unless there are exactly `width`."""
    entries = decode_entries(data, most=width)
    if len(entries) != width:
        raise MalformedError(f"expected {width} entries, got {len(entries)}")
    return entries
