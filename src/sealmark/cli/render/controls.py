"""The words of the built-in controls, for formats that describe rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sealmark.policy.control import About


@dataclass(frozen=True, slots=True)
class Words:
    """What a control asks for, why, and what to do when it is not so."""

    id: str
    title: str
    rationale: str = ""
    remedy: str = ""


def words_of(control: str) -> Words:
    """Return a control's words; its id alone where no built-in control has it."""
    about = _known().get(control)
    if about is None:
        return Words(control, control)
    return Words(about.id, about.title, about.rationale, about.remedy)


def asked_controls(reported: tuple[str, ...], *, signed: bool = False) -> tuple[str, ...]:
    """Return the controls of the base pack in its order, then others that were reported.

    `signed` says that signatures were asked for.
    """
    from sealmark.policy.packs import BASE_CONTROLS, KNOWN_CONTROLS

    asked = KNOWN_CONTROLS if signed else BASE_CONTROLS
    return tuple(dict.fromkeys((*(control.about.id for control in asked), *reported)))


def _known() -> dict[str, About]:
    from sealmark.policy.packs import KNOWN_CONTROLS

    return {control.about.id: control.about for control in KNOWN_CONTROLS}
