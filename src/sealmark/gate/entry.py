"""What the ledger keeps of a decision: a compact statement with digests, at most 65,535 bytes.

The bodies behind the digests (the decision itself, each part of the evidence) are kept beside
the log, so that a decision can be replayed. Why it is done so: docs/adr/0002.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from sealmark.decision import BodyDigest, PolicyIdentity, Question, Verdict
from sealmark.evidence.document import Subject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealmark.decision import Decision

_LONGEST_TEXT = 1024
_MOST_CONTROLS = 256


class DecisionEntry(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="schema",
    tag="sealmark/entry/decision/v1",
):
    """The statement for one decision. `controls` names those that denied or could not say."""

    asked: Question
    subject: Subject
    verdict: Verdict
    judgement: str
    decision: str
    policies: tuple[PolicyIdentity, ...]
    evidence: tuple[BodyDigest, ...]
    controls: tuple[str, ...] = ()
    valid_until: str | None = None


class RefusalEntry(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="schema",
    tag="sealmark/entry/refusal/v1",
):
    """The statement for input that could not be read: refused, and no evidence kept."""

    asked: Question
    error: str
    verdict: Literal["deny"] = "deny"


def decision_entry(decision: Decision, judgement: str, body: str) -> DecisionEntry:
    """Reduce a decision to its statement; `judgement` and `body` are digests."""
    judged = decision.judgement
    controls = sorted({reason.control for reason in (*judged.reasons, *judged.unknowns)})
    return DecisionEntry(
        asked=bounded(decision.asked),
        subject=judged.subject,
        verdict=judged.verdict,
        judgement=judgement,
        decision=body,
        policies=judged.policies,
        evidence=judged.evidence,
        controls=tuple(controls[:_MOST_CONTROLS]),
        valid_until=judged.valid_until,
    )


def refusal_entry(asked: Question, error: str) -> RefusalEntry:
    """State that `asked` was refused because of `error`."""
    return RefusalEntry(asked=bounded(asked), error=error[:_LONGEST_TEXT])


def bounded(asked: Question) -> Question:
    """Cut texts that come from outside, so that the statement always fits into the log."""
    reference = asked.reference[:_LONGEST_TEXT] if asked.reference else None
    return msgspec.structs.replace(asked, reference=reference, actor=asked.actor[:_LONGEST_TEXT])


def body_digests(entry: bytes) -> Iterator[str]:
    """Yield the digests of the bodies a statement refers to; nothing for a foreign one."""
    try:
        stated = msgspec.json.decode(entry, type=DecisionEntry)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    yield stated.decision
    yield from (body.digest for body in stated.evidence)
