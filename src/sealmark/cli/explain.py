"""`sealmark explain ID`: what a control or a finding means, why it matters, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from sealmark.cli.state import current_state, home_option
from sealmark.decision import Decision
from sealmark.errors import UsageError
from sealmark.gate.entry import DecisionEntry
from sealmark.ledger.errors import LedgerError
from sealmark.ledger.log import Ledger
from sealmark.policy.packs import BASE_CONTROLS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sealmark.decision import Reason
    from sealmark.policy.control import About

_MOST_DECISIONS = 200


@click.command(name="explain")
@click.argument("identifier", metavar="ID")
@home_option
def command(identifier: str) -> None:
    """Explain ID: a control such as not-root, or a finding such as CVE-2023-0464.

    A finding is looked up in the latest decisions of the ledger, newest first.
    """
    about = next((c.about for c in BASE_CONTROLS if c.about.id == identifier), None)
    lines = list(_control(about)) if about else list(_finding(current_state().ledger, identifier))
    if not lines:
        known = ", ".join(control.about.id for control in BASE_CONTROLS)
        raise UsageError(
            f"{identifier[:80]!r} is no control ({known}), and no finding of the last decisions"
        )
    for line in lines:
        click.echo("".join(c if c.isprintable() else "?" for c in line))


def _control(about: About) -> Iterator[str]:
    yield f"{about.id}: {about.title}"
    yield f"  why      {about.rationale}"
    yield f"  fix      {about.remedy}"
    yield f"  waivable by {about.waivable_by}"


def _finding(directory: Path, identifier: str) -> Iterator[str]:
    for index, decision in _decisions(directory):
        judged = decision.judgement
        found = [r for r in (*judged.reasons, *judged.unknowns) if r.subject_id == identifier]
        if not found:
            continue
        yield f"{identifier}: {decision.asked.reference or judged.subject.digest}"
        for reason in found:
            yield from _reason(reason)
        yield f"  ledger entry {index}, {decision.asked.at}, asked by {decision.asked.actor}"
        return


def _reason(reason: Reason) -> Iterator[str]:
    yield f"  {reason.effect:8} {reason.message}"
    for fact in reason.because:
        yield f"  because  {fact.path} = {fact.value}"
    if reason.where and reason.where.file:
        made = f", made by {reason.where.instruction}" if reason.where.instruction else ""
        yield f"  where    {reason.where.file}{made}"
    if reason.remedy:
        yield f"  fix      {reason.remedy.text}"
    yield f"  policy   {reason.control} of {reason.policy.id}, owner {reason.policy.owner}"


def _decisions(directory: Path) -> Iterator[tuple[int, Decision]]:
    if not directory.is_dir():
        return
    try:
        log = Ledger.open(directory)
        for index in range(log.size - 1, max(log.size - 1 - _MOST_DECISIONS, -1), -1):
            try:
                entry = msgspec.json.decode(log.entry(index), type=DecisionEntry)
            except msgspec.DecodeError:
                continue  # a refusal, or a statement of another kind
            body = log.body(entry.decision)
            if body is not None:
                yield index, msgspec.json.decode(body, type=Decision)
    except (LedgerError, msgspec.DecodeError) as error:
        raise UsageError(f"the ledger cannot be read: {error}") from error
