from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from tests.support.answers import ALLOWED, CURL, IMAGE, INVENTORY, REFUSED, SUBJECT, answer, hole
from tests.support.hostile import HOSTILE, hostile_answer
from tests.support.schemas import errors, sarif_validator

from sealmark.cli.render import render_decision
from sealmark.cli.render.sarif import message

if TYPE_CHECKING:
    from sealmark.evidence.document import Evidence
    from sealmark.gate.ask import Answer

PEER = Path(__file__).resolve().parents[3] / ".peers" / "bin" / "go-sarif"


def run_of(given_answer: Answer, image: str = IMAGE) -> dict[str, Any]:
    log = json.loads(render_decision("sarif", given_answer, image))
    (run,) = log["runs"]
    found: dict[str, Any] = run
    return found


RUN = run_of(answer(REFUSED))


def test_a_result_says_what_is_wrong_where_and_what_to_do() -> None:
    result = dict(RUN["results"][0])
    assert re.fullmatch(r"[0-9a-f]{32}:1", result.pop("partialFingerprints")["sealmark/v1"])
    assert result == {
        "ruleId": "no-known-exploited",
        "ruleIndex": 0,
        "level": "error",
        "kind": "fail",
        "message": {
            "text": "lodash 4.17.20 is affected by CVE-2021-23337, which is known to be exploited; "
            "fixed in 4.17.21. To do: upgrade lodash 4.17.20 to 4.17.21."
        },
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "srv/node_modules/lodash/package.json"},
                    "region": {"startLine": 1},
                },
                "logicalLocations": [
                    {"fullyQualifiedName": "pkg:npm/lodash@4.17.20", "kind": "module"}
                ],
                "message": {"text": "RUN apt-get install curl && npm ci"},
            }
        ],
        "properties": {
            "subject": "CVE-2021-23337",
            "layer": INVENTORY.layers[1].digest,
            "instruction": "RUN apt-get install curl && npm ci",
        },
    }


def test_a_rule_is_a_control_in_its_own_words() -> None:
    assert RUN["tool"]["driver"]["rules"][2] == {
        "id": "not-root",
        "shortDescription": {"text": "The image does not run as root"},
        "fullDescription": {
            "text": "Root in the container is one kernel bug or one mount away from root outside."
        },
        "help": {
            "text": "Root in the container is one kernel bug or one mount away from root outside. "
            "Add a numeric USER to the Dockerfile, for example `USER 65532:65532`."
        },
        "defaultConfiguration": {"level": "error"},
    }
    for result in RUN["results"]:
        assert RUN["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_what_is_not_known_is_an_open_result() -> None:
    last = RUN["results"][-1]
    assert (last["ruleId"], last["kind"], last["level"]) == ("advisories-fresh", "open", "none")


def test_the_verdict_and_the_proof_are_with_the_run() -> None:
    assert RUN["properties"]["verdict"] == "deny"
    assert RUN["properties"]["ledgerIndex"] == 41


def test_an_allowed_image_has_no_results_which_closes_old_ones() -> None:
    assert run_of(answer(ALLOWED))["results"] == []


def fingerprints(evidence: Evidence) -> list[str]:
    results = run_of(answer(evidence))["results"]
    return [result["partialFingerprints"]["sealmark/v1"] for result in results]


def test_a_fingerprint_outlives_a_rebuild_and_a_version_that_fixes_nothing() -> None:
    rebuilt = msgspec.structs.replace(SUBJECT, digest="sha256:" + "f" * 64)
    assert fingerprints(msgspec.structs.replace(REFUSED, subject=rebuilt)) == fingerprints(REFUSED)
    newer = CURL.purl.replace("7.88.1-10", "7.88.1-11")
    assert REFUSED.inventory is not None
    assert REFUSED.vulnerabilities is not None
    upgraded = msgspec.structs.replace(
        REFUSED,
        inventory=msgspec.structs.replace(
            REFUSED.inventory,
            components=tuple(
                msgspec.structs.replace(c, purl=newer) if c == CURL else c
                for c in REFUSED.inventory.components
            ),
        ),
        vulnerabilities=msgspec.structs.replace(
            REFUSED.vulnerabilities,
            findings=tuple(
                hole(msgspec.structs.replace(CURL, purl=newer), f.id, f.fixed_in)
                if f.component == CURL.purl
                else f
                for f in REFUSED.vulnerabilities.findings
            ),
        ),
    )
    assert fingerprints(upgraded) == fingerprints(REFUSED)
    assert len(set(fingerprints(REFUSED))) == len(fingerprints(REFUSED))


def test_what_sarif_gives_a_meaning_in_messages_is_escaped() -> None:
    assert message("[x](http://evil) {0} \\") == "\\[x\\](http://evil) {{0}} \\\\"


@pytest.mark.peers
@pytest.mark.parametrize("evidence", [REFUSED, ALLOWED], ids=["refused", "allowed"])
def test_the_log_is_valid_by_the_official_schema(evidence: Evidence) -> None:
    log = json.loads(render_decision("sarif", answer(evidence), IMAGE))
    assert errors(sarif_validator(), log) == []


@pytest.mark.peers
@settings(max_examples=50, deadline=None)
@given(HOSTILE)
def test_no_text_from_an_image_makes_the_log_invalid(text: str) -> None:
    log = json.loads(render_decision("sarif", hostile_answer(text), text))
    assert errors(sarif_validator(), log) == []


@pytest.mark.peers
def test_another_implementation_reads_as_many_results() -> None:
    if not PEER.exists():
        pytest.skip("go-sarif is not built: run `make peers`")
    log = render_decision("sarif", answer(REFUSED), IMAGE)
    read = subprocess.run([PEER], input=log, capture_output=True, text=True)
    assert (read.stdout.strip(), read.stderr) == (str(len(RUN["results"])), "")
