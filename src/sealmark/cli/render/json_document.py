"""The answer as one JSON object: `decision` and `evidence` as their schemas say, and `ledger`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from sealmark.cli.render.view import EvidenceView, View


_FOREIGN = re.compile(r"[^\n -~]")


def render(view: View) -> str:
    """Return the decision, the evidence behind it, and the ledger's index of the decision."""
    document = {
        "schema": "sealmark/answer/v1",
        "decision": view.decision,
        "evidence": view.evidence,
        "ledger": {"index": view.index},
    }
    return indented(document)


def render_evidence(view: EvidenceView) -> str:
    """Return the evidence."""
    return indented(view.evidence)


def indented(value: Any) -> str:
    """Return JSON for people and programs, with a newline at its end.

    What commands a terminal or turns the direction of text is escaped; it means the same.
    """
    text = msgspec.json.format(_encoded(value), indent=2).decode()
    return _FOREIGN.sub(_escaped, text) + "\n"


def _escaped(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]


def _encoded(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        # A reference on the command line need not be text; half a character becomes "?".
        return json.dumps(msgspec.to_builtins(value), ensure_ascii=False).encode("utf-8", "replace")
