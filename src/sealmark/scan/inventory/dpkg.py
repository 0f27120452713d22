"""Debian packages: dpkg's status database, and the one-file-a-package form of distroless images.

Formats: deb-control(5), dpkg-query(1) for the states, Debian Policy 5.6.1 for Source.
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
    optional_field,
)
from sealmark.scan.inventory.reader import MEBIBYTE, Reader

STATUS = b"var/lib/dpkg/status"
STATUS_DIRECTORY = b"var/lib/dpkg/status.d/"

_FIELD = re.compile(
    rb"^(Package|Status|Version|Source|Architecture|Maintainer):[ \t]*([^\n]*)",
    re.MULTILINE | re.IGNORECASE,
)
_SOURCE = re.compile(rb"(\S+)(?:\s+\(\s*([^)\s]*)\s*\))?\s*")

# In these states none of the package's files are on disk, configuration aside.
_ABSENT = frozenset({b"not-installed", b"config-files"})


def read(path: bytes, content: bytes) -> FileFacts:
    """Read packages whose files are on disk, half-installed and half-configured ones too."""
    found = Collector("deb")
    needs_status = path == STATUS
    found.gather(blocks(content), lambda stanza: _package(stanza, needs_status=needs_status))
    return found.facts()


def _package(stanza: bytes, *, needs_status: bool) -> Package | None:
    if len(stanza) > MAX_ENTRY:
        raise ReadError(f"an entry is longer than {MAX_ENTRY} bytes: {stanza[:40]!r}")
    fields = {name.lower(): value for name, value in reversed(_FIELD.findall(stanza))}
    if not fields:
        if stanza.strip():
            raise ReadError(f"an entry has no field of dpkg's: {stanza.strip()[:40]!r}")
        return None
    name = field(fields.get(b"package", b""), "a package's name")
    if not _is_on_disk(fields.get(b"status"), name, needs_status=needs_status):
        return None
    version = field(fields.get(b"version", b""), f"the version of {name}")
    return Package(
        type="deb",
        name=name,
        version=version,
        source=_source(fields.get(b"source"), name, version),
        architecture=optional_field(fields.get(b"architecture")),
        supplier=optional_field(fields.get(b"maintainer")),
    )


def _is_on_disk(status: bytes | None, name: str, *, needs_status: bool) -> bool:
    if status is None:
        if needs_status:
            raise ReadError(f"the status of {name} is missing")
        return True
    words = status.split()
    if len(words) != 3:
        raise ReadError(f"the status of {name} is not three words: {status[:40]!r}")
    return words[2] not in _ABSENT


def _source(raw: bytes | None, name: str, version: str) -> Source:
    """Return the source package; a binary that names none has its own name and version."""
    if not raw:
        return Source(name, version)
    stated = _SOURCE.fullmatch(raw)
    if stated is None:
        raise ReadError(f"the source of {name} is not 'name (version)': {raw[:40]!r}")
    source_version = field(stated[2], f"the source version of {name}") if stated[2] else version
    return Source(field(stated[1], f"the source of {name}"), source_version)


def claims(path: bytes) -> bool:
    """Tell whether a file in status.d describes a package; the md5sums beside it do not."""
    return not path.endswith(b".md5sums") and b"/" not in path[len(STATUS_DIRECTORY) :]


READER = Reader(
    name="dpkg",
    version=1,
    affects=("deb",),
    read=read,
    paths=frozenset({STATUS}),
    directories=(STATUS_DIRECTORY,),
    claims=claims,
    size_limit=32 * MEBIBYTE,
)
