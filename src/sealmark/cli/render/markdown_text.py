"""Text that stays text inside a Markdown comment, and lists that stay within its size.

What comes from the image is neither markup nor a mention nor a link: names stand in code spans,
sentences have everything but letters, digits and a few marks as character references (CommonMark,
2.5: a reference never opens or closes a construct).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sealmark.cli.render.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SECTION_SIZE = 12_000
"""Most characters of one list. GitHub takes comments of 65,536 characters, and ours has five."""
_LONGEST = 300
_MOST_NAMES = 5
# What can end a code span or the cell of a table around it, or begins a tag.
_UNSAFE = re.compile(r"[`|\\<>]")
_PROSE = " ,;()-"


def code(text: str) -> str:
    """Return `text` as a code span that nothing in it can end.

    Where a backtick, a pipe, a backslash or an angle bracket would make that doubtful, it is an
    HTML element in which everything but letters and digits is a character reference.
    """
    plain = _shortened(text)
    if not plain:
        return ""
    if not _UNSAFE.search(plain):
        return f"`{plain}`"
    return "<code>" + "".join(c if c.isalnum() else f"&#{ord(c)};" for c in plain) + "</code>"


def prose(text: str) -> str:
    """Return `text` as words and nothing else; an empty comment keeps mentions from pinging."""
    return "".join(
        c if c.isalnum() or c in _PROSE else f"&#{ord(c)};" + ("<!-- -->" if c in "@#" else "")
        for c in _shortened(text)
    )


def names(values: Sequence[str]) -> str:
    """Return the first few values as code, and how many there are beyond."""
    rest = len(values) - _MOST_NAMES
    listed = ", ".join(code(value) for value in values[:_MOST_NAMES])
    return f"{listed} and {rest} more" if rest > 0 else listed


def fitting(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines up to SECTION_SIZE, then how many were left out."""
    size = left_out = 0
    for line in lines:
        size += len(line) + 1
        if size <= SECTION_SIZE:
            yield line
        else:
            left_out += 1
    if left_out:
        yield from ("", f"… and {left_out} more")


def _shortened(text: str) -> str:
    plain = printable(text).strip()
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1].rstrip() + "…"
