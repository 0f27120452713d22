"""The index-based Debian feed against OSV's Debian feed: what each finds in the same images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.debian_facts import SHARED, Installed
from tests.support.advisories import component

from sealmark.adapters.advisory_database import AdvisoryDatabase
from sealmark.adapters.advisory_files import FeedReader
from sealmark.adapters.advisory_writer import write_database
from sealmark.scan.versions import deb
from sealmark.scan.vulnerabilities.debian_fixes import changelog_records
from sealmark.scan.vulnerabilities.match import match

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FEEDS = (SHARED / "debian-12.jsonl.zst", SHARED / "debian-12-dsa-dla.jsonl.zst")
RELEASED = "2023-06-10"  # bookworm
FEED_IS_WHOLE_UNTIL = "2025-02-12"


@dataclass(frozen=True, slots=True)
class Found:
    """A CVE id of a source that one feed or both call fixed between two versions, and when."""

    source: str
    cve: str
    by: str
    date: str
    why: str


def open_feeds(directory: Path) -> AdvisoryDatabase:
    """Return OSV's Debian feed as a database."""
    write_database(directory / "osv.db", FeedReader().read(FEEDS))
    return AdvisoryDatabase(directory / "osv.db")


def found(here: Installed, feeds: AdvisoryDatabase) -> Iterator[Found]:
    """Yield what either feed says of an image that has the source as bookworm was released.

    Only fixes up to the version installed here count: its changelog knows no later ones.
    """
    first = next((e for e in here.entries if e.date and e.date < RELEASED), None)
    if first is None or first.source != here.source:
        return
    at, until = deb.key(first.version), deb.key(here.version)
    records = changelog_records(here.entries, here.source, "Debian:12", "")
    index = {r.vulnerabilities[0]: r.affected[0].versions.ranges[0][1].version for r in records}
    ever = affected(feeds, here.source, "0~")
    osv = affected(feeds, here.source, first.version)
    dates = {entry.version: entry.date for entry in here.entries}
    for cve in sorted(one for one in {*index, *osv} if one.startswith("CVE-")):
        ours = cve in index and deb.key(index[cve]) > at
        fixed = osv.get(cve) or ""
        theirs = bool(fixed) and deb.key(fixed) <= until
        date = dates.get(index[cve] if ours else fixed, "")
        if ours and theirs:
            yield Found(here.source, cve, "both", date, "")
        elif ours:
            yield Found(here.source, cve, "index", date, _only_index(cve, ever, osv))
        elif theirs:
            yield Found(here.source, cve, "OSV", date, _only_osv(cve, fixed, index, here))


def _only_index(cve: str, ever: dict[str, str | None], osv: dict[str, str | None]) -> str:
    if cve not in ever:
        return "OSV's feed has no record of it for this source"
    if cve not in osv:
        return "OSV says it was fixed before the release: a later entry names it again"
    return "OSV knows it and no fix, or a later one"


def _only_osv(cve: str, fixed: str, index: dict[str, str], here: Installed) -> str:
    if cve in index:
        return "the changelog names it in an entry before the release only"
    if fixed not in here.texts:
        return "the fixed version is no entry of the changelog"
    return "the changelog's entry of that version does not name it"


def affected(feeds: AdvisoryDatabase, source: str, version: str) -> dict[str, str | None]:
    """Return what affects a source package, with the version that fixes it."""
    at = component(source, version, "Debian:12", source)
    known = match([at], feeds).findings
    return {one.id: one.fixed_in for one in known if one.status == "affected"}
