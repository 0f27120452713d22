"""CycloneDX 1.6 JSON (ECMA-424) from evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealmark.evidence.sbom.cyclonedx_findings import vulnerability_entries
from sealmark.evidence.sbom.licences import is_single, spdx_expression
from sealmark.evidence.sbom.properties import (
    base_properties,
    component_properties,
    layer_properties,
    licence_properties,
    problem_properties,
    system_properties,
)
from sealmark.evidence.sbom.stamp import TOOL, document_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealmark.evidence.component import Component, Location, OperatingSystem
    from sealmark.evidence.document import Evidence, Subject
    from sealmark.evidence.inventory import Inventory, Layer
    from sealmark.evidence.sbom.stamp import Stamp

SPEC_VERSION = "1.6"
_SUBJECT_TYPES = {"image": "container", "rootfs": "platform", "sbom": "application"}
_HASHES = {"sha256": "SHA-256", "sha512": "SHA-512"}


def cyclonedx(evidence: Evidence, stamp: Stamp) -> dict[str, Any]:
    """Return the bill of materials, with vulnerabilities where the evidence has them.

    The serial number follows from the subject, so that the same image gives the same document.
    """
    inventory = evidence.inventory
    document: dict[str, Any] = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC_VERSION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{document_id(evidence.subject, 'cyclonedx')}",
        "version": 1,
        "metadata": {
            "timestamp": stamp.made_at,
            "tools": {
                "components": [{"type": "application", "name": TOOL, "version": stamp.tool_version}]
            },
            "component": _subject(evidence.subject, inventory, stamp),
        },
    }
    if inventory is not None:
        document["components"] = _components(inventory)
        document["compositions"] = [_completeness(evidence.subject, inventory)]
    if evidence.vulnerabilities is not None:
        document["vulnerabilities"] = vulnerability_entries(evidence.vulnerabilities, inventory)
    return document


def _subject(subject: Subject, inventory: Inventory | None, stamp: Stamp) -> dict[str, Any]:
    algorithm, _, content = subject.digest.partition(":")
    entry: dict[str, Any] = {
        "type": _SUBJECT_TYPES[subject.kind],
        "bom-ref": subject.digest,
        "name": stamp.name,
        "version": subject.digest,
    }
    if algorithm in _HASHES:
        entry["hashes"] = [{"alg": _HASHES[algorithm], "content": content}]
    known: dict[str, str] = {}
    if subject.platform:
        known["sealmark:platform"] = subject.platform
    if inventory:
        known |= layer_properties(inventory.layers) | problem_properties(inventory.errors)
        known |= base_properties(inventory.base)
    if known:
        entry["properties"] = _properties(known)
    return entry


def _components(inventory: Inventory) -> list[dict[str, Any]]:
    entries = [_system(inventory.operating_system)] if inventory.operating_system else []
    references: set[str] = set()
    for component in inventory.components:
        if component.purl not in references:
            references.add(component.purl)
            entries.append(_component(component, inventory.layers))
    return entries


def _system(system: OperatingSystem) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "operating-system",
        "bom-ref": f"os:{system.id}@{system.version_id}",
        "name": system.id,
    }
    optional = {
        "version": system.version_id,
        "description": system.name,
        "properties": _properties(system_properties(system)),
    }
    return entry | {key: value for key, value in optional.items() if value}


def _component(component: Component, layers: Sequence[Layer]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "library",
        "bom-ref": component.purl,
        "name": component.name,
        "version": component.version,
        "purl": component.purl,
    }
    if component.supplier:
        entry["supplier"] = {"name": component.supplier}
    known = component_properties(component)
    if component.licenses:
        entry["licenses"], exact = _licences(component.licenses)
        if not exact:
            known |= licence_properties(component.licenses)
    if component.locations:
        found = [_occurrence(location, layers) for location in component.locations]
        entry["evidence"] = {"occurrences": found}
    entry["properties"] = _properties(known)
    return entry


def _licences(stated: Sequence[str]) -> tuple[list[dict[str, Any]], bool]:
    """Return licence entries, and whether they say literally what the package said.

    An expression may only stand alone; among others it is given by name.
    """
    spdx = [spdx_expression(text) for text in stated]
    exact = list(stated) == [one or text for one, text in zip(spdx, stated, strict=True)]
    if len(stated) == 1 and spdx[0] and not is_single(spdx[0]):
        return [{"expression": spdx[0]}], exact
    entries = []
    for text, expression in zip(stated, spdx, strict=True):
        single = expression if expression and is_single(expression) else None
        entries.append({"license": {"id": single} if single else {"name": text}})
    return entries, exact


def _occurrence(location: Location, layers: Sequence[Layer]) -> dict[str, Any]:
    if location.layer is None:
        return {"location": location.path}
    digest = layers[location.layer].digest if location.layer < len(layers) else "?"
    return {"location": location.path, "additionalContext": f"layer {location.layer} {digest}"}


def _completeness(subject: Subject, inventory: Inventory) -> dict[str, Any]:
    """Say that the list is not whole where something was unreadable, and never that it is."""
    known = "incomplete" if inventory.errors else "unknown"
    return {"aggregate": known, "assemblies": [subject.digest]}


def _properties(known: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in known.items()]
