"""What every version text must be before an ecosystem looks at it."""

from __future__ import annotations

import re

from sealmark.errors import UnreadableError

MAX_LENGTH = 512
_PRINTABLE = re.compile(rf"[!-~]{{1,{MAX_LENGTH}}}", re.ASCII)


class VersionError(UnreadableError):
    """A text is no version in its ecosystem."""

    def __init__(self, ecosystem: str, text: str, why: str) -> None:
        shown = ascii(text[:81])
        shown = shown if len(shown) <= 82 else f"{shown[:79]}..."
        super().__init__(f"{shown} is no {ecosystem} version: {why}")


def checked(ecosystem: str, text: str) -> str:
    """Return `text` if it is 1 to 512 printable ASCII characters without blanks.

    Raises VersionError otherwise. The length bound also keeps every number in a version far
    below the size at which converting it costs time.
    """
    if not _PRINTABLE.fullmatch(text):
        raise VersionError(
            ecosystem, text, f"expected 1 to {MAX_LENGTH} printable ASCII characters, no blanks"
        )
    return text
