"""Comparing versions where something is only to be shown: what cannot be compared is None."""

from __future__ import annotations


def version_order(ecosystem: str, a: str, b: str) -> int | None:
    """Return a negative number, 0 or a positive one; None where nobody knows."""
    # Imported here because most output has nothing to compare.
    from sealmark.errors import SealmarkError
    from sealmark.scan.versions.ordering import find

    ordering = find(ecosystem)
    if ordering is None:
        return None
    try:
        return {"<": -1, "=": 0, ">": 1}[ordering.compare(a, b)]
    except SealmarkError:
        return None
