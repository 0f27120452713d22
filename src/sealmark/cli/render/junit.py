"""JUnit XML, as CI systems read it: a test case per control, a failure per reason.

What is not known is an `error`: the test could not be carried out, and the build should not pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from sealmark.cli.render.controls import asked_controls, words_of
from sealmark.cli.render.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealmark.cli.render.view import View
    from sealmark.decision import Reason

_QUOTES = {'"': "&quot;", "'": "&apos;"}
_ELEMENTS = {"deny": "failure", "unknown": "error"}


def render(view: View) -> str:
    """Return one test suite."""
    judgement = view.decision.judgement
    reasons = (*judgement.reasons, *judgement.unknowns)
    reported = tuple(reason.control for reason in reasons)
    controls = asked_controls(reported, signed=view.evidence.signatures is not None)
    cases = [_case([r for r in reasons if r.control == control], control) for control in controls]
    failed = {reason.control for reason in reasons if reason.effect == "deny"}
    undecided = {reason.control for reason in reasons if reason.effect == "unknown"}
    suite = {
        "name": f"sealmark {view.image}",
        "tests": str(len(cases) + len(judgement.errors)),
        "failures": str(len(failed)),
        "errors": str(len(undecided - failed) + len(judgement.errors)),
        "timestamp": view.decision.asked.at.removesuffix("Z"),
    }
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            "<testsuites>",
            f"  <testsuite{_attributes(suite)}>",
            *_properties(view),
            *cases,
            *(_broken(error) for error in judgement.errors),
            "  </testsuite>",
            "</testsuites>\n",
        ]
    )


def _properties(view: View) -> Iterator[str]:
    judgement = view.decision.judgement
    known = {
        "verdict": judgement.verdict,
        "subject": judgement.subject.digest,
        "ledger.index": "" if view.index is None else str(view.index),
        "valid.until": judgement.valid_until or "",
    }
    yield "    <properties>"
    for name, value in known.items():
        if value:
            yield f"      <property{_attributes({'name': name, 'value': value})}/>"
    yield "    </properties>"


def _case(reasons: Sequence[Reason], control: str) -> str:
    words = words_of(control)
    case = f"    <testcase{_attributes({'classname': control, 'name': words.title})}"
    inside = [_element(reason) for reason in reasons if reason.effect in _ELEMENTS]
    warnings = [reason.message for reason in reasons if reason.effect not in _ELEMENTS]
    if warnings:
        inside.append(f"      <system-out>{_content(warnings)}</system-out>")
    return "\n".join([f"{case}>", *inside, "    </testcase>"]) if inside else f"{case}/>"


def _element(reason: Reason) -> str:
    name = _ELEMENTS[reason.effect]
    attributes = _attributes({"message": reason.message, "type": reason.effect})
    where = reason.where
    lines = [
        f"To do: {reason.remedy.text}" if reason.remedy else "",
        f"Component: {where.component}" if where and where.component else "",
        f"File: {where.file}" if where and where.file else "",
        f"Layer: {where.layer}" if where and where.layer else "",
        f"Instruction: {where.instruction}" if where and where.instruction else "",
    ]
    return f"      <{name}{attributes}>{_content([line for line in lines if line])}</{name}>"


def _broken(error: str) -> str:
    case = _attributes({"classname": "sealmark", "name": "the policy could be evaluated"})
    return f"    <testcase{case}>\n      <error{_attributes({'message': error})}/>\n    </testcase>"


def _attributes(values: dict[str, str]) -> str:
    return "".join(
        f' {name}="{escape(printable(value), _QUOTES)}"' for name, value in values.items()
    )


def _content(lines: Sequence[str]) -> str:
    return "\n".join(escape(printable(line)) for line in lines)
