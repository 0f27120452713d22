"""What the scan asks of a cache."""

from __future__ import annotations

from typing import Protocol


class LayerCache(Protocol):
    """Keeps what was found in a layer, by key, and gives back only what it was given."""

    def get(self, key: str) -> memoryview | None:
        """Return what was kept; None for nothing, or what cannot be believed."""
        ...

    def put(self, key: str, content: bytes) -> None:
        """Keep it."""
        ...
