"""A feed being read: records in, what the database stores out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealmark.evidence.vulnerability import Feed
from sealmark.scan.versions.ordering import find
from sealmark.scan.vulnerabilities.advisory import Advisory, AffectedVersions, Entry, Group
from sealmark.scan.vulnerabilities.osv import RecordError, parse_record
from sealmark.scan.vulnerabilities.ranges import without_redundant
from sealmark.scan.vulnerabilities.times import latest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealmark.evidence.vulnerability import Exploitability, Exploited, Scope
    from sealmark.scan.vulnerabilities.end_of_life import SupportEnd
    from sealmark.scan.vulnerabilities.osv import Record

MAX_RECORDS = 5_000_000
_KEPT_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a feed's bytes came from: a file name or address, and problems met while reading.

    `etag` and `last_modified` are what a server called these bytes; empty where unsaid.
    """

    source: str
    problems: tuple[str, ...] = ()
    withdrawn: int = 0
    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True)
class AdvisoryFeed:
    """A feed of advisories, ready to be stored. `packages` is keyed by (ecosystem, package)."""

    feed: Feed
    provenance: Provenance
    advisories: tuple[Advisory, ...]
    packages: dict[tuple[str, str], tuple[Group, ...]]


@dataclass(frozen=True, slots=True)
class ExploitedFeed:
    """CISA's catalogue, by CVE id."""

    feed: Feed
    provenance: Provenance
    exploited: dict[str, Exploited]


@dataclass(frozen=True, slots=True)
class ExploitabilityFeed:
    """EPSS, by CVE id."""

    feed: Feed
    provenance: Provenance
    exploitability: dict[str, Exploitability]


@dataclass(frozen=True, slots=True)
class SupportFeed:
    """End-of-life dates of distributions."""

    feed: Feed
    provenance: Provenance
    ends: tuple[SupportEnd, ...]


AnyFeed = AdvisoryFeed | ExploitedFeed | ExploitabilityFeed | SupportFeed


class FeedBuilder:
    """Collects records. One unreadable record is counted and named; it does not lose the feed."""

    def __init__(self, name: str, source: str) -> None:
        self._name = name
        self._source = source
        self._advisories: list[Advisory] = []
        self._packages: dict[tuple[str, str], dict[AffectedVersions, dict[Entry, None]]] = {}
        self._problems: list[str] = []
        self._unreadable = 0
        self._withdrawn = 0
        self._newest = ""
        self._fixes_only = True
        self._malicious_only = True
        self._not_affected_only = True

    @property
    def newest(self) -> str:
        """The newest `modified` seen, withdrawn records included; empty without any record."""
        return self._newest

    @property
    def records(self) -> int:
        """How many records were read and kept."""
        return len(self._advisories)

    @property
    def unreadable(self) -> int:
        """How many records could not be read."""
        return self._unreadable

    def add_json(self, content: bytes) -> None:
        """Read one OSV record and keep it. Raises RecordError only when there are too many."""
        try:
            record = parse_record(content)
        except RecordError as error:
            self.add_problem(str(error))
            return
        self.add(record)

    def add_problem(self, problem: str) -> None:
        """Count a record that could not be read."""
        self._unreadable += 1
        if len(self._problems) < _KEPT_PROBLEMS:
            self._problems.append(problem)

    def add(self, record: Record) -> None:
        """Keep a record; one that was withdrawn only counts for the feed's date."""
        if len(self._advisories) >= MAX_RECORDS:
            raise RecordError(f"feed {self._name}: more than {MAX_RECORDS} records")
        self._newest = latest(self._newest, record.advisory.modified)
        if record.withdrawn:
            self._withdrawn += 1
            return
        number = len(self._advisories)
        self._advisories.append(record.advisory)
        self._malicious_only &= record.advisory.malicious
        for item in record.affected:
            versions = without_redundant(item.versions, find(item.ecosystem))
            self._note_kind(versions)
            entries = self._packages.setdefault((item.ecosystem, item.package), {})
            group = entries.setdefault(versions, {})
            for vulnerability in record.vulnerabilities:
                group[Entry(vulnerability, number, item.urgency)] = None

    def _note_kind(self, versions: AffectedVersions) -> None:
        fixes = [
            [event.version for event in events if event.kind == "fixed"]
            for events in versions.ranges
        ]
        self._fixes_only &= bool(fixes) and all(fixes) and not versions.versions
        self._not_affected_only &= bool(fixes) and all(fix == ["0"] for fix in fixes)

    def _scope(self) -> Scope:
        if self._malicious_only:
            return "malicious"
        if self._not_affected_only:
            return "not_affected"
        return "fixes" if self._fixes_only else "vulnerabilities"

    def finish(self, as_of: str, digest: str) -> AdvisoryFeed:
        """Return the feed; advisories are renumbered so that a package's lie together."""
        numbers: dict[int, int] = {}
        packages = {
            key: tuple(_renumbered(self._packages[key], numbers)) for key in sorted(self._packages)
        }
        order = sorted(numbers, key=numbers.__getitem__)
        feed = Feed(
            name=self._name,
            as_of=as_of,
            digest=digest,
            ecosystems=tuple(sorted({ecosystem for ecosystem, _ in packages})),
            records=len(self._advisories),
            scope=self._scope(),
            unreadable=self._unreadable,
        )
        provenance = Provenance(self._source, tuple(self._problems), self._withdrawn)
        return AdvisoryFeed(
            feed, provenance, tuple(self._advisories[number] for number in order), packages
        )


def _renumbered(
    groups: dict[AffectedVersions, dict[Entry, None]], numbers: dict[int, int]
) -> Iterator[Group]:
    for affected, entries in groups.items():
        renumbered = (
            Entry(e.vulnerability, numbers.setdefault(e.advisory, len(numbers)), e.urgency)
            for e in entries
        )
        yield Group(affected, tuple(renumbered))
