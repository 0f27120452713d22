"""How much of a layer anybody reads before calling it hostile."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes are in bytes.

    A stream may unpack to `ratio` times its stored size once it has reached `ratio_floor`, and to
    `large_ratio` times once it has reached `large`: what is large and compresses better than that
    has nothing in it. `table` bounds what is remembered of paths and links, in memory. `path` is
    what Linux takes for one (PATH_MAX), `depth` the directories above one.
    """

    unpacked: int = 64 << 30
    ratio: int = 250
    ratio_floor: int = 1 << 30
    large_ratio: int = 50
    large: int = 4 << 30
    members: int = 20_000_000
    table: int = 2 << 30
    owners: int = 1 << 20
    path: int = 4096
    depth: int = 256
    extended_header: int = 1 << 20
    content: int = 256 << 20
    links: int = 40


DEFAULT_LIMITS = Limits()
