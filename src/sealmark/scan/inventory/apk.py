"""Alpine packages: the database of installed packages that apk-tools keeps.

Format: records with a blank line between them, each line a letter, a colon and a value
(apk-tools, "apk v2 installed database").
"""

from __future__ import annotations

import re

from sealmark.evidence.component import Source
from sealmark.scan.inventory.facts import FileFacts, Package
from sealmark.scan.inventory.limits import (
    MAX_ENTRY,
    Collector,
    ReadError,
    blocks,
    field,
    licenses,
    optional_field,
)
from sealmark.scan.inventory.reader import MEBIBYTE, Reader

DATABASES = frozenset({b"lib/apk/db/installed", b"usr/lib/apk/db/installed"})

_FIELD = re.compile(rb"^([PVALom]):([^\n]*)", re.MULTILINE)
# File entries follow the package's own lines and are most of the database.
_FILES = re.compile(rb"^F:", re.MULTILINE)


def read(_path: bytes, content: bytes) -> FileFacts:
    """Read the installed packages."""
    found = Collector("apk")
    found.gather(blocks(content), _package)
    return found.facts()


def _package(record: bytes) -> Package | None:
    if not record.strip():
        return None
    files = _FILES.search(record)
    end = files.start() if files else len(record)
    if end > MAX_ENTRY:
        raise ReadError(f"an entry is longer than {MAX_ENTRY} bytes: {record[:40]!r}")
    fields = dict(_FIELD.findall(record, 0, end))
    name = field(fields.get(b"P", b""), "a package's name (P:)")
    version = field(fields.get(b"V", b""), f"the version (V:) of {name}")
    return Package(
        type="apk",
        name=name,
        version=version,
        source=Source(optional_field(fields.get(b"o")) or name, version),
        architecture=optional_field(fields.get(b"A")),
        licenses=licenses([fields.get(b"L")]),
        supplier=optional_field(fields.get(b"m")),
    )


READER = Reader(
    name="apk",
    version=1,
    affects=("apk",),
    read=read,
    paths=DATABASES,
    size_limit=64 * MEBIBYTE,
)
