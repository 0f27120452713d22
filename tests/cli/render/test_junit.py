from __future__ import annotations

import xml.etree.ElementTree as ET

import msgspec
from hypothesis import given, settings
from tests.support.answers import ALLOWED, IMAGE, INVENTORY, REFUSED, answer
from tests.support.hostile import HOSTILE, hostile_answer

from sealmark.cli.render import render_decision
from sealmark.gate.ask import Answer


def suite_of(given_answer: Answer, image: str = IMAGE) -> ET.Element:
    root = ET.fromstring(render_decision("junit", given_answer, image))
    suite = root.find("testsuite")
    assert suite is not None
    return suite


def test_a_test_case_is_a_control_and_a_failure_is_a_reason() -> None:
    suite = suite_of(answer(REFUSED))
    assert {
        str(case.get("classname")): [child.tag for child in case] for case in suite.iter("testcase")
    } == {
        "no-malicious-packages": [],
        "no-known-exploited": ["failure"],
        "no-fixable-vulnerabilities": ["failure"] * 5,
        "not-root": ["failure"],
        "no-secrets-in-configuration": [],
        "not-end-of-life": [],
        "advisories-fresh": ["error"],
        "inventory-complete": [],
    }
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("8", "3", "1")


def test_a_failure_says_what_to_do_and_where() -> None:
    failure = suite_of(answer(REFUSED)).find("testcase[@classname='no-known-exploited']/failure")
    assert failure is not None
    assert failure.get("message") == (
        "lodash 4.17.20 is affected by CVE-2021-23337, which is known to be exploited; "
        "fixed in 4.17.21"
    )
    assert failure.text == (
        "To do: upgrade lodash 4.17.20 to 4.17.21\n"
        "Component: pkg:npm/lodash@4.17.20\n"
        "File: /srv/node_modules/lodash/package.json\n"
        f"Layer: {INVENTORY.layers[1].digest}\n"
        "Instruction: RUN apt-get install curl && npm ci"
    )


def test_an_allowed_image_is_all_passed() -> None:
    suite = suite_of(answer(ALLOWED))
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")


def test_an_error_of_the_policy_fails_the_build() -> None:
    given_answer = answer(ALLOWED)
    judgement = msgspec.structs.replace(
        given_answer.decision.judgement, verdict="deny", errors=("control x failed: <Bang>",)
    )
    decision = msgspec.structs.replace(given_answer.decision, judgement=judgement)
    suite = suite_of(Answer(decision, given_answer.evidence, 41))
    error = suite.find("testcase[@classname='sealmark']/error")
    assert error is not None
    assert error.get("message") == "control x failed: <Bang>"
    assert suite.get("errors") == "1"


@settings(deadline=None)
@given(HOSTILE)
def test_whatever_an_image_holds_the_document_is_well_formed_and_has_the_same_cases(
    text: str,
) -> None:
    suite = suite_of(hostile_answer(text), text)
    assert len(list(suite.iter("testcase"))) == 8
    assert {child.tag for case in suite.iter("testcase") for child in case} == {"failure", "error"}
