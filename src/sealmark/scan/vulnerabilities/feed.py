"""A feed being read: records in, what the database stores out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sealmark.evidence.vulnerability import Feed
from sealmark.scan.versions.ordering import find
from sealmark.scan.vulnerabilities.advisory import Advisory, AffectedVersions, Entry, Group
from sealmark.scan.vulnerabilities.names import canonical_id
from sealmark.scan.vulnerabilities.osv import AffectedPackage, Record, RecordError, parse_record
from sealmark.scan.vulnerabilities.ranges import without_redundant
from sealmark.scan.vulnerabilities.salvage import salvage
from sealmark.scan.vulnerabilities.times import latest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sealmark.evidence.vulnerability import Exploitability, Exploited, Scope
    from sealmark.scan.vulnerabilities.end_of_life import SupportEnd

MAX_RECORDS = 5_000_000
_KEPT_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a feed's bytes came from: a file name or address, and problems met while reading.

    `etag` and `last_modified` are what a server called these bytes; empty where unsaid.
    `accepted` counts unreadable records that somebody knowingly does without.
    """

    source: str
    problems: tuple[str, ...] = ()
    withdrawn: int = 0
    etag: str = ""
    last_modified: str = ""
    accepted: int = 0


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
    """Collects records. One unreadable record does not lose the feed.

    It stays as a record that says something unknown about each package it names. One whose
    packages cannot be told is `nameless`: it may be about any package of the feed. Records whose
    digest is among `accepted` are counted and otherwise left out.
    """

    def __init__(self, name: str, source: str, accepted: Collection[str] = ()) -> None:
        self._name = name
        self._source = source
        self._accepted = accepted
        self._left_out = 0
        self._nameless = 0
        self._read = 0
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
        return self._read

    @property
    def unreadable(self) -> int:
        """How many records could not be read."""
        return self._unreadable

    def add_json(self, content: bytes) -> None:
        """Read one OSV record and keep it. Raises RecordError only when there are too many."""
        try:
            record = parse_record(content)
        except RecordError as error:
            self._add_unreadable(content, str(error))
            return
        if record.withdrawn or not any(item.versions.unreadable for item in record.affected):
            self.add(record)
        else:
            self._add_partly(content, record)

    def _add_unreadable(self, content: bytes, why: str) -> None:
        """Keep what can be told of a record: that something is known of these packages."""
        remains = salvage(content)
        if remains.withdrawn:
            self._withdrawn += 1
            return
        digest = _digest(content)
        if self._refused(digest, why):
            return
        self._nameless += not remains.whole
        unknown = AffectedVersions(unreadable=_unreadable(digest, why))
        identifier = remains.id or digest
        record = Record(
            Advisory(id=identifier, modified=""),
            (canonical_id(identifier),),
            tuple(AffectedPackage(*name, unknown) for name in remains.packages),
        )
        if record.affected:
            self._keep(record)

    def _add_partly(self, content: bytes, record: Record) -> None:
        """Keep a record of which some packages' versions cannot be read."""
        digest = _digest(content)
        broken = [item.versions.unreadable for item in record.affected if item.versions.unreadable]
        if self._refused(digest, broken[0]):
            readable = tuple(item for item in record.affected if not item.versions.unreadable)
            self.add(replace(record, affected=readable))
            return
        self.add(replace(record, affected=tuple(_explained(i, digest) for i in record.affected)))

    def _refused(self, digest: str, why: str) -> bool:
        """Count an unreadable record; say whether it is one that is knowingly done without."""
        self.add_problem(_unreadable(digest, why))
        accepted = digest in self._accepted
        self._left_out += accepted
        return accepted

    def add_problem(self, problem: str) -> None:
        """Count a record that could not be read."""
        self._unreadable += 1
        if len(self._problems) < _KEPT_PROBLEMS:
            self._problems.append(problem)

    def add(self, record: Record) -> None:
        """Keep a record; one that was withdrawn only counts for the feed's date."""
        self._newest = latest(self._newest, record.advisory.modified)
        if record.withdrawn:
            self._withdrawn += 1
            return
        self._read += 1
        self._malicious_only &= record.advisory.malicious
        self._keep(record)

    def _keep(self, record: Record) -> None:
        number = len(self._advisories)
        if number >= MAX_RECORDS:
            raise RecordError(f"feed {self._name}: more than {MAX_RECORDS} records")
        self._advisories.append(record.advisory)
        for item in record.affected:
            versions = without_redundant(item.versions, find(item.ecosystem))
            self._note_kind(versions)
            entries = self._packages.setdefault((item.ecosystem, item.package), {})
            group = entries.setdefault(versions, {})
            for vulnerability in record.vulnerabilities:
                group[Entry(vulnerability, number, item.urgency)] = None

    def _note_kind(self, versions: AffectedVersions) -> None:
        if versions.unreadable:
            return
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
            ecosystems=tuple(sorted(self._ecosystems())),
            records=self._read,
            scope=self._scope(),
            unreadable=self._unreadable,
            nameless=self._nameless,
        )
        provenance = Provenance(
            self._source, tuple(self._problems), self._withdrawn, accepted=self._left_out
        )
        return AdvisoryFeed(
            feed, provenance, tuple(self._advisories[number] for number in order), packages
        )

    def _ecosystems(self) -> set[str]:
        """Return those the feed can speak for: something about them could be read."""
        return {
            ecosystem
            for (ecosystem, _), groups in self._packages.items()
            if any(not versions.unreadable for versions in groups)
        }


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content.strip()).hexdigest()}"


def _unreadable(digest: str, why: str) -> str:
    return f"a record cannot be read: {why} ({digest})"


def _explained(item: AffectedPackage, digest: str) -> AffectedPackage:
    if not item.versions.unreadable:
        return item
    why = _unreadable(digest, item.versions.unreadable)
    return replace(item, versions=AffectedVersions(unreadable=why), urgency="")


def _renumbered(
    groups: dict[AffectedVersions, dict[Entry, None]], numbers: dict[int, int]
) -> Iterator[Group]:
    for affected, entries in groups.items():
        renumbered = (
            Entry(e.vulnerability, numbers.setdefault(e.advisory, len(numbers)), e.urgency)
            for e in entries
        )
        yield Group(affected, tuple(renumbered))
