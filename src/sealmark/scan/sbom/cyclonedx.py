"""CycloneDX JSON, versions 1.2 to 1.7 (ECMA-424), as far as an inventory needs it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from sealmark.evidence.component import Location
from sealmark.evidence.inventory import Problem
from sealmark.evidence.sbom.properties import (
    read_base,
    read_layers,
    read_licences,
    read_problems,
    read_system,
)
from sealmark.scan.sbom.bill import Bill, Item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sealmark.evidence.component import OperatingSystem

# What else a document may list; none of it is software that advisories speak about.
_NOT_PACKAGES = frozenset(
    {"file", "data", "container", "device", "machine-learning-model", "cryptographic-asset"}
)
_LAYER = re.compile(r"layer ([0-9]{1,5})(?: .*)?")
_SYFT_PATH = re.compile(r"syft:location:[0-9]{1,5}:path", re.ASCII)
_TRIVY_PATH = "aquasecurity:trivy:FilePath"
_TRIVY_CLASS = "aquasecurity:trivy:Class"


class Property(msgspec.Struct, frozen=True):
    """A name with a value."""

    name: str = ""
    value: str | None = None


class Named(msgspec.Struct, frozen=True):
    """A supplier."""

    name: str | None = None


class Occurrence(msgspec.Struct, frozen=True):
    """Where a component was found."""

    location: str = ""
    context: str | None = msgspec.field(default=None, name="additionalContext")


class Proof(msgspec.Struct, frozen=True):
    """A component's evidence."""

    occurrences: tuple[Occurrence, ...] | None = None


class Entry(msgspec.Struct, frozen=True):
    """A component."""

    type: str = "library"
    name: str = ""
    group: str | None = None
    version: str | None = None
    description: str | None = None
    purl: str | None = None
    scope: str | None = None
    supplier: Named | None = None
    licenses: Any = None
    evidence: Proof | None = None
    properties: tuple[Property, ...] | None = None
    components: tuple[Entry, ...] | None = None


class Metadata(msgspec.Struct, frozen=True):
    """What the document says about itself."""

    component: Entry | None = None


class Composition(msgspec.Struct, frozen=True):
    """How complete a part of the document is."""

    aggregate: str = ""


class CycloneDx(msgspec.Struct, frozen=True):
    """A document."""

    metadata: Metadata | None = None
    components: tuple[Entry, ...] | None = None
    compositions: tuple[Composition, ...] | None = None


def read_cyclonedx(document: CycloneDx) -> Bill:
    """Return what the document lists. Raises PropertyError for damaged properties of ours."""
    subject = document.metadata.component if document.metadata else None
    entries = list(_flattened(document.components or ()))
    if not entries and subject is not None:
        entries = list(_flattened((subject,)))
    elif subject is not None:
        entries += _flattened(subject.components or ())
    about = _properties(subject) if subject else {}
    systems = [entry for entry in entries if entry.type == "operating-system"]
    problems = read_problems(about)
    return Bill(
        items=tuple(_item(entry) for entry in entries if _is_package(entry)),
        system=_system(systems[0]) if systems else None,
        layers=read_layers(about),
        base=read_base(about),
        problems=problems or tuple(_admitted(document.compositions or ())),
    )


def _flattened(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield components and those inside them, outer ones first."""
    waiting = list(reversed(list(entries)))
    while waiting:
        entry = waiting.pop()
        yield entry
        waiting.extend(reversed(entry.components or ()))


def _is_package(entry: Entry) -> bool:
    if entry.purl:
        return True
    if entry.type in _NOT_PACKAGES or entry.type == "operating-system":
        return False
    # Trivy lists each lock file as an application around what it names.
    return not (entry.type == "application" and _TRIVY_CLASS in _properties(entry))


def _item(entry: Entry) -> Item:
    given = _properties(entry)
    return Item(
        name=f"{entry.group}/{entry.name}" if entry.group else entry.name,
        version=entry.version or "",
        purl=entry.purl or "",
        supplier=entry.supplier.name if entry.supplier else None,
        licences=read_licences(given) or tuple(_licences(entry.licenses)),
        locations=tuple(_locations(entry, given)),
        installed=entry.scope != "excluded" and given.get("sealmark:installed") != "false",
        properties=given,
    )


def _properties(entry: Entry) -> dict[str, str]:
    return {p.name: p.value for p in entry.properties or () if p.value is not None}


def _licences(stated: Any) -> Iterator[str]:
    """Yield licences in any of the shapes the versions allow; nothing depends on the others."""
    for choice in stated if isinstance(stated, list) else ():
        if not isinstance(choice, dict):
            continue
        licence = choice.get("license")
        found = licence if isinstance(licence, dict) else choice
        text = found.get("id") or found.get("name") or found.get("expression")
        if isinstance(text, str):
            yield text


def _locations(entry: Entry, given: dict[str, str]) -> Iterator[Location]:
    occurrences = entry.evidence.occurrences if entry.evidence else None
    for occurrence in occurrences or ():
        layer = _LAYER.fullmatch(occurrence.context or "")
        yield Location(occurrence.location, int(layer[1]) if layer else None)
    for name, value in given.items():
        if name == _TRIVY_PATH or _SYFT_PATH.fullmatch(name):
            yield Location(value if value.startswith("/") else f"/{value}")


def _system(entry: Entry) -> OperatingSystem:
    return read_system(entry.name, entry.version or "", entry.description or "", _properties(entry))


def _admitted(compositions: Sequence[Composition]) -> Iterator[Problem]:
    if any(one.aggregate.startswith("incomplete") for one in compositions):
        yield Problem(what="the SBOM says of itself that it is incomplete")
