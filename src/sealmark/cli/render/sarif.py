"""SARIF 2.1.0 (OASIS), as code-scanning dashboards read it: a rule per control, a result per item.

An unknown is a result of kind `open`: the rule was evaluated, and what is known does not suffice
to decide (SARIF 2.1.0, 3.27.9). Such a result has level `none` by the same section.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sealmark.cli.render.controls import words_of
from sealmark.cli.render.json_document import indented
from sealmark.cli.render.text import printable
from sealmark.cli.render.view import tool_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealmark.cli.render.view import View
    from sealmark.decision import Reason, Where

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
FINGERPRINT = "sealmark/v1"
_LEVELS = {"deny": "error", "warn": "warning", "unknown": "none"}


def render(view: View) -> str:
    """Return the log with one run."""
    judgement = view.decision.judgement
    reasons = (*judgement.reasons, *judgement.unknowns)
    controls = tuple(dict.fromkeys(reason.control for reason in reasons))
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "Sealmark",
                "version": tool_version(),
                "rules": [_rule(control) for control in controls],
            }
        },
        "automationDetails": {"id": f"sealmark/{quote(view.image, safe='/:@', errors='replace')}"},
        "invocations": [_invocation(view)],
        "results": list(_results(reasons, controls, view.image)),
        "columnKind": "unicodeCodePoints",
        "properties": _about(view),
    }
    return indented({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(control: str) -> dict[str, Any]:
    words = words_of(control)
    rule: dict[str, Any] = {"id": words.id, "shortDescription": {"text": message(words.title)}}
    if words.rationale:
        rule["fullDescription"] = {"text": message(words.rationale)}
    if words.remedy:
        rule["help"] = {"text": message(f"{words.rationale} {words.remedy}")}
    return rule | {"defaultConfiguration": {"level": "error"}}


def _invocation(view: View) -> dict[str, Any]:
    invocation: dict[str, Any] = {
        "executionSuccessful": not view.decision.judgement.errors,
        "endTimeUtc": view.decision.asked.at,
    }
    if view.decision.judgement.errors:
        invocation["toolExecutionNotifications"] = [
            {"level": "error", "message": {"text": message(error)}}
            for error in view.decision.judgement.errors
        ]
    return invocation


def _about(view: View) -> dict[str, Any]:
    judgement = view.decision.judgement
    about = {
        "verdict": judgement.verdict,
        "subject": judgement.subject.digest,
        "platform": judgement.subject.platform,
        "validUntil": judgement.valid_until,
        "ledgerIndex": view.index,
    }
    return {key: value for key, value in about.items() if value is not None}


def _results(
    reasons: Sequence[Reason], controls: Sequence[str], image: str
) -> Iterator[dict[str, Any]]:
    seen: dict[str, int] = {}
    for reason in reasons:
        fingerprint = _fingerprint(reason)
        seen[fingerprint] = seen.get(fingerprint, 0) + 1
        result: dict[str, Any] = {
            "ruleId": reason.control,
            "ruleIndex": controls.index(reason.control),
            "level": _LEVELS[reason.effect],
            "kind": "open" if reason.effect == "unknown" else "fail",
            "message": {"text": message(_words(reason))},
            "locations": [_location(reason.where, image)],
            "partialFingerprints": {FINGERPRINT: f"{fingerprint}:{seen[fingerprint]}"},
        }
        about = {"subject": reason.subject_id, **_layer(reason.where)}
        if any(about.values()):
            result["properties"] = {name: text for name, text in about.items() if text}
        yield result


def _layer(where: Where | None) -> dict[str, str | None]:
    return {"layer": where.layer, "instruction": where.instruction} if where else {}


def _words(reason: Reason) -> str:
    text = reason.message.rstrip(".") + "."
    return f"{text} To do: {reason.remedy.text}." if reason.remedy else text


def _location(where: Where | None, image: str) -> dict[str, Any]:
    """Point at the file inside the image; dashboards drop results without a place."""
    path = (where.file if where else None) or image
    uri = quote(path.lstrip("/"), safe="/", errors="replace") or "."
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 1}}
    }
    if where is not None and where.component:
        name = printable(where.component)
        location["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "module"}]
    if where is not None and where.instruction:
        location["message"] = {"text": message(where.instruction)}
    return location


def _fingerprint(reason: Reason) -> str:
    """Return what stays the same while the problem does: not the version, not the layer."""
    where = reason.where
    component = (where.component or "").partition("?")[0] if where else ""
    head, at, _ = component.rpartition("@")
    parts = (
        reason.control,
        reason.subject_id or "",
        head if at else component,
        (where.file or "") if where else "",
    )
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def message(text: str) -> str:
    """Escape what SARIF gives a meaning in messages: placeholders and links (3.11.5, 3.11.6)."""
    plain = printable(text).replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    return plain.replace("{", "{{").replace("}", "}}")
