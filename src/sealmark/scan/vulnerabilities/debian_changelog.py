"""Debian changelogs (deb-changelog(5)): which version's entry names which CVE ids."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from sealmark.errors import UnreadableError
from sealmark.scan.vulnerabilities.times import written

MAX_CHANGELOG = 16 << 20
MAX_ENTRIES = 20_000
MAX_NAMED = 200_000
_HEADER = re.compile(r"(\w[-+0-9a-z.]*) \(([^()\s]+)\)((?:\s+[-+0-9a-z.]+)+)\s*;", re.IGNORECASE)
_TRAILER = re.compile(r" -- .*>  ?(.*)")
# Also inside the names of patches: `0001_CVE-2019-2201-followup.patch`, `cve-2010-4708.patch`.
_CVE = re.compile(r"(?<![0-9a-z])CVE-([0-9]{4})-([0-9]{4,19})(?![0-9])", re.IGNORECASE | re.ASCII)


class ChangelogError(UnreadableError):
    """A text is no Debian changelog, or exceeds a limit."""


@dataclass(frozen=True, slots=True)
class ChangelogEntry:
    """One version: the suites it went to, when ("" where unreadable), the CVE ids it names."""

    source: str
    version: str
    suites: tuple[str, ...]
    date: str
    cves: tuple[str, ...]


def parse_changelog(content: bytes) -> tuple[ChangelogEntry, ...]:
    """Return the entries, newest first as they are written. Raises ChangelogError.

    Old entries have all sorts of trailers and encodings: what is unreadable there costs a date,
    never an entry. A text whose first line is no entry's header is no Debian changelog.
    """
    if len(content) > MAX_CHANGELOG:
        raise ChangelogError(f"a changelog of {len(content)} bytes: at most {MAX_CHANGELOG}")
    lines = content.decode(errors="replace").split("\n")
    starts = [number for number, line in enumerate(lines) if _HEADER.match(line)]
    if not starts or any(line.strip() for line in lines[: starts[0]]):
        raise ChangelogError("the text does not start with a Debian changelog entry")
    if len(starts) > MAX_ENTRIES:
        raise ChangelogError(f"a changelog of {len(starts)} entries: at most {MAX_ENTRIES}")
    ends = [*starts[1:], len(lines)]
    entries = tuple(_entry(lines[a:b]) for a, b in zip(starts, ends, strict=True))
    if (named := sum(len(entry.cves) for entry in entries)) > MAX_NAMED:
        raise ChangelogError(f"a changelog that names {named} CVE ids: at most {MAX_NAMED}")
    return entries


def _entry(lines: list[str]) -> ChangelogEntry:
    header = _HEADER.match(lines[0])
    assert header is not None
    found = {f"CVE-{year}-{number}" for year, number in _CVE.findall("\n".join(lines[1:]))}
    trailers = (match[1] for match in map(_TRAILER.match, lines) if match)
    return ChangelogEntry(
        source=header[1],
        version=header[2],
        suites=tuple(header[3].split()),
        date=_date(next(trailers, "")),
        cves=tuple(sorted(found)),
    )


def _date(text: str) -> str:
    try:
        return written(parsedate_to_datetime(text[:60]))
    except (ValueError, TypeError, OverflowError, IndexError):
        return ""
