"""RPM versions, `epoch:version-release` (rpm-version(7))."""

from __future__ import annotations

import re
from functools import lru_cache

from sealmark.scan.versions.text import checked

type_name = "rpm"
_SEGMENT = re.compile(r"[0-9]+|[A-Za-z]+|~|\^", re.ASCII)
_TILDE, _END, _CARET, _WORD, _NUMBER = range(5)

Segment = tuple[int, int, str]
Part = tuple[Segment, ...]
Key = tuple[Part, Part, Part]


@lru_cache(maxsize=65536)
def key(version: str) -> Key:
    """Return what orders `version`; a missing epoch is 0, a missing release sorts lowest.

    Raises VersionError for what is no printable text of sane length.
    """
    text = checked(type_name, version)
    epoch, colon, rest = text.partition(":")
    if not colon:
        epoch, rest = "0", text
    name, dash, release = rest.rpartition("-")
    if not dash:
        name, release = rest, ""
    return _part(epoch), _part(name), _part(release)


def _part(text: str) -> Part:
    return (*map(_segment, _SEGMENT.findall(text)), (_END, 0, ""))


def _segment(text: str) -> Segment:
    if text.isdigit():
        return _NUMBER, int(text), ""
    if text == "~":
        return _TILDE, 0, ""
    return (_CARET, 0, "") if text == "^" else (_WORD, 0, text)
