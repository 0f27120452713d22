"""What evidence knows and the formats have no place for: names with values, and back.

The names begin with `sealmark:`. CycloneDX takes them as properties, SPDX as an annotation that
holds a JSON object. Reading back what was written gives the same components, layers, operating
system and problems.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from sealmark.errors import UnreadableError
from sealmark.evidence.component import Component, Location, OperatingSystem, Origin, Source
from sealmark.evidence.inventory import Base, Layer, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PREFIX = "sealmark:"
MAX_ITEMS = 10_000
"""Most numbered properties of one kind (layers, problems, locations) that are read."""

_NUMBERED = re.compile(r"([0-9]{1,5}):([a-z_]+)", re.ASCII)
T = TypeVar("T")


class PropertyError(UnreadableError):
    """A property with our prefix does not hold what we write there."""


def component_properties(component: Component) -> dict[str, str]:
    """Return what is left of a component beside name, version, purl, supplier and licences."""
    found = {"sealmark:ecosystem": component.ecosystem or ""}
    if component.source:
        found["sealmark:source:name"] = component.source.name
        found["sealmark:source:version"] = component.source.version
    if component.architecture:
        found["sealmark:architecture"] = component.architecture
    if not component.installed:
        found["sealmark:installed"] = "false"
    if component.where:
        found |= _named("where", component.where)
    return found


def base_properties(base: Base | None) -> dict[str, str]:
    """Return what is known of the base image."""
    return _named("base", base) if base else {}


def _named(prefix: str, part: msgspec.Struct) -> dict[str, str]:
    known = msgspec.structs.asdict(part)
    return {f"sealmark:{prefix}:{k}": str(v) for k, v in known.items() if v not in (None, "")}


def location_properties(locations: Sequence[Location]) -> dict[str, str]:
    """Return where a component was found."""
    found: dict[str, str] = {}
    for index, location in enumerate(locations):
        found[f"sealmark:location:{index}:path"] = location.path
        if location.layer is not None:
            found[f"sealmark:location:{index}:layer"] = str(location.layer)
    return found


def licence_properties(licences: Sequence[str]) -> dict[str, str]:
    """Return licences exactly as they were stated."""
    return {f"sealmark:license:{index}:text": text for index, text in enumerate(licences)}


def system_properties(system: OperatingSystem) -> dict[str, str]:
    """Return what is left of an operating system beside id, version and name."""
    rest = {
        "version_codename": system.version_codename,
        "id_like": " ".join(system.id_like),
        "ecosystem": system.ecosystem or "",
        "support_ends": system.support_ends or "",
    }
    return {f"sealmark:os:{key}": value for key, value in rest.items() if value}


def layer_properties(layers: Sequence[Layer]) -> dict[str, str]:
    """Return the layers, base first."""
    return {
        f"sealmark:layer:{index}:{key}": str(value)
        for index, layer in enumerate(layers)
        for key, value in msgspec.structs.asdict(layer).items()
        if value != ""
    }


def problem_properties(problems: Sequence[Problem]) -> dict[str, str]:
    """Return what could not be read."""
    found: dict[str, str] = {}
    for index, problem in enumerate(problems):
        name = f"sealmark:problem:{index}"
        found[f"{name}:what"] = problem.what
        found[f"{name}:affects"] = " ".join(problem.affects)
        if problem.location:
            found[f"{name}:path"] = problem.location.path
            if problem.location.layer is not None:
                found[f"{name}:layer"] = str(problem.location.layer)
    return found


def read_source(given: Mapping[str, str]) -> Source | None:
    """Return the source package, if one is named."""
    name, version = given.get("sealmark:source:name"), given.get("sealmark:source:version")
    return Source(name, version) if name and version else None


def read_origin(given: Mapping[str, str]) -> Origin | None:
    """Return what brought a component. Raises PropertyError."""
    return _read("where", given, Origin)


def read_base(given: Mapping[str, str]) -> Base | None:
    """Return what is known of the base image. Raises PropertyError."""
    return _read("base", given, Base)


def _read(prefix: str, given: Mapping[str, str], type_: type[T]) -> T | None:
    start = f"{PREFIX}{prefix}:"
    known = {name[len(start) :]: given[name] for name in given if name.startswith(start)}
    return _convert(known, type_) if known else None


def read_locations(given: Mapping[str, str]) -> tuple[Location, ...]:
    """Return the locations. Raises PropertyError."""
    return tuple(_convert(item, Location) for item in _numbered(given, "location"))


def read_licences(given: Mapping[str, str]) -> tuple[str, ...]:
    """Return the licences as they were stated. Raises PropertyError."""
    return tuple(item.get("text", "") for item in _numbered(given, "license"))


def read_system(id_: str, version: str, name: str, given: Mapping[str, str]) -> OperatingSystem:
    """Return an operating system from its native parts and our properties."""
    return OperatingSystem(
        id=id_,
        version_id=version,
        name=name,
        version_codename=given.get("sealmark:os:version_codename", ""),
        id_like=tuple(given.get("sealmark:os:id_like", "").split()),
        ecosystem=given.get("sealmark:os:ecosystem"),
        support_ends=given.get("sealmark:os:support_ends"),
    )


def read_layers(given: Mapping[str, str]) -> tuple[Layer, ...]:
    """Return the layers. Raises PropertyError."""
    return tuple(_convert(item, Layer) for item in _numbered(given, "layer"))


def read_problems(given: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return the problems. Raises PropertyError."""
    return tuple(_problem(item) for item in _numbered(given, "problem"))


def _problem(item: dict[str, str]) -> Problem:
    where: dict[str, Any] = {key: item[key] for key in ("path", "layer") if key in item}
    return Problem(
        what=item.get("what", "something that was not named"),
        location=_convert(where, Location) if "path" in where else None,
        affects=tuple(item.get("affects", "").split()),
    )


def _numbered(given: Mapping[str, str], kind: str) -> list[dict[str, str]]:
    """Return the items of a kind in order of their numbers, which must have no gap."""
    prefix = f"{PREFIX}{kind}:"
    items: dict[int, dict[str, str]] = {}
    for name, value in given.items():
        if not name.startswith(prefix):
            continue
        match = _NUMBERED.fullmatch(name, len(prefix))
        if match is None:
            raise PropertyError(f"expected {prefix}NUMBER:FIELD, got {name[:80]!r}")
        items.setdefault(int(match[1]), {})[match[2]] = value
    if len(items) > MAX_ITEMS or sorted(items) != list(range(len(items))):
        raise PropertyError(f"expected {prefix}0, 1, 2 … up to {MAX_ITEMS}, got {len(items)} items")
    return [items[index] for index in range(len(items))]


def _convert(item: dict[str, Any], type_: type[T]) -> T:
    try:
        return msgspec.convert(item, type=type_, strict=False)
    except (msgspec.ValidationError, OverflowError) as error:
        raise PropertyError(f"not a {type_.__name__.lower()}: {error}") from None
