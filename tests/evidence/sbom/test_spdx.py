from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.bom import BABEL, EVIDENCE, LIBSSL, PYYAML, STAMP, SUBJECT
from tests.support.large import large_inventory

from sealmark.evidence.document import Evidence
from sealmark.evidence.inventory import Inventory
from sealmark.evidence.sbom.spdx import spdx

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = spdx(EVIDENCE, STAMP)


def complaints(document: dict[str, Any], folder: Path) -> list[str]:
    """Read and validate a document as the SPDX project's own library does."""
    pytest.importorskip("spdx_tools", reason="needs spdx-tools, the reference implementation")
    from spdx_tools.spdx.parser.json import json_parser
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    path = folder / "document.spdx.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    parsed = json_parser.parse_from_file(str(path))
    return [m.validation_message for m in validate_full_spdx_document(parsed, "SPDX-2.3")]


def package(purl: str, document: dict[str, Any] = DOCUMENT) -> dict[str, Any]:
    return next(
        package
        for package in document["packages"]
        if any(r["referenceLocator"] == purl for r in package.get("externalRefs", ()))
    )


def test_the_reference_implementation_reads_the_document_and_finds_nothing_wrong(
    tmp_path: Path,
) -> None:
    assert complaints(DOCUMENT, tmp_path) == []


def test_evidence_without_an_inventory_is_still_a_valid_document(tmp_path: Path) -> None:
    assert complaints(spdx(Evidence(subject=SUBJECT), STAMP), tmp_path) == []


def test_the_document_describes_the_image_and_the_image_contains_the_packages() -> None:
    first, *rest = DOCUMENT["relationships"]
    assert first == {
        "spdxElementId": "SPDXRef-DOCUMENT",
        "relationshipType": "DESCRIBES",
        "relatedSpdxElement": "SPDXRef-Subject",
    }
    assert {r["relationshipType"] for r in rest} == {"CONTAINS"}
    assert [r["relatedSpdxElement"] for r in rest] == [
        package["SPDXID"] for package in DOCUMENT["packages"][1:]
    ]
    assert DOCUMENT["packages"][0]["checksums"] == [
        {"algorithm": "SHA256", "checksumValue": "a" * 64}
    ]


def test_a_package_names_its_source_package_and_its_supplier() -> None:
    found = package(LIBSSL.purl)
    assert found["sourceInfo"] == "built package from: openssl 3.0.8-1"
    assert found["supplier"].startswith("Organization: Debian OpenSSL Team")
    assert found["versionInfo"] == "1:3.0.8-1+deb12u1"


def test_licences_spdx_knows_are_expressions_and_others_are_quoted() -> None:
    assert package(PYYAML.purl)["licenseDeclared"] == "MIT OR Apache-2.0"
    assert package(BABEL.purl)["licenseDeclared"] == "MIT"
    declared = package(LIBSSL.purl)["licenseDeclared"]
    reference = declared.removeprefix("Apache-2.0 AND ")
    assert reference.startswith("LicenseRef-OpenSSL-licence")
    texts = {i["licenseId"]: i["extractedText"] for i in DOCUMENT["hasExtractedLicensingInfos"]}
    assert texts[reference] == "OpenSSL licence, as found in the tarball"


def test_the_same_image_gives_the_same_document_every_time() -> None:
    assert spdx(EVIDENCE, STAMP) == DOCUMENT


@settings(max_examples=30, deadline=None)
@given(st.text(min_size=1), st.text(min_size=1), st.lists(st.text(), max_size=3).map(tuple))
def test_no_text_in_a_package_makes_the_document_invalid(
    tmp_path_factory: pytest.TempPathFactory, name: str, supplier: str, licences: tuple[str, ...]
) -> None:
    hostile = msgspec.structs.replace(LIBSSL, name=name, supplier=supplier, licenses=licences)
    evidence = Evidence(subject=SUBJECT, inventory=Inventory(components=(hostile,)))
    assert complaints(spdx(evidence, STAMP), tmp_path_factory.mktemp("spdx")) == []


def test_three_thousand_packages_take_no_time_to_speak_of() -> None:
    evidence = Evidence(subject=SUBJECT, inventory=large_inventory(3000))
    spdx(evidence, STAMP)
    started = time.perf_counter()
    spdx(evidence, STAMP)
    assert time.perf_counter() - started < 0.5  # about 0.04 s on an idle machine
