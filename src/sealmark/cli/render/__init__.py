"""Answers in the formats people and tools read: one file per format, one line in a table here.

A module is imported when its format is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

from sealmark.cli.render.text import Terminal
from sealmark.errors import UsageError

if TYPE_CHECKING:
    from sealmark.decision import Decision
    from sealmark.evidence.diff import Difference
    from sealmark.evidence.document import Evidence

# Each format with its module here and the function in it.
_DECISION = {
    "table": ("table", "render"),
    "json": ("json_document", "render"),
    "sarif": ("sarif", "render"),
    "junit": ("junit", "render"),
    "markdown": ("markdown", "render"),
    "cyclonedx": ("bom", "render_cyclonedx"),
    "spdx": ("bom", "render_spdx"),
}
_EVIDENCE = {
    "table": ("evidence_table", "render"),
    "json": ("json_document", "render_evidence"),
    "cyclonedx": ("bom", "render_cyclonedx"),
    "spdx": ("bom", "render_spdx"),
}
_DIFFERENCE = {
    "table": ("difference", "render_table"),
    "json": ("difference", "render_json"),
    "markdown": ("difference", "render_markdown"),
}

DECISION_FORMATS = tuple(_DECISION)
EVIDENCE_FORMATS = tuple(_EVIDENCE)
DIFFERENCE_FORMATS = tuple(_DIFFERENCE)


class Answered(Protocol):
    """What the gate answers."""

    @property
    def decision(self) -> Decision:
        """The decision."""
        ...

    @property
    def evidence(self) -> Evidence:
        """The evidence it rests on."""
        ...

    @property
    def index(self) -> int:
        """Where the ledger has it."""
        ...


def render_decision(
    style: str,
    answer: Answered,
    image: str,
    terminal: Terminal | None = None,
    *,
    everything: bool = False,
    home: str = "",
) -> str:
    """Return a decision in one of DECISION_FORMATS; `image` is the reference as asked for.

    `terminal` says how wide a table may be and whether it takes colour; without it the text is
    plain. `everything` asks the table to leave nothing out; `home` goes
    after the commands it names. Raises UsageError for another format.
    """
    from sealmark.cli.render.order import version_order
    from sealmark.cli.render.plan import plan
    from sealmark.cli.render.view import View

    render = _renderer(_DECISION, style)
    view = View(
        decision=answer.decision,
        evidence=answer.evidence,
        plan=plan(answer.decision.judgement, answer.evidence, version_order),
        image=image,
        index=answer.index,
        terminal=terminal or Terminal(),
        everything=everything,
        home=home,
    )
    return _text(render(view))


def render_evidence(
    style: str, evidence: Evidence, name: str, at: str, terminal: Terminal | None = None
) -> str:
    """Return evidence in one of EVIDENCE_FORMATS; `at` is now (RFC 3339, UTC).

    Raises UsageError for another format.
    """
    from sealmark.cli.render.view import EvidenceView

    render = _renderer(_EVIDENCE, style)
    return _text(render(EvidenceView(evidence, name, at, terminal or Terminal())))


def render_difference(
    style: str, difference: Difference, names: tuple[str, str], terminal: Terminal | None = None
) -> str:
    """Return what changed between two subjects, named before and after.

    Raises UsageError for what is not one of DIFFERENCE_FORMATS.
    """
    render = _renderer(_DIFFERENCE, style)
    return _text(render(difference, names, terminal or Terminal()))


def _renderer(table: dict[str, tuple[str, str]], style: str) -> Any:
    if style not in table:
        raise UsageError(f"no such format: {style!r}; there is {', '.join(table)}")
    module, function = table[style]
    return getattr(importlib.import_module(f"sealmark.cli.render.{module}"), function)


def _text(rendered: object) -> str:
    assert isinstance(rendered, str)
    return rendered
