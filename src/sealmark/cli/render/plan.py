"""What to do about a judgement: its reasons grouped by the one change that clears most."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cmp_to_key
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sealmark.decision import Judgement, Reason, Remedy
    from sealmark.evidence.component import Component
    from sealmark.evidence.document import Evidence
    from sealmark.evidence.inventory import Layer
    from sealmark.evidence.vulnerability import Vulnerability

    Order = Callable[[str, str, str], int | None]

SEVERITIES = ("critical", "high", "medium", "low", "none", "unknown")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is wrong or not known, with all reasons that speak of it.

    `id` is the vulnerability, setting or file, else the control. `label` names the component with
    its version, empty where none is concerned.
    """

    id: str
    label: str
    reasons: tuple[Reason, ...]
    finding: Vulnerability | None = None

    @property
    def message(self) -> str:
        """What the first control said."""
        return self.reasons[0].message

    @property
    def remedy(self) -> Remedy | None:
        """The first remedy that any control offered."""
        return next((reason.remedy for reason in self.reasons if reason.remedy), None)

    @property
    def controls(self) -> tuple[str, ...]:
        """The controls that spoke, each once."""
        return tuple(dict.fromkeys(reason.control for reason in self.reasons))


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to do and the items it clears. `instead_of` are smaller changes it makes idle."""

    kind: str
    text: str
    items: tuple[Item, ...]
    target: str = ""
    instead_of: tuple[Change, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The components concerned, each once."""
        return tuple(dict.fromkeys(item.label for item in self.items if item.label))

    @property
    def ids(self) -> tuple[str, ...]:
        """What it clears, each once."""
        return tuple(dict.fromkeys(item.id for item in self.items))


@dataclass(frozen=True, slots=True)
class Plan:
    """A judgement as a person reads it: changes first, then everything that led to them."""

    changes: tuple[Change, ...]
    refusals: tuple[Item, ...]
    unknowns: tuple[Item, ...]
    warnings: tuple[Item, ...]
    errors: tuple[str, ...]


def plan(judgement: Judgement, evidence: Evidence | None, order: Order | None = None) -> Plan:
    """Group the reasons of a judgement.

    Changes are about refusals; without any, about what is not known. `order` compares two
    versions of a package type (negative, 0, positive; None where it cannot).
    """
    context = _Context(evidence)
    refusals = context.items(r for r in judgement.reasons if r.effect == "deny")
    warnings = context.items(r for r in judgement.reasons if r.effect != "deny")
    unknowns = context.items(judgement.unknowns)
    changes = list(_changes(refusals or unknowns, order))
    return Plan(
        changes=tuple(_ranked(_with_rebase(changes, context.layers))),
        refusals=refusals,
        unknowns=unknowns,
        warnings=warnings,
        errors=judgement.errors,
    )


class _Context:
    """Looks up what reasons refer to."""

    def __init__(self, evidence: Evidence | None) -> None:
        inventory = evidence.inventory if evidence else None
        known = evidence.vulnerabilities if evidence else None
        self.layers: tuple[Layer, ...] = inventory.layers if inventory else ()
        self._components: dict[str, Component] = (
            {component.purl: component for component in inventory.components} if inventory else {}
        )
        self._findings = {
            (found.id, found.component): found for found in (known.findings if known else ())
        }

    def items(self, reasons: Iterable[Reason]) -> tuple[Item, ...]:
        """Put reasons about the same thing together, the worst first."""
        groups: dict[tuple[str, str], list[Reason]] = {}
        for reason in reasons:
            purl = (reason.where.component if reason.where else None) or ""
            groups.setdefault((reason.subject_id or reason.message, purl), []).append(reason)
        items = [self._item(purl, group) for (_, purl), group in groups.items()]
        return tuple(sorted(items, key=_badness))

    def _item(self, purl: str, reasons: Sequence[Reason]) -> Item:
        component = self._components.get(purl)
        first = reasons[0]
        return Item(
            id=first.subject_id or first.control,
            label=f"{component.name} {component.version}" if component else purl,
            reasons=tuple(reasons),
            finding=self._findings.get((first.subject_id or "", purl)),
        )


def _badness(item: Item) -> tuple[int, float, float, str, str]:
    """Order: exploited, by severity, by likelihood; what is no vulnerability comes after high."""
    found = item.finding
    if found is None:
        return (1, SEVERITIES.index("high") + 0.5, 0.0, item.id, item.label)
    epss = found.exploitability.probability if found.exploitability else 0.0
    exploited = 0 if found.exploited or found.kind == "malicious" else 1
    return (exploited, SEVERITIES.index(found.severity), -epss, item.id, item.label)


def _changes(items: Sequence[Item], order: Order | None) -> Iterator[Change]:
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        remedy = item.remedy
        if remedy is not None and remedy.kind != "none":
            groups.setdefault((remedy.kind, remedy.target or remedy.text), []).append(item)
    for (kind, target), group in groups.items():
        remedies = [item.remedy for item in group if item.remedy]
        text = _upgrade_text(target, remedies, order) if kind == "upgrade" else remedies[0].text
        yield Change(kind, text, tuple(group), target)


def _upgrade_text(target: str, remedies: Sequence[Remedy], order: Order | None) -> str:
    """Name the version that is high enough for all, or all versions where nobody can order them."""
    type_, _, name = target.partition(":")
    versions = list(dict.fromkeys(remedy.to for remedy in remedies if remedy.to))
    if not versions:
        return remedies[0].text
    highest = _highest(type_, versions, order)
    wanted = highest or f"the newest of {', '.join(versions)}"
    return f"upgrade {name or target} to {wanted}"


def _highest(type_: str, versions: Sequence[str], order: Order | None) -> str | None:
    if len(versions) == 1:
        return versions[0]
    if order is None or any(order(type_, versions[0], v) is None for v in versions):
        return None

    def compared(a: str, b: str) -> int:
        return order(type_, a, b) or 0

    return max(versions, key=cmp_to_key(compared))


def _with_rebase(changes: Sequence[Change], layers: Sequence[Layer]) -> Iterator[Change]:
    """Offer a newer base image where most of what upgrades would clear lies in the lowest layer.

    The lowest layer is the only one known to be the base's. Where policy already asks for
    another base, that change clears these items too.
    """
    upgrades = [change for change in changes if change.kind == "upgrade"]
    in_base = [item for change in upgrades for item in change.items if _is_in(item, layers)]
    total = sum(len(change.items) for change in upgrades)
    idle = [c for c in upgrades if all(_is_in(item, layers) for item in c.items)]
    if len(layers) < 2 or len(idle) < 2 or 2 * len(in_base) <= total:
        yield from changes
        return
    asked = next((change for change in changes if change.kind == "rebase"), None)
    base = asked or Change(
        "rebase", "rebuild on a newer base image, once it has the fixes", (), layers[0].instruction
    )
    yield replace(base, items=(*base.items, *in_base), instead_of=tuple(_ranked(idle)))
    yield from (change for change in changes if change is not asked and change not in idle)


def _is_in(item: Item, layers: Sequence[Layer]) -> bool:
    where = item.reasons[0].where
    return bool(layers) and where is not None and where.layer == layers[0].digest


def _ranked(changes: Iterable[Change]) -> list[Change]:
    return sorted(changes, key=lambda c: (-len(c.items), _badness(c.items[0]), c.text))
