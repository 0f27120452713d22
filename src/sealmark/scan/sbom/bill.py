"""From the entries of a bill of materials, whatever its format, to an inventory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from sealmark.evidence.component import Component, Location, OperatingSystem, Origin, Source
from sealmark.evidence.inventory import Base, Inventory, Layer, Problem
from sealmark.evidence.purl import PackageUrl, PurlError
from sealmark.evidence.sbom.properties import read_origin
from sealmark.scan.inventory.limits import MAX_FIELD, licenses, optional_field, printable
from sealmark.scan.sbom.packages import (
    ecosystem_of,
    identified,
    name_of,
    source_of,
    system_of,
    version_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MAX_COMPONENTS = 200_000
"""Most components that are read."""
MAX_PROBLEMS = 100
"""Most problems reported for one document; the rest is counted."""

_NO_SOFTWARE = frozenset({"oci", "docker"})
# Whose advisories speak of source packages only, so that a list without them says too little.
_BY_SOURCE = frozenset({"deb"})


@dataclass(frozen=True, slots=True)
class Item:
    """One entry as its format states it. `source` is set where the format has a place for it."""

    name: str
    version: str = ""
    purl: str = ""
    supplier: str | None = None
    licences: tuple[str, ...] = ()
    locations: tuple[Location, ...] = ()
    source: Source | None = None
    installed: bool = True
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bill:
    """A document: its entries, its operating system, and what it says it does not know."""

    items: tuple[Item, ...]
    system: OperatingSystem | None = None
    layers: tuple[Layer, ...] = ()
    problems: tuple[Problem, ...] = ()
    base: Base | None = None


def inventory_of(bill: Bill) -> Inventory:
    """Return the inventory; an entry that says too little to be judged is a problem of it."""
    problems = list(bill.problems)
    parsed = list(_parsed(bill.items, problems))
    system = _known_system(bill.system, [purl for _, purl in parsed])
    found: dict[str, list[Component]] = {}
    for item, purl in parsed:
        component = _component(item, purl, system, len(bill.layers))
        if component is None:
            problems.append(_problem(f"{_label(item)} has no version", purl.type))
            continue
        found.setdefault(component.purl, []).append(component)
    merged = [_merged(found[purl]) for purl in sorted(found)]
    components = _with_sources(merged, problems)
    return Inventory(
        operating_system=system,
        layers=bill.layers,
        components=components,
        errors=_bounded(problems),
        base=_base(bill.base, len(bill.layers)),
    )


def _parsed(items: Iterable[Item], problems: list[Problem]) -> Iterable[tuple[Item, PackageUrl]]:
    for item in items:
        if not item.purl:
            problems.append(_problem(f"{_label(item)} has no package URL"))
            continue
        try:
            purl = PackageUrl.parse(item.purl, fold_keys=True)
        except PurlError as error:
            problems.append(_problem(f"{_label(item)}: {error}"))
            continue
        if purl.type not in _NO_SOFTWARE:
            yield item, purl


def _known_system(
    stated: OperatingSystem | None, purls: Iterable[PackageUrl]
) -> OperatingSystem | None:
    """Return the operating system, if need be from what all packages agree on."""
    if stated is not None:
        return identified(stated)
    named = {system for purl in purls if (system := system_of(purl))}
    return named.pop() if len(named) == 1 else None


def _component(
    item: Item, purl: PackageUrl, system: OperatingSystem | None, layers: int
) -> Component | None:
    version = version_of(purl, item.version)
    if not version or len(version) > MAX_FIELD:
        return None
    given = item.properties
    stated = given.get("sealmark:ecosystem")
    return Component(
        type=purl.type,
        name=printable(name_of(purl, item.name)),
        version=printable(version),
        purl=str(purl),
        ecosystem=ecosystem_of(purl, system) if stated is None else (stated or None),
        source=item.source or source_of(purl, version, given),
        architecture=given.get("sealmark:architecture") or _architecture(purl),
        licenses=licenses(item.licences),
        supplier=optional_field(item.supplier),
        installed=item.installed,
        locations=tuple(_within(location, layers) for location in item.locations),
        where=_origin(read_origin(given), layers),
    )


def _origin(origin: Origin | None, layers: int) -> Origin | None:
    if origin is None:
        return None
    place = _within(Location(origin.path, origin.layer), layers)
    return Origin(path=place.path, layer=place.layer, unknown=printable(origin.unknown))


def _base(base: Base | None, layers: int) -> Base | None:
    """Forget a number of layers that the document does not describe."""
    if base is None:
        return None
    known = 0 < base.layers < layers
    return Base(
        layers=base.layers if known else 0,
        confidence=base.confidence if known else "none",
        because=optional_field(base.because) or "",
        name=optional_field(base.name),
        digest=optional_field(base.digest),
        stated_by=base.stated_by,
    )


def _architecture(purl: PackageUrl) -> str | None:
    return optional_field(dict(purl.qualifiers).get("arch"))


def _within(location: Location, layers: int) -> Location:
    """Forget the index of a layer that the document does not describe."""
    known = location.layer is not None and 0 <= location.layer < layers
    return Location(printable(location.path), location.layer if known else None)


def _merged(entries: Sequence[Component]) -> Component:
    """Return one component for what the entries with one package URL say."""
    first = entries[0]
    if len(entries) == 1:
        return first
    return msgspec.structs.replace(
        first,
        source=next((entry.source for entry in entries if entry.source), None),
        licenses=licenses(text for entry in entries for text in entry.licenses),
        installed=any(entry.installed for entry in entries),
        locations=tuple(dict.fromkeys(place for entry in entries for place in entry.locations)),
    )


def _with_sources(
    components: Sequence[Component], problems: list[Problem]
) -> tuple[Component, ...]:
    """Fill in source packages that are left out because they are called like the binary.

    A document that names none at all does not know them, and says too little to be judged.
    """
    known = {component.type for component in components if component.source}
    lacking = {c.type for c in components if c.type in _BY_SOURCE and c.type not in known}
    for type_ in sorted(lacking):
        what = f"no {type_} package names its source package, which advisories are about"
        problems.append(_problem(what, type_))
    return tuple(
        msgspec.structs.replace(c, source=Source(c.name, c.version))
        if c.source is None and c.type in _BY_SOURCE and c.type in known
        else c
        for c in components
    )


def _label(item: Item) -> str:
    return (
        f"{printable(item.name[:80]) or 'a component without a name'} {item.version[:40]}".strip()
    )


def _problem(what: str, *affects: str) -> Problem:
    return Problem(what=printable(what), affects=affects)


def _bounded(problems: list[Problem]) -> tuple[Problem, ...]:
    if len(problems) <= MAX_PROBLEMS:
        return tuple(problems)
    rest = problems[MAX_PROBLEMS:]
    affects = sorted({type_ for problem in rest for type_ in problem.affects})
    return (*problems[:MAX_PROBLEMS], _problem(f"and {len(rest)} more", *affects))
