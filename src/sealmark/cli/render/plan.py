"""What to do about a judgement: its reasons grouped by the one change that clears most."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cmp_to_key
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sealmark.decision import Judgement, Reason, Remedy
    from sealmark.evidence.component import Component
    from sealmark.evidence.document import Evidence
    from sealmark.evidence.inventory import Inventory
    from sealmark.evidence.vulnerability import Vulnerability

    Order = Callable[[str, str, str], int | None]
    Findings = Mapping[tuple[str, str], Vulnerability]

_DISTROLESS = "/var/lib/dpkg/status.d/"
SEVERITIES = ("critical", "high", "medium", "low", "none", "unknown")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is wrong or not known, with all reasons that speak of it.

    `id` is the vulnerability, setting or file, else the control. A vulnerability of several
    packages built from one source is one thing; `components` are the packages, and `name` is the
    source's, empty where no package is concerned.
    """

    id: str
    reasons: tuple[Reason, ...]
    components: tuple[Component, ...] = ()
    name: str = ""
    finding: Vulnerability | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The packages with their versions, else what the reasons call them."""
        if self.components:
            return tuple(f"{component.name} {component.version}" for component in self.components)
        return tuple(dict.fromkeys(filter(None, map(_purl, self.reasons))))

    @property
    def label(self) -> str:
        """The package, or the source of several packages, with the version."""
        versions = {component.version for component in self.components}
        if len(self.components) > 1 and len(versions) == 1:
            return f"{self.name} {versions.pop()}"
        return " ".join(self.labels[:1]) + (" …" if len(self.labels) > 1 else "")

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
    """One thing to do and the items it clears.

    `to` is the version an upgrade goes to, where one is known to clear all. `instead_of` are
    smaller changes it makes idle.
    """

    kind: str
    text: str
    items: tuple[Item, ...]
    target: str = ""
    to: str | None = None
    instead_of: tuple[Change, ...] = ()

    @property
    def components(self) -> tuple[Component, ...]:
        """The packages concerned, each once."""
        found = {c.purl: c for item in self.items for c in item.components}
        return tuple(found.values())

    @property
    def ids(self) -> tuple[str, ...]:
        """What it clears, each once."""
        return tuple(dict.fromkeys(item.id for item in self.items))

    @property
    def instructions(self) -> tuple[str, ...]:
        """The Dockerfile lines that brought the packages, each once; empty where one is unknown."""
        places = (r.where.instruction if r.where else None for i in self.items for r in i.reasons)
        return tuple(dict.fromkeys(place or "" for place in places))


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
        changes=tuple(_ranked(_with_rebase(changes, evidence.inventory if evidence else None))),
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
        self._components: dict[str, Component] = (
            {component.purl: component for component in inventory.components} if inventory else {}
        )
        self._findings: Findings = {
            (found.id, found.component): found for found in (known.findings if known else ())
        }

    def items(self, reasons: Iterable[Reason]) -> tuple[Item, ...]:
        """Put reasons about the same thing together, the worst first."""
        groups: dict[tuple[str, str], list[Reason]] = {}
        for reason in reasons:
            subject = self._subject(reason)
            groups.setdefault((reason.subject_id or reason.message, subject), []).append(reason)
        items = [self._item(group) for group in groups.values()]
        return tuple(sorted(items, key=_badness))

    def _subject(self, reason: Reason) -> str:
        """Return what is upgraded together: the source package, else the package."""
        component = self._components.get(_purl(reason))
        return f"{component.type}:{_source(component)}" if component else _purl(reason)

    def _item(self, reasons: Sequence[Reason]) -> Item:
        first = reasons[0]
        purls = list(dict.fromkeys(map(_purl, reasons)))
        components = tuple(self._components[purl] for purl in purls if purl in self._components)
        found = (self._findings.get((first.subject_id or "", purl)) for purl in purls)
        return Item(
            id=first.subject_id or first.control,
            reasons=tuple(reasons),
            components=components,
            name=_source(components[0]) if components else "",
            finding=min(filter(None, found), key=_severity, default=None),
        )


def _purl(reason: Reason) -> str:
    return (reason.where.component if reason.where else None) or ""


def _source(component: Component) -> str:
    return component.source.name if component.source else component.name


def _severity(found: Vulnerability) -> tuple[int, float, float]:
    """Order: exploited, by severity, by likelihood of exploitation."""
    epss = found.exploitability.probability if found.exploitability else 0.0
    exploited = 0 if found.exploited or found.kind == "malicious" else 1
    return (exploited, SEVERITIES.index(found.severity), -epss)


def _badness(item: Item) -> tuple[tuple[int, float, float], str, str]:
    """Order: the worst finding first; what is no vulnerability comes after high."""
    no_finding = (1, SEVERITIES.index("high") + 0.5, 0.0)
    return (_severity(item.finding) if item.finding else no_finding, item.id, item.label)


def _changes(items: Sequence[Item], order: Order | None) -> Iterator[Change]:
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        remedy = item.remedy
        if remedy is not None and remedy.kind != "none":
            groups.setdefault((remedy.kind, remedy.target or remedy.text), []).append(item)
    for (kind, target), group in groups.items():
        remedies = [r.remedy for item in group for r in item.reasons if r.remedy]
        if kind == "upgrade":
            yield _upgrade(target, group, [one for one in remedies if one.kind == kind], order)
        else:
            yield Change(kind, remedies[0].text, tuple(group), target)


def _upgrade(
    target: str, group: Sequence[Item], remedies: Sequence[Remedy], order: Order | None
) -> Change:
    """Name the version that is high enough for all, or all versions where nobody can order them."""
    type_, _, name = target.partition(":")
    versions = list(dict.fromkeys(remedy.to for remedy in remedies if remedy.to))
    if not versions:
        return Change("upgrade", remedies[0].text, tuple(group), target)
    highest = _highest(type_, versions, order)
    wanted = highest or f"the newest of {', '.join(versions)}"
    return Change("upgrade", f"upgrade {name or target} to {wanted}", tuple(group), target, highest)


def _highest(type_: str, versions: Sequence[str], order: Order | None) -> str | None:
    if len(versions) == 1:
        return versions[0]
    if order is None or any(order(type_, versions[0], v) is None for v in versions):
        return None

    def compared(a: str, b: str) -> int:
        return order(type_, a, b) or 0

    return max(versions, key=cmp_to_key(compared))


def _with_rebase(changes: Sequence[Change], inventory: Inventory | None) -> Iterator[Change]:
    """Offer another base image where it clears what several upgrades would, or nothing else can.

    Which layers are the base's is the inventory's guess, and shown as one. Where policy already
    asks for another base, that change clears these items too.
    """
    layers = _base_layers(inventory)
    upgrades = [change for change in changes if change.kind == "upgrade"]
    idle = [c for c in upgrades if all(_is_in(item, layers) for item in c.items)]
    if len(idle) < 2 and not any(lacks_manager(c) for change in idle for c in change.components):
        yield from changes
        return
    asked = next((change for change in changes if change.kind == "rebase"), None)
    base = asked or Change("rebase", _rebase_text(inventory), (), "base")
    in_base = [item for change in upgrades for item in change.items if _is_in(item, layers)]
    yield replace(base, items=(*base.items, *in_base), instead_of=tuple(_ranked(idle)))
    yield from (change for change in changes if change is not asked and change not in idle)


def lacks_manager(component: Component) -> bool:
    """Tell whether a package is one that no package manager in the image can upgrade."""
    return any(place.path.startswith(_DISTROLESS) for place in component.locations)


def _base_layers(inventory: Inventory | None) -> frozenset[str]:
    if inventory is None or inventory.base is None:
        return frozenset()
    return frozenset(layer.digest for layer in inventory.layers[: inventory.base.layers])


def _rebase_text(inventory: Inventory | None) -> str:
    base = inventory.base if inventory else None
    name = f" {base.name}" if base and base.name and base.stated_by == "annotation" else ""
    return f"change the base image{name} to one with the fixes"


def _is_in(item: Item, layers: frozenset[str]) -> bool:
    return all(reason.where is not None and reason.where.layer in layers for reason in item.reasons)


def _ranked(changes: Iterable[Change]) -> list[Change]:
    return sorted(changes, key=lambda c: (-len(c.items), _badness(c.items[0]), c.text))
