"""Licences of Debian packages, where the copyright file is machine-readable (DEP-5)."""

from __future__ import annotations

import re

from sealmark.scan.inventory.facts import NOTHING, FileFacts
from sealmark.scan.inventory.limits import licenses, optional_field
from sealmark.scan.inventory.reader import MEBIBYTE, Reader

_DOC = b"usr/share/doc/"
# Literal beginnings let the search skip through text that is mostly licences in full.
_FORMAT = re.compile(rb"Format(-Specification)?:")
_LICENSE = re.compile(rb"\nLicense:[ \t]*(\S[^\n]*)")


def read(path: bytes, content: bytes) -> FileFacts:
    """Read the short names in `License:` fields; free-form files state none."""
    if not _FORMAT.search(content, 0, 1024):
        return NOTHING
    found = licenses(_LICENSE.findall(content))
    package = optional_field(path[len(_DOC) : -len(b"/copyright")])
    return FileFacts(licenses_of={package: found}) if found and package else NOTHING


def claims(path: bytes) -> bool:
    """Tell whether the path is usr/share/doc/PACKAGE/copyright."""
    return path.startswith(_DOC) and path.count(b"/") == 4


READER = Reader(
    name="debian-copyright",
    version=1,
    affects=(),
    read=read,
    basenames=frozenset({b"copyright"}),
    claims=claims,
    size_limit=4 * MEBIBYTE,
)
