"""What holds for every test."""

from __future__ import annotations


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Never name a case after its bytes: archives made for it differ from second to second."""
    return argname if isinstance(val, bytes) else None
