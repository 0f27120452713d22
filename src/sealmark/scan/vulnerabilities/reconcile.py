"""Several advisories about one vulnerability of one component become one finding.

Rules, in this order:

1. Advisories are about the same vulnerability if they share its id or an alias. One that could
   not be read stands alone: it is unknown, of unknown severity, whatever others say.
2. A statement that knows no fix yields to one at least as new, of the same package, that knows
   one which the version already has (a tracker snapshot from before the fix was published).
3. Otherwise, affected outranks unknown, which outranks not affected.
4. The advisory that names the highest fix speaks; its fixed version is the one that clears all.
   Among equals, the one named after the vulnerability itself.
5. The severity is the highest any of them states, except that a distribution's `unimportant`
   (no security consequence in its builds) makes it low.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from sealmark.evidence.vulnerability import Severity, Status, Vulnerability
from sealmark.scan.vulnerabilities.names import canonical_id, is_cve, preferred
from sealmark.scan.vulnerabilities.osv import urgency_severity
from sealmark.scan.vulnerabilities.times import latest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sealmark.evidence.component import Component
    from sealmark.scan.vulnerabilities.advisory import Advisory, AffectedVersions, Entry
    from sealmark.scan.vulnerabilities.ranges import Comparison, Outcome
    from sealmark.scan.vulnerabilities.source import AdvisorySource, Priorities

_ORDER: tuple[Severity, ...] = ("unknown", "none", "low", "medium", "high", "critical")


@dataclass(frozen=True, slots=True)
class Statement:
    """What one feed's entry says about a component's version."""

    feed: str
    as_of: str
    entry: Entry
    outcome: Outcome
    affected: AffectedVersions


@dataclass(frozen=True, slots=True)
class _Read:
    """A statement with the advisory it comes from."""

    statement: Statement
    advisory: Advisory

    @property
    def unreadable(self) -> bool:
        """Whether what the advisory says about the package could not be read."""
        return bool(self.statement.affected.unreadable)

    @property
    def malicious(self) -> bool:
        """Whether the advisory says that this version was published to do harm."""
        return self.advisory.malicious and not self.unreadable

    @property
    def names(self) -> set[str]:
        """Every name of the vulnerability; an erratum about many is not a name of each."""
        own = {canonical_id(name) for name in (self.advisory.id, *self.advisory.aliases)}
        vulnerability = self.statement.entry.vulnerability
        return own | {vulnerability} if vulnerability in own else {vulnerability}


def findings(
    component: Component,
    looked_up: str,
    statements: Sequence[Statement],
    comparison: Comparison,
    source: AdvisorySource,
    priorities: Priorities | None,
) -> Iterator[Vulnerability]:
    """Yield one finding per vulnerability that is affected, unknown or expressly not affected."""
    telling = [s for s in statements if s.outcome.status != "clear"]
    cleared: dict[str, list[Statement]] = {}
    if telling:
        for statement in statements:
            if statement.outcome.status == "clear":
                cleared.setdefault(statement.entry.vulnerability, []).append(statement)
    read = [
        _Read(s, source.advisory(s.feed, s.entry.advisory))
        for s in telling
        if not _yields(s, cleared.get(s.entry.vulnerability, ()), source)
    ]
    to = comparison.upgrade([(s.affected, s.outcome) for s in (item.statement for item in read)])
    # What an unreadable record would say, nobody else says for it.
    unreadable = [item for item in read if item.unreadable]
    readable = [item for item in read if not item.unreadable]
    for group in (*_same_vulnerability(readable), *_same_vulnerability(unreadable)):
        found = _finding(component, looked_up, group, comparison, priorities)
        fixable = found.status == "affected" and found.fixed_in is not None
        yield replace(found, upgrade_to=to) if fixable else found


def _yields(statement: Statement, cleared: Iterable[Statement], source: AdvisorySource) -> bool:
    if statement.outcome.status != "affected" or statement.outcome.fixed_in is not None:
        return False
    mine = source.advisory(statement.feed, statement.entry.advisory).modified
    return any(
        latest(mine, theirs) == theirs
        for theirs in (source.advisory(s.feed, s.entry.advisory).modified for s in cleared)
    )


def _same_vulnerability(read: Iterable[_Read]) -> list[list[_Read]]:
    """Join what shares a name; joining is transitive."""
    groups: list[tuple[set[str], list[_Read]]] = []
    by_name: dict[str, int] = {}
    for item in read:
        names = item.names
        touched = sorted({by_name[name] for name in names if name in by_name})
        if not touched:
            touched = [len(groups)]
            groups.append((set(), []))
        target_names, target = groups[touched[0]]
        for other in touched[1:]:
            names = names | groups[other][0]
            target += groups[other][1]
            groups[other] = (set(), [])
        target.append(item)
        target_names |= names
        by_name.update(dict.fromkeys(names, touched[0]))
    return [items for _, items in groups if items]


def _finding(
    component: Component,
    looked_up: str,
    group: list[_Read],
    comparison: Comparison,
    priorities: Priorities | None,
) -> Vulnerability:
    speaking = _speaking(group, comparison)
    lead, said = speaking.advisory, speaking.statement
    identifier = preferred(set().union(*(item.names for item in group)))
    severity, scored = _severity(group)
    cve = identifier if is_cve(identifier) else None
    return Vulnerability(
        id=identifier,
        component=component.purl,
        status=_status(said.outcome),
        feed=said.feed,
        advisory=lead.id,
        kind="malicious" if any(item.malicious for item in group) else "vulnerability",
        aliases=_aliases(identifier, group),
        severity=severity,
        score=scored.score if scored is not None else None,
        vector=scored.vector if scored is not None else None,
        fixed_in=said.outcome.fixed_in,
        exploited=priorities.exploited(cve) if priorities and cve else None,
        exploitability=priorities.exploitability(cve) if priorities and cve else None,
        summary=lead.summary or next((i.advisory.summary for i in group if i.advisory.summary), ""),
        published=lead.published,
        modified=lead.modified or None,
        because=tuple(_because(looked_up, speaking, group)),
    )


def _status(outcome: Outcome) -> Status:
    assert outcome.status != "clear"  # cleared statements make no finding
    return outcome.status


def _speaking(group: list[_Read], comparison: Comparison) -> _Read:
    rank = {"affected": 2, "unknown": 1, "not_affected": 0}

    def weight(item: _Read) -> tuple[object, ...]:
        outcome, advisory = item.statement.outcome, item.advisory
        named = canonical_id(advisory.id) == item.statement.entry.vulnerability
        return rank[outcome.status], comparison.fix_key(outcome.fixed_in), named, advisory.id

    return max(group, key=weight)


def _severity(group: list[_Read]) -> tuple[Severity, Advisory | None]:
    """Return the severity, and the advisory whose score stands beside it."""
    if any(item.unreadable for item in group):
        return "unknown", None
    scored = [item.advisory for item in group if item.advisory.score is not None]
    best = max(scored, key=lambda advisory: advisory.score or 0.0, default=None)
    urgencies = {item.statement.entry.urgency for item in group}
    if "unimportant" in urgencies:
        return "low", best
    said = [item.advisory.severity for item in group]
    if best is None:
        said += [urgency_severity(urgency) for urgency in urgencies]
    return max(said, key=_ORDER.index), best


def _aliases(identifier: str, group: list[_Read]) -> tuple[str, ...]:
    names = {name for item in group for name in item.names}
    names |= {item.advisory.id for item in group}
    return tuple(sorted(names - {identifier}))


def _because(looked_up: str, speaking: _Read, group: list[_Read]) -> Iterator[str]:
    said = speaking.statement
    yield f"{looked_up} (feed {said.feed}, as of {said.as_of})"
    yield f"{speaking.advisory.id}: {said.outcome.because}"
    if said.entry.urgency:
        yield f"the publisher calls it {said.entry.urgency!r} for this package"
    others = sorted({item.advisory.id for item in group} - {speaking.advisory.id})
    if others:
        yield f"also stated by {', '.join(others[:20])}"
