"""Is a version affected? (OSV schema, "Evaluation".)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sealmark.scan.versions.text import VersionError
from sealmark.scan.vulnerabilities.advisory import AffectedVersions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sealmark.scan.versions.ordering import Ordering
    from sealmark.scan.vulnerabilities.advisory import Event

# Within one version, what opens a range comes before what closes it.
_RANK = {"introduced": 0, "fixed": 1, "last_affected": 2, "limit": 3}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer for one version, and the sentence that explains it.

    `fixed_in` is the lowest version above the asked one that the advisory calls fixed.
    """

    status: Literal["affected", "not_affected", "clear", "unknown"]
    because: str = ""
    fixed_in: str | None = None


_CLEAR = Outcome("clear")


class Comparison:
    """One component's version, compared with what advisories say.

    `ordering` None means that nothing here can order the ecosystem's versions.
    """

    def __init__(self, version: str, ordering: Ordering | None, ecosystem: str) -> None:
        self.version = version
        self.ordering = ordering
        self._key: Any = None
        self._trouble: str | None = None
        if ordering is None:
            self._trouble = f"there is no version ordering for {ecosystem}"
            return
        try:
            self._key = ordering.key(version)
        except VersionError as error:
            self._trouble = str(error)

    def judge(self, affected: AffectedVersions) -> Outcome:
        """Say whether the version is affected. "clear" means: named, but outside every range.

        "not_affected" is the publisher's explicit statement that the package never was.
        """
        if affected.unreadable:
            return Outcome("unknown", affected.unreadable)
        if not affected.ranges and not affected.versions:
            return Outcome("unknown", "the advisory gives no versions that can be compared")
        outcomes = [self._in_range(events) for events in affected.ranges]
        if self._enumerated(affected.versions):
            outcomes.append(
                Outcome(
                    "affected", f"{self.version} is listed as affected", self._next_fix(affected)
                )
            )
        for status in ("affected", "unknown", "not_affected"):
            chosen = [outcome for outcome in outcomes if outcome.status == status]
            if chosen:
                return self._highest_fix(chosen)
        return _CLEAR

    def fix_key(self, version: str | None) -> Any:
        """Return a key by which fixes of affected outcomes compare; no fix sorts lowest."""
        if version is None or self.ordering is None:
            return (0,)
        return (1, self.ordering.key(version))

    def upgrade(self, said: Iterable[tuple[AffectedVersions, Outcome]]) -> str | None:
        """Return the lowest version that nothing which has a fix affects any more, if any.

        A fix on an old branch may lie in a range that a newer branch opened again, so every
        candidate is judged; none is below the highest `fixed_in`.
        """
        fixable = [(affected, outcome.fixed_in) for affected, outcome in said if outcome.fixed_in]
        if not fixable or self.ordering is None:
            return None
        concerned = dict.fromkeys(affected for affected, _ in fixable)
        least = max(self.fix_key(fix) for _, fix in fixable)
        candidates = {fix for affected in concerned for fix in self._fixes(affected)}
        for fix in sorted(candidates, key=lambda fix: (self.fix_key(fix), fix)):
            if self.fix_key(fix) >= least and self._clears(fix, concerned):
                return fix
        return None

    def _clears(self, version: str, concerned: Iterable[AffectedVersions]) -> bool:
        upgraded = Comparison(version, self.ordering, "")
        return all(upgraded.judge(affected).status == "clear" for affected in concerned)

    def _fixes(self, affected: AffectedVersions) -> Iterator[str]:
        """Yield the fixed versions above mine that can be compared."""
        if self._key is None or self.ordering is None:
            return
        for event in (event for events in affected.ranges for event in events):
            try:
                if event.kind == "fixed" and self.ordering.key(event.version) > self._key:
                    yield event.version
            except VersionError:
                continue

    def _enumerated(self, versions: Sequence[str]) -> bool:
        if not versions:
            return False
        return self.version in versions or (
            self._key is not None and any(self._equals(version) for version in versions)
        )

    def _equals(self, version: str) -> bool:
        assert self.ordering is not None
        try:
            return bool(self.ordering.key(version) == self._key)
        except VersionError:
            return False

    def _next_fix(self, affected: AffectedVersions) -> str | None:
        return min(self._fixes(affected), key=self.fix_key, default=None)

    def _highest_fix(self, outcomes: list[Outcome]) -> Outcome:
        return max(outcomes, key=lambda outcome: self.fix_key(outcome.fixed_in))

    def _in_range(self, events: Sequence[Event]) -> Outcome:
        if [(e.kind, e.version) for e in events] == [("introduced", "0")]:
            return Outcome("affected", "every version is affected")
        if all(e.version == "0" for e in events) and any(e.kind == "fixed" for e in events):
            return Outcome("not_affected", "the publisher says that it never was affected")
        if self._trouble is not None:
            return Outcome("unknown", self._trouble)
        assert self.ordering is not None
        try:
            keyed = sorted(
                (
                    ((1, self.ordering.key(e.version)) if e.version != "0" else (0,)),
                    _RANK[e.kind],
                    e,
                )
                for e in events
                if e.version != "*"
            )
        except VersionError as error:
            return Outcome("unknown", f"the range cannot be read: {error}")
        return self._evaluate([(key, event) for key, _, event in keyed])

    def _evaluate(self, events: list[tuple[Any, Event]]) -> Outcome:
        """Walk the events in version order, as the specification does."""
        mine = (1, self._key)
        opened: Event | None = None
        limits = [key for key, event in events if event.kind == "limit"]
        if limits and all(mine >= limit for limit in limits):
            return _CLEAR
        for key, event in events:
            if event.kind == "introduced" and mine >= key:
                opened = event
            elif (event.kind == "fixed" and mine >= key) or (
                event.kind == "last_affected" and mine > key
            ):
                opened = None
        if opened is None:
            return _CLEAR
        closing = next((e for key, e in events if e.kind != "introduced" and mine <= key), None)
        fixed = next((e.version for key, e in events if e.kind == "fixed" and mine < key), None)
        return Outcome("affected", self._sentence(opened, closing), fixed)

    def _sentence(self, opened: Event, closing: Event | None) -> str:
        assert self.ordering is not None
        start = "" if opened.version == "0" else f"{opened.version} <= "
        if closing is None:
            return f"{start}{self.version} is affected and no fix is known"
        sign = "<=" if closing.kind == "last_affected" else "<"
        words = {"fixed": "fixed in", "last_affected": "last affected", "limit": "up to"}
        return (
            f"{start}{self.version} {sign} {closing.version} ({words[closing.kind]}"
            f" {closing.version}), compared as {self.ordering.name} versions"
        )


def without_redundant(affected: AffectedVersions, ordering: Ordering | None) -> AffectedVersions:
    """Drop listed versions that a range covers anyway; the answer for any version is the same."""
    if not affected.ranges or not affected.versions or ordering is None:
        return affected
    ranges = AffectedVersions(affected.ranges)
    left = (v for v in affected.versions if _status(v, ranges, ordering) != "affected")
    return AffectedVersions(affected.ranges, tuple(left))


def _status(version: str, affected: AffectedVersions, ordering: Ordering) -> str:
    return Comparison(version, ordering, ordering.name).judge(affected).status
