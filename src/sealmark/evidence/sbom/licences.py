"""Licences as packages state them, and which of those are SPDX's (SPDX 2.3, annexes A and D)."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

_LONGEST = 1024
_DEEPEST = 32
_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9.-]+")


@lru_cache(maxsize=4096)
def spdx_expression(text: str) -> str | None:
    """Return `text` as a normal SPDX licence expression, None where it is none."""
    if not text or len(text) > _LONGEST or text.count("(") > _DEEPEST:
        return None
    # Imported here because its table of licences costs start-up time.
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        return canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return None


def is_single(expression: str) -> bool:
    """Tell whether an expression is one listed licence and nothing else."""
    return not re.search(r"[ (+]|^LicenseRef-", expression)


@lru_cache(maxsize=4096)
def licence_reference(text: str) -> str:
    """Return the LicenseRef that stands for a licence text SPDX has no name for."""
    readable = _NOT_IN_AN_ID.sub("-", text)[:40].strip("-.") or "text"
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"LicenseRef-{readable}-{digest[:8]}"
