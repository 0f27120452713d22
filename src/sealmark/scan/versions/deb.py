"""Debian and Ubuntu versions (deb-version(7), Debian Policy 5.6.12)."""

from __future__ import annotations

import re
from functools import lru_cache

from sealmark.scan.versions.text import VersionError, checked

type_name = "deb"
_DIGITS = re.compile(r"([0-9]+)")
_ALPHABET = re.compile(r"[A-Za-z0-9.+~:_-]+", re.ASCII)
_MAX_EPOCH = 2**31 - 1

# In a non-digit part `~` sorts before the end of the part, the end before letters, and letters
# before everything else.
_TILDE, _END = "\x00", "\x01"
_ORDER = str.maketrans(
    {
        c: _TILDE if c == "~" else chr(ord(c) + 256)
        for c in map(chr, range(33, 127))
        if not c.isalnum()
    }
)

Part = tuple[str | int, ...]
Key = tuple[int, Part, Part]


@lru_cache(maxsize=65536)
def key(version: str) -> Key:
    """Return what orders `version` among Debian versions as dpkg does.

    Raises VersionError for what dpkg refuses, for characters outside its alphabet, and for an
    epoch that is not an unsigned number (Debian Policy 5.6.12; dpkg lets `-0` and `+1` pass).
    """
    text = checked(type_name, version)
    if not _ALPHABET.fullmatch(text):
        raise VersionError(type_name, version, "only letters, digits and . + ~ : _ - may appear")
    epoch, colon, rest = text.partition(":")
    if not colon:
        epoch, rest = "0", text
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, "0"
    if not epoch.isdigit() or int(epoch) > _MAX_EPOCH:
        raise VersionError(type_name, version, f"the epoch is no number up to {_MAX_EPOCH}")
    if not upstream or not revision:
        raise VersionError(type_name, version, "the upstream version or the revision is empty")
    return int(epoch), _part(upstream), _part(revision)


def _part(text: str) -> Part:
    """Alternate translated non-digits and numbers; the end of the text is a non-digit part."""
    pieces: list[str | int] = list(_DIGITS.split(text))
    pieces[0::2] = [piece.translate(_ORDER) + _END for piece in pieces[0::2]]  # type: ignore[union-attr]
    pieces[1::2] = map(int, pieces[1::2])
    if pieces[-1] != _END:
        pieces += [0, _END]
    return tuple(pieces)
