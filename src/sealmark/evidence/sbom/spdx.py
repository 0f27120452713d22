"""SPDX 2.3 JSON (the successor of ISO/IEC 5962:2021) from evidence."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from sealmark.evidence.sbom.licences import is_single, licence_reference, spdx_expression
from sealmark.evidence.sbom.properties import (
    base_properties,
    component_properties,
    layer_properties,
    licence_properties,
    location_properties,
    problem_properties,
    system_properties,
)
from sealmark.evidence.sbom.stamp import TOOL, document_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealmark.evidence.component import Component, OperatingSystem
    from sealmark.evidence.document import Evidence
    from sealmark.evidence.inventory import Inventory
    from sealmark.evidence.sbom.stamp import Stamp

ANNOTATION = "sealmark:properties "
"""What the comment of our annotation begins with; a JSON object of strings follows."""

_DOCUMENT = "SPDXRef-DOCUMENT"
_SUBJECT = "SPDXRef-Subject"
_PURPOSES = {"image": "CONTAINER", "rootfs": "OTHER", "sbom": "OTHER"}
_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9.-]+")


def spdx(evidence: Evidence, stamp: Stamp) -> dict[str, Any]:
    """Return the bill of materials. SPDX 2.3 has no place for vulnerabilities.

    The namespace follows from the subject, so that the same image gives the same document.
    """
    inventory = evidence.inventory
    writer = _Writer(stamp)
    packages = [writer.subject(evidence)]
    if inventory is not None:
        if inventory.operating_system is not None:
            packages.append(writer.system(inventory.operating_system))
        unique = {component.purl: component for component in inventory.components}
        packages.extend(writer.component(component) for component in unique.values())
    document: dict[str, Any] = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": stamp.name or evidence.subject.digest,
        "documentNamespace": f"urn:uuid:{document_id(evidence.subject, 'spdx')}",
        "creationInfo": {"created": stamp.made_at, "creators": [writer.tool]},
        "packages": packages,
        "relationships": _relationships(packages),
    }
    if writer.extracted:
        document["hasExtractedLicensingInfos"] = [
            {"licenseId": reference, "extractedText": text, "name": text}
            for reference, text in writer.extracted.items()
        ]
    return document


def _relationships(packages: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    def related(left: str, kind: str, right: str) -> dict[str, str]:
        return {
            "spdxElementId": left,
            "relationshipType": kind,
            "relatedSpdxElement": right,
        }

    contained = [related(_SUBJECT, "CONTAINS", package["SPDXID"]) for package in packages[1:]]
    return [related(_DOCUMENT, "DESCRIBES", _SUBJECT), *contained]


class _Writer:
    """Makes packages, and remembers the licence texts they refer to."""

    def __init__(self, stamp: Stamp) -> None:
        self.tool = f"Tool: {TOOL}-{stamp.tool_version}"
        self.extracted: dict[str, str] = {}
        self._stamp = stamp

    def subject(self, evidence: Evidence) -> dict[str, Any]:
        subject, inventory = evidence.subject, evidence.inventory
        package = _package(_SUBJECT, self._stamp.name or subject.digest, subject.digest)
        package["primaryPackagePurpose"] = _PURPOSES[subject.kind]
        algorithm, _, content = subject.digest.partition(":")
        if algorithm in {"sha256", "sha512"}:
            checksum = {"algorithm": algorithm.upper(), "checksumValue": content}
            package["checksums"] = [checksum]
        known = {"sealmark:platform": subject.platform} if subject.platform else {}
        known |= _subject_properties(inventory) if inventory else {}
        if known:
            package["annotations"] = [self._annotation(known)]
        return package

    def system(self, system: OperatingSystem) -> dict[str, Any]:
        package = _package("SPDXRef-OperatingSystem", system.id, system.version_id)
        package["primaryPackagePurpose"] = "OPERATING-SYSTEM"
        if system.name:
            package["summary"] = system.name
        known = system_properties(system)
        if known:
            package["annotations"] = [self._annotation(known)]
        return package

    def component(self, component: Component) -> dict[str, Any]:
        package = _package(_identifier(component), component.name, component.version)
        package["externalRefs"] = [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": component.purl,
            }
        ]
        supplier = " ".join(component.supplier.split()) if component.supplier else ""
        if supplier:
            package["supplier"] = f"Organization: {supplier}"
        if component.source:
            source = component.source
            package["sourceInfo"] = f"built package from: {source.name} {source.version}"
        known = component_properties(component) | location_properties(component.locations)
        stated = [text for text in component.licenses if text.strip()]
        if stated:
            package["licenseDeclared"] = self._declared(stated)
            known |= licence_properties(stated)
        package["annotations"] = [self._annotation(known)]
        return package

    def _declared(self, stated: Sequence[str]) -> str:
        """Join what a package states; SPDX 2.3, annex D: AND means that all of them apply."""
        terms = []
        for text in stated:
            expression = spdx_expression(text)
            if expression is None or "LicenseRef-" in expression:
                expression = licence_reference(text)
                self.extracted[expression] = text
            is_alone = len(stated) == 1 or is_single(expression) or " " not in expression
            terms.append(expression if is_alone else f"({expression})")
        return " AND ".join(dict.fromkeys(terms))

    def _annotation(self, known: Mapping[str, str]) -> dict[str, str]:
        return {
            "annotationDate": self._stamp.made_at,
            "annotationType": "OTHER",
            "annotator": self.tool,
            "comment": ANNOTATION + json.dumps(known, ensure_ascii=False),
        }


def _subject_properties(inventory: Inventory) -> dict[str, str]:
    known = layer_properties(inventory.layers) | problem_properties(inventory.errors)
    return known | base_properties(inventory.base)


def _package(identifier: str, name: str, version: str) -> dict[str, Any]:
    package: dict[str, Any] = {
        "SPDXID": identifier,
        "name": name,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    }
    if version:
        package["versionInfo"] = version
    return package


def _identifier(component: Component) -> str:
    """Return a readable identifier that is the same in every document with this component."""
    readable = _NOT_IN_AN_ID.sub("-", f"{component.type}-{component.name}")[:60].strip("-")
    digest = hashlib.sha256(component.purl.encode("utf-8", "surrogatepass")).hexdigest()
    return f"SPDXRef-{readable}-{digest[:12]}"
