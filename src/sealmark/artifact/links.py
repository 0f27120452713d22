"""Following symbolic links without leaving a root."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_STEPS = 1024


def follow(path: bytes, link_of: Callable[[bytes], bytes | None], most: int) -> bytes | None:
    """Return where `path` leads when links are followed.

    None for more than `most` links, or for so many steps that nobody means it. `link_of` returns
    the target of the symbolic link at a path without links in it, else None.
    """
    done: list[bytes] = []
    todo = path.split(b"/")[::-1]
    steps = _MOST_STEPS
    while todo:
        steps -= 1
        if steps < 0:
            return None
        part = todo.pop()
        if part in (b"", b"."):
            continue
        if part == b"..":
            del done[-1:]
            continue
        link = link_of(b"/".join([*done, part]))
        if link is None:
            done.append(part)
            continue
        most -= 1
        if most < 0:
            return None
        if link.startswith(b"/"):
            done.clear()
        todo.extend(link.split(b"/")[::-1])
    return b"/".join(done)
