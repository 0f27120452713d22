"""What the scan asks of a cache."""

from __future__ import annotations

from typing import Protocol


class LayerCache(Protocol):
    """Keeps what was found in a layer, by key."""

    def get(self, key: str) -> bytes | None:
        """Return what was kept, or None."""
        ...

    def put(self, key: str, content: bytes) -> None:
        """Keep it."""
        ...
