"""Statements that a package is not affected: one JSON object a line.

`{"id": …, "ecosystem": "Alpine:v3.20", "name": "busybox", "cve": "CVE-2021-42376"}` says what
Alpine's security database says with the fixed version "0".
"""

from __future__ import annotations

import msgspec

from sealmark.scan.vulnerabilities.advisory import Advisory, AffectedVersions, Event
from sealmark.scan.vulnerabilities.names import (
    canonical_ecosystem,
    canonical_id,
    canonical_package,
)
from sealmark.scan.vulnerabilities.osv import AffectedPackage, Record, RecordError

_NEVER = AffectedVersions(ranges=((Event("introduced", "0"), Event("fixed", "0")),))
_MAX_TEXT = 500


class _Statement(msgspec.Struct):
    id: str
    ecosystem: str
    name: str
    cve: str


_decoder = msgspec.json.Decoder(_Statement)


def parse_not_affected(content: bytes, modified: str) -> Record:
    """Read one statement; it has no date of its own, so the feed's is given. Raises RecordError."""
    try:
        said = _decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"not-affected statement: {error}") from None
    for text in (said.id, said.ecosystem, said.name, said.cve):
        if not 0 < len(text) <= _MAX_TEXT or not text.isprintable():
            raise RecordError(f"not-affected statement {said.id[:60]!a}: a text is unreadable")
    ecosystem = canonical_ecosystem(said.ecosystem)
    package = AffectedPackage(ecosystem, canonical_package(ecosystem, said.name), _NEVER)
    return Record(Advisory(id=said.id, modified=modified), (canonical_id(said.cve),), (package,))
