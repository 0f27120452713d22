"""From a Debian index and changelogs to advisory records.

What an index can say is "there is a newer version in the security suite"; what a changelog adds
is which CVE ids an entry names. A CVE that several entries name counts as fixed by the newest of
them. A security version whose changelog was not read, or whose entry names no CVE, becomes a
record of its own, so that an image that lacks it never looks clean. Severities are not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealmark.scan.versions import deb
from sealmark.scan.versions.text import VersionError
from sealmark.scan.vulnerabilities.advisory import Advisory, AffectedVersions, Event
from sealmark.scan.vulnerabilities.debian_index import DebianIndexError, IndexedPackage
from sealmark.scan.vulnerabilities.osv import AffectedPackage, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sealmark.evidence.component import Component
    from sealmark.scan.vulnerabilities.debian_changelog import ChangelogEntry

# VERSION_ID of os-release -> code name; distroless images state only the number.
CODENAMES = {"10": "buster", "11": "bullseye", "12": "bookworm", "13": "trixie", "14": "forky"}


@dataclass(frozen=True, slots=True)
class SourceVersion:
    """The newest version of a source package in a suite, and the binaries built from it."""

    source: str
    version: str
    suite: str
    base: str
    binaries: tuple[IndexedPackage, ...]


def newest_sources(
    packages: Iterable[IndexedPackage], suite: str, base: str
) -> dict[str, SourceVersion]:
    """Return the newest version of every source. Raises DebianIndexError for what dpkg refuses."""
    newest: dict[str, list[IndexedPackage]] = {}
    for package in packages:
        held = newest.setdefault(package.source, [package])
        if held[0] is package:
            continue
        order = _compare(package.source_version, held[0].source_version)
        if order > 0:
            newest[package.source] = [package]
        elif order == 0:
            held.append(package)
    return {
        source: SourceVersion(
            source,
            held[0].source_version,
            suite,
            base,
            tuple(sorted(held, key=lambda p: (p.file.size, p.name))),
        )
        for source, held in newest.items()
    }


def _compare(a: str, b: str) -> int:
    try:
        first, second = deb.key(a), deb.key(b)
    except VersionError as error:
        raise DebianIndexError(f"Packages: {error}") from None
    return (first > second) - (first < second)


def outdated(
    components: Iterable[Component], indexes: Iterable[Mapping[str, SourceVersion]]
) -> tuple[SourceVersion, ...]:
    """Return, for each installed source that some index has newer, the newest of all indexes."""
    suites = tuple(indexes)
    found: dict[str, SourceVersion] = {}
    for component in components:
        source = component.source
        if component.type != "deb" or source is None:
            continue
        for suite in suites:
            candidate = suite.get(source.name)
            if candidate is None or not _is_newer(candidate.version, source.version):
                continue
            held = found.get(source.name)
            if held is None or _compare(candidate.version, held.version) > 0:
                found[source.name] = candidate
    return tuple(found[name] for name in sorted(found))


def _is_newer(candidate: str, installed: str) -> bool:
    try:
        return deb.key(candidate) > deb.key(installed)
    except VersionError:
        return False  # matching says of an unreadable installed version that it is unknown


def changelog_records(
    entries: Iterable[ChangelogEntry], source: str, ecosystem: str, spoken: str
) -> Iterator[Record]:
    """Yield one record per CVE id that entries of `source` name, fixed by the newest of them."""
    fixed: dict[str, ChangelogEntry] = {}
    for entry in entries:  # newest first
        if entry.source != source or not _is_version(entry.version):
            continue
        for cve in entry.cves:
            held = fixed.setdefault(cve, entry)
            if _compare(entry.version, held.version) > 0:
                fixed[cve] = entry
    for cve, entry in sorted(fixed.items()):
        advisory = Advisory(
            id=f"DEBIAN-{cve}",
            modified=entry.date or spoken,
            summary=f"named by the changelog of {source} {entry.version}",
        )
        yield Record(advisory, (cve,), (_until(ecosystem, source, entry.version),))


def update_record(
    update: SourceVersion, ecosystem: str, spoken: str, *, names_no_cve: bool
) -> Record:
    """Say that a suite has `update`, whatever it mends."""
    why = "its changelog entry names no CVE" if names_no_cve else "its changelog was not read"
    identifier = f"{update.suite.upper()}-{update.source}-{update.version}"
    summary = f"{update.suite} has {update.source} {update.version}; {why}"
    advisory = Advisory(id=identifier[:200], modified=spoken, summary=summary[:240])
    return Record(
        advisory, (identifier[:200],), (_until(ecosystem, update.source, update.version),)
    )


def _until(ecosystem: str, source: str, version: str) -> AffectedPackage:
    events = (Event("introduced", "0"), Event("fixed", version))
    return AffectedPackage(ecosystem, source, AffectedVersions(ranges=(events,)))


def _is_version(text: str) -> bool:
    try:
        deb.key(text)
    except VersionError:
        return False
    return True
