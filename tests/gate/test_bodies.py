"""What the ledger keeps says what it is, so that it can be read years later without us."""

from __future__ import annotations

import json

import msgspec
from tests.support.bom import EVIDENCE

from sealmark.decision import Question
from sealmark.evidence.document import Evidence, EvidencePart, Subject
from sealmark.evidence.settings import Settings
from sealmark.gate.ask import evidence_bodies
from sealmark.gate.entry import refusal_entry

WHOLE = msgspec.structs.replace(EVIDENCE, settings=Settings(user="1", runs_as_root=False))


def test_every_kept_part_of_the_evidence_names_its_schema() -> None:
    bodies = dict(evidence_bodies(WHOLE))
    assert set(bodies) == {"inventory", "settings", "vulnerabilities"}
    for kind, body in bodies.items():
        assert set(json.loads(body)) == {"schema", kind}
        assert json.loads(body)["schema"] == "sealmark/evidence/v1"


def test_the_kept_parts_together_are_the_evidence() -> None:
    again = Evidence(subject=WHOLE.subject)
    for kind, body in evidence_bodies(WHOLE):
        part = getattr(msgspec.json.decode(body, type=EvidencePart), kind)
        again = msgspec.structs.replace(again, **{kind: part})
    assert again == WHOLE


def test_equal_parts_are_equal_bodies_whatever_they_are_about() -> None:
    other = msgspec.structs.replace(WHOLE, subject=Subject(kind="sbom", digest="sha256:0"))
    assert dict(evidence_bodies(other)) == dict(evidence_bodies(WHOLE))


def test_what_was_not_looked_at_is_not_kept() -> None:
    assert list(evidence_bodies(Evidence(subject=WHOLE.subject))) == []


def test_evidence_encoded_by_itself_names_its_schema() -> None:
    assert json.loads(msgspec.json.encode(WHOLE))["schema"] == "sealmark/evidence/v1"


def test_a_refusal_states_its_verdict() -> None:
    asked = Question(gate="cli", action="check", actor="a", at="2026-11-25T00:00:00Z")
    stated = json.loads(msgspec.json.encode(refusal_entry(asked, "why")))
    assert (stated["verdict"], stated["schema"]) == ("deny", "sealmark/entry/refusal/v1")
