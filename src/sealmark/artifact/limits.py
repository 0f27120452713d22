"""How much of a layer anybody reads before calling it hostile."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes are in bytes.

    `ratio` counts only once `ratio_floor` bytes were unpacked: small layers of zeros are legal.
    """

    unpacked: int = 64 << 30
    ratio: int = 250
    ratio_floor: int = 1 << 30
    members: int = 20_000_000
    path: int = 32 << 10
    extended_header: int = 1 << 20
    content: int = 256 << 20
    links: int = 40


DEFAULT_LIMITS = Limits()
