"""One path in a layer or a root file system."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class FileType(IntEnum):
    """What kind of thing a path is."""

    REGULAR = 0
    DIRECTORY = 1
    SYMLINK = 2
    HARDLINK = 3
    CHARACTER_DEVICE = 4
    BLOCK_DEVICE = 5
    FIFO = 6


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A path as one layer records it.

    `path` is normalised: relative to the root, no leading or trailing slash, no `.` or `..`,
    bytes because file names need not be text. `link` is a symlink's target as written, or the
    normalised path a hard link names: a regular file with one was another name of a file of its
    layer, a HARDLINK names a file of a lower layer. `size` is the apparent size in bytes.
    """

    path: bytes
    type: FileType
    mode: int
    uid: int
    gid: int
    size: int
    link: bytes = b""


def display_path(path: bytes) -> str:
    """Return an absolute, printable form of `path`; undecodable bytes and controls are escaped."""
    text = path.decode("utf-8", "backslashreplace")
    if not text.isprintable():
        text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    return "/" + text
