"""What every renderer of a decision gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealmark.cli.render.text import Terminal

if TYPE_CHECKING:
    from sealmark.cli.render.plan import Plan
    from sealmark.decision import Decision
    from sealmark.evidence.document import Evidence


@dataclass(frozen=True, slots=True)
class View:
    """A decision with its evidence, where the ledger has it, and how it is to be shown.

    `image` is the reference as it was asked for. `everything` asks a table to leave nothing out.
    `home` goes after every command that is shown.
    """

    decision: Decision
    evidence: Evidence
    plan: Plan
    image: str
    index: int | None
    terminal: Terminal = field(default_factory=Terminal)
    everything: bool = False
    home: str = ""


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """Evidence alone, its subject's name as asked for, and when it is shown (RFC 3339)."""

    evidence: Evidence
    name: str
    at: str
    terminal: Terminal = field(default_factory=Terminal)


def tool_version() -> str:
    """Return the version of Sealmark that is installed."""
    # Imported here because it costs start-up time and few formats name the version.
    from importlib.metadata import version

    return version("sealmark")
