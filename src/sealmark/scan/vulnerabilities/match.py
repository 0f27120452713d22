"""Components against advisories: by the name and version their publisher uses, nothing guessed.

A distribution's package is looked up by its source package and compared with the distribution's
own ordering; Python and npm packages by their normalised name. There is no CPE. What the feeds
do not cover is said line by line (`Coverage`), so that no answer looks like a clean one.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from msgspec.structs import replace

from sealmark.evidence.component import Source
from sealmark.evidence.vulnerability import Coverage, Vulnerabilities
from sealmark.scan.versions import ordering
from sealmark.scan.vulnerabilities.names import canonical_ecosystem
from sealmark.scan.vulnerabilities.ranges import Comparison
from sealmark.scan.vulnerabilities.reconcile import Statement, findings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sealmark.evidence.component import Component
    from sealmark.evidence.vulnerability import Feed, Vulnerability
    from sealmark.scan.vulnerabilities.source import AdvisorySource, Priorities

_ANSWERS = ("vulnerabilities", "fixes")


def match(
    components: Sequence[Component],
    source: AdvisorySource | None,
    priorities: Priorities | None = None,
    database: str | None = None,
) -> Vulnerabilities:
    """Return everything the advisories say about `components`, in a stable order.

    `source` None means that there is no database: nothing is found and every line of coverage
    says why. `database` is the digest of the database. Raises UnreadableError where the database
    is damaged.
    """
    feeds = tuple(source.feeds()) if source is not None else ()
    found: list[Vulnerability] = []
    if source is not None:
        dates = {feed.name: feed.as_of for feed in feeds}
        known: dict[tuple[str, str, str], tuple[Vulnerability, ...]] = {}
        for component in components:
            if component.ecosystem is None:
                continue
            built_from = component.source or Source(component.name, component.version)
            what = (component.ecosystem, built_from.name, built_from.version)
            if what not in known:
                known[what] = tuple(_match_one(component, built_from, source, priorities, dates))
            found += (replace(v, component=component.purl) for v in known[what])
    return Vulnerabilities(
        database=database,
        feeds=feeds,
        coverage=tuple(_coverage(components, feeds, source is not None)),
        findings=tuple(sorted(found, key=lambda v: (v.component, v.id, v.feed))),
    )


def _match_one(
    component: Component,
    built_from: Source,
    source: AdvisorySource,
    priorities: Priorities | None,
    dates: dict[str, str],
) -> Iterator[Vulnerability]:
    ecosystem = component.ecosystem
    assert ecosystem is not None
    packages = source.lookup(ecosystem, built_from.name)
    comparison = Comparison(built_from.version, ordering.find(ecosystem), ecosystem)
    what = "source package" if component.source is not None else "package"
    looked_up = f"{what} {built_from.name} {built_from.version} looked up in {ecosystem}"
    statements = [
        Statement(said.feed, dates.get(said.feed, ""), entry, outcome, group.affected)
        for said in packages
        for group in said.groups
        for outcome in (comparison.judge(group.affected),)
        for entry in group.entries
    ]
    yield from findings(component, looked_up, statements, comparison, source, priorities)


def _coverage(
    components: Sequence[Component], feeds: Iterable[Feed], database: bool
) -> Iterator[Coverage]:
    """Give one line per ecosystem and feed that answers for it, or one that says why none does."""
    covering = _by_ecosystem(feed for feed in feeds if feed.scope in _ANSWERS or _gapped(feed))
    counts = Counter((c.ecosystem, c.type) for c in components)
    merged: Counter[str] = Counter()
    for (named, kind), number in counts.items():
        if named is None:
            why = f"no ecosystem is known for these {kind} packages, so nobody's advisories apply"
            yield Coverage(ecosystem=kind, components=number, why=why)
        else:
            merged[named] += number
    for ecosystem, number in sorted(merged.items()):
        speaking = covering.get(canonical_ecosystem(ecosystem), [])
        for feed in speaking:
            yield Coverage(
                ecosystem=ecosystem,
                components=number,
                feed=feed.name,
                as_of=feed.as_of,
                why=_unreadable(feed),
                nameless=feed.nameless,
            )
        if not any(feed.scope in _ANSWERS for feed in speaking):
            why = f"no feed for {ecosystem!r} in the advisory database{_hint(ecosystem)}"
            if not database:
                why = "there is no advisory database: run `sealmark advisories update`"
            yield Coverage(ecosystem=ecosystem, components=number, why=why)


def _hint(ecosystem: str) -> str:
    """Say how to get the feed of an ecosystem whose versions can be compared here."""
    if ordering.find(ecosystem) is None:
        return ""
    whole = ecosystem.partition(":")[0]
    return f": `sealmark advisories update --ecosystem {whole}` fetches it"


def _gapped(feed: Feed) -> bool:
    """Say whether the feed may have said something against any package, and nobody knows what.

    A lost statement that a package is *not* affected makes no answer cleaner.
    """
    return feed.nameless > 0 and feed.scope != "not_affected"


def _by_ecosystem(feeds: Iterable[Feed]) -> dict[str, list[Feed]]:
    found: dict[str, list[Feed]] = {}
    for feed in feeds:
        for ecosystem in feed.ecosystems:
            found.setdefault(ecosystem, []).append(feed)
    return found


def _unreadable(feed: Feed) -> str:
    if not feed.unreadable:
        return ""
    return (
        f"{feed.unreadable} of its records could not be read: what they said is not known; "
        f"{feed.nameless} of them name no package that could be told"
    )
