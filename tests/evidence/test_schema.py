from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from tests.support.bom import EVIDENCE
from tests.support.growth import taken_back

from sealmark.evidence.schema import evidence_schema
from tools import reference

BASELINE = Path(__file__).parent / "baseline"
PUBLISHED = reference.DOCS / "schema"
SCHEMAS = {
    "evidence-v1.schema.json": evidence_schema,
    "decision-v1.schema.json": reference.decision_schema,
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_schema_is_what_the_code_encodes(name: str) -> None:
    published = (PUBLISHED / name).read_text(encoding="utf-8")
    assert published == reference.schema_text(SCHEMAS[name]()), "run `make docs`"


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_schema_only_ever_grows(name: str) -> None:
    before = json.loads((BASELINE / name).read_text(encoding="utf-8"))
    assert taken_back(before, json.loads((PUBLISHED / name).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schema_is_a_schema(name: str) -> None:
    jsonschema_rs.meta.validate(SCHEMAS[name]())


def test_evidence_as_we_encode_it_is_valid_and_other_things_are_not() -> None:
    validator = jsonschema_rs.validator_for(evidence_schema())
    document = json.loads(msgspec.json.encode(EVIDENCE))
    assert validator.is_valid(document)
    document["inventory"]["components"][0]["version"] = 7
    assert not validator.is_valid(document)


def test_a_definition_is_described_in_the_words_of_the_code() -> None:
    component = evidence_schema()["$defs"]["Component"]
    assert component["description"].startswith("A package with a name, a version and the place")


def changed(change: Any) -> list[str]:
    before = evidence_schema()
    after = copy.deepcopy(before)
    change(after["$defs"])
    return taken_back(before, after)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda d: d.pop("Layer"), "Layer: removed"),
        (lambda d: d["Layer"]["properties"].pop("size"), "Layer.size: removed"),
        (lambda d: d["Layer"]["required"].append("added"), "Layer.added: newly required"),
        (
            lambda d: d["Component"]["properties"].update(supplier={"type": "string"}),
            "Component.supplier: another default, so that leaving it out means something else",
        ),
        (
            lambda d: d["Feed"]["properties"]["name"].update(type="integer"),
            "Feed.name: no longer string",
        ),
        (
            lambda d: d["Vulnerability"]["properties"]["status"]["enum"].remove("unknown"),
            "Vulnerability.status: no longer 'unknown'",
        ),
        (lambda d: d["Layer"].update(additionalProperties=False), "Layer: no longer open"),
    ],
)
def test_what_would_break_a_reader_is_noticed(change: Any, problem: str) -> None:
    assert problem in changed(change)


def test_a_new_optional_property_breaks_nobody() -> None:
    assert changed(lambda d: d["Layer"]["properties"].update(new={"type": "string"})) == []
