from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.bom import BABEL, EVIDENCE, INVENTORY, LIBSSL, PYYAML, STAMP, SUBJECT
from tests.support.large import large_inventory
from tests.support.schemas import cyclonedx_validator, errors

from sealmark.evidence.document import Evidence, Subject
from sealmark.evidence.inventory import Inventory
from sealmark.evidence.sbom.cyclonedx import cyclonedx

DOCUMENT = cyclonedx(EVIDENCE, STAMP)


def entry(purl: str, document: dict[str, Any] = DOCUMENT) -> dict[str, Any]:
    found: dict[str, Any] = next(c for c in document["components"] if c.get("purl") == purl)
    return found


def test_the_document_is_valid_by_the_official_schema() -> None:
    assert errors(cyclonedx_validator("1.6"), DOCUMENT) == []


def test_another_implementation_reads_the_same_components() -> None:
    bom = pytest.importorskip("cyclonedx.model.bom", reason="needs cyclonedx-python-lib")
    read = bom.Bom.from_json(DOCUMENT)
    assert {str(c.purl.name) for c in read.components if c.purl} == {
        "core", "libssl3", "pyyaml", "shop",
    }  # fmt: skip
    assert {v.id for v in read.vulnerabilities} == {
        "CVE-2020-14343", "CVE-2023-0464", "CVE-2024-1",
    }  # fmt: skip


def test_evidence_without_an_inventory_is_still_a_valid_document() -> None:
    document = cyclonedx(
        Evidence(subject=Subject(kind="rootfs", digest="sha256:" + "1" * 64)), STAMP
    )
    assert errors(cyclonedx_validator("1.6"), document) == []
    assert "components" not in document


def test_the_subject_is_the_image_with_its_digest() -> None:
    subject = DOCUMENT["metadata"]["component"]
    assert subject["type"] == "container"
    assert subject["name"] == "registry.example/shop:1.0"
    assert subject["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]


def test_a_component_says_what_it_is_and_where_it_was_found() -> None:
    assert entry(LIBSSL.purl) == {
        "type": "library",
        "bom-ref": LIBSSL.purl,
        "name": "libssl3",
        "version": "1:3.0.8-1+deb12u1",
        "purl": LIBSSL.purl,
        "supplier": {"name": LIBSSL.supplier},
        "licenses": [
            {"license": {"id": "Apache-2.0"}},
            {"license": {"name": "OpenSSL licence, as found in the tarball"}},
        ],
        "evidence": {
            "occurrences": [
                {
                    "location": "/var/lib/dpkg/status",
                    "additionalContext": f"layer 2 {INVENTORY.layers[2].digest}",
                }
            ]
        },
        "properties": [
            {"name": "sealmark:ecosystem", "value": "Debian:12"},
            {"name": "sealmark:source:name", "value": "openssl"},
            {"name": "sealmark:source:version", "value": "3.0.8-1"},
            {"name": "sealmark:architecture", "value": "amd64"},
            {"name": "sealmark:where:path", "value": "/var/lib/dpkg/status"},
            {"name": "sealmark:where:layer", "value": "0"},
        ],
    }


def test_a_licence_expression_stands_alone_and_a_sloppy_id_is_put_right() -> None:
    assert entry(PYYAML.purl)["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert entry(BABEL.purl)["licenses"] == [{"license": {"id": "MIT"}}]


def test_the_operating_system_is_a_component() -> None:
    assert DOCUMENT["components"][0]["type"] == "operating-system"
    assert DOCUMENT["components"][0]["name"] == "debian"
    assert DOCUMENT["components"][0]["version"] == "12"


def test_a_list_with_unreadable_files_behind_it_says_that_it_is_incomplete() -> None:
    whole = msgspec.structs.replace(INVENTORY, errors=())
    document = cyclonedx(msgspec.structs.replace(EVIDENCE, inventory=whole), STAMP)
    assert DOCUMENT["compositions"][0]["aggregate"] == "incomplete"
    assert document["compositions"][0]["aggregate"] == "unknown"


def test_vulnerabilities_say_what_is_affected_and_what_was_analysed() -> None:
    hole, cleared, undecided = DOCUMENT["vulnerabilities"]
    assert hole["affects"] == [
        {"ref": LIBSSL.purl, "versions": [{"version": LIBSSL.version, "status": "affected"}]}
    ]
    assert hole["recommendation"] == "Upgrade to 3.0.9-1"
    assert hole["ratings"][0]["method"] == "CVSSv31"
    assert "analysis" not in hole
    assert cleared["analysis"] == {
        "state": "not_affected",
        "detail": "PyYAML 6.0 is not below 5.4",
    }
    assert undecided["analysis"] == {"state": "in_triage"}


def test_the_same_image_gives_the_same_document_every_time() -> None:
    assert cyclonedx(EVIDENCE, STAMP) == DOCUMENT
    other = msgspec.structs.replace(
        EVIDENCE, subject=msgspec.structs.replace(SUBJECT, digest="sha256:" + "b" * 64)
    )
    assert cyclonedx(other, STAMP)["serialNumber"] != DOCUMENT["serialNumber"]


@settings(deadline=None)
@given(st.text(), st.text(min_size=1), st.lists(st.text(), max_size=3).map(tuple))
def test_no_text_in_a_package_makes_the_document_invalid(
    name: str, path: str, licences: tuple[str, ...]
) -> None:
    hostile = msgspec.structs.replace(
        LIBSSL, name=name, supplier=path, licenses=licences, architecture=path
    )
    evidence = Evidence(subject=SUBJECT, inventory=Inventory(components=(hostile,)))
    assert errors(cyclonedx_validator("1.6"), cyclonedx(evidence, STAMP)) == []


def test_three_thousand_components_are_valid_and_take_no_time_to_speak_of() -> None:
    evidence = Evidence(subject=SUBJECT, inventory=large_inventory(3000))
    cyclonedx(evidence, STAMP)
    started = time.perf_counter()
    document = cyclonedx(evidence, STAMP)
    taken = time.perf_counter() - started
    assert errors(cyclonedx_validator("1.6"), document) == []
    assert taken < 0.5  # about 0.03 s on an idle machine
