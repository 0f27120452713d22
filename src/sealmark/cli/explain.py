"""`sealmark explain ID`: what a control, a finding or a decision means, and what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click
import msgspec

from sealmark.cli.ledger_reading import key_option, open_to_read
from sealmark.cli.state import current_state, home_option
from sealmark.decision import Decision
from sealmark.errors import ServiceError, UnreadableError, UsageError
from sealmark.evidence.document import EvidencePart
from sealmark.gate.entry import DecisionEntry, RefusalEntry
from sealmark.ledger.errors import LedgerError
from sealmark.policy.controls.labs import LABS
from sealmark.policy.packs import KNOWN_CONTROLS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sealmark.decision import Reason, Verdict
    from sealmark.ledger.log import Ledger
    from sealmark.policy.control import About

_MOST_DECISIONS = 200
_ENTRY = re.compile(r"(?:entry:)?([0-9]{1,15})", re.ASCII)
_KINDS = {kind.exit_code: kind for kind in (UsageError, UnreadableError, ServiceError)}
_MEANINGS: dict[Verdict, str] = {
    "allow": "no control of the policy has anything against it",
    "deny": "at least one control has a reason against it",
    "unknown": "nothing is known against it, but not enough is known to allow it",
}


@click.command(name="explain")
@click.argument("identifier", metavar="ID")
@click.option("--lab", is_flag=True, help="Print only the control's lab, to be piped into sh.")
@key_option
@home_option
def command(identifier: str, lab: bool, key_text: str | None) -> None:
    """Explain ID: a control such as not-root, a finding such as CVE-2023-0464, a decision's entry.

    A finding is looked up in the latest decisions of the ledger, newest first, by its id or an
    alias of it; a decision is named by its index there, 41 or entry:41.
    """
    about = next((c.about for c in KNOWN_CONTROLS if c.about.id == identifier), None)
    if lab:
        lines = list(LABS[identifier].script()) if identifier in LABS else []
    else:
        ledger = current_state().ledger
        lines = list(_control(about) if about else _recorded(ledger, key_text, identifier))
    if not lines:
        known = ", ".join(control.about.id for control in KNOWN_CONTROLS)
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
    yield f"  lab      copy these lines, or run: sealmark explain {about.id} --lab | sh"
    yield ""
    yield from LABS[about.id].script()


def _recorded(directory: Path, key_text: str | None, identifier: str) -> Iterator[str]:
    entry = _ENTRY.fullmatch(identifier)
    if not directory.is_dir():
        return
    try:
        log = open_to_read(directory, key_text)
        yield from _entry(log, int(entry[1])) if entry else _finding(log, identifier)
    except LedgerError as error:
        kind = _KINDS.get(error.exit_code, UnreadableError)
        raise kind(f"the ledger cannot be read: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableError(f"the ledger holds what is no decision: {error}") from error


def _entry(log: Ledger, index: int) -> Iterator[str]:
    if index >= log.size:
        raise UsageError(f"the ledger has {log.size} entries, numbered from 0")
    statement = msgspec.json.decode(log.entry(index), type=DecisionEntry | RefusalEntry)
    asked = statement.asked
    yield f"entry {index}: {statement.verdict.upper()} {asked.reference or ''}".rstrip()
    if isinstance(statement, RefusalEntry):
        yield "  meaning  what was handed in could not be read, so it is refused and not judged"
        yield f"  because  {statement.error}"
    else:
        yield f"  meaning  {_MEANINGS[statement.verdict]}"
        yield f"  about    {statement.subject.digest} {statement.subject.platform or ''}".rstrip()
        yield from _reasons(log, statement)
    yield f"  asked    {asked.at}, by {asked.actor}, to {asked.action}, at the gate {asked.gate}"
    if asked.as_of:
        yield f"  judged   as of {asked.as_of}, as asked for, not by the clock"
    yield f"  proof    sealmark ledger prove {index}{current_state().repeated}"


def _reasons(log: Ledger, statement: DecisionEntry) -> Iterator[str]:
    body = log.body(statement.decision)
    if body is None:
        controls = ", ".join(statement.controls)
        yield f"  because  {controls or 'nothing'}; the decision's body is not kept any more"
        return
    judged = msgspec.json.decode(body, type=Decision).judgement
    for reason in (*judged.reasons, *judged.unknowns):
        yield from _reason(reason)
    if judged.valid_until:
        yield f"  expires  {judged.valid_until}"


def _finding(log: Ledger, identifier: str) -> Iterator[str]:
    for index, decision in _decisions(log):
        judged = decision.judgement
        names = {identifier, *_other_names(log, decision, identifier)}
        found = [r for r in (*judged.reasons, *judged.unknowns) if r.subject_id in names]
        if not found:
            continue
        yield f"{identifier}: {decision.asked.reference or judged.subject.digest}"
        for reason in found:
            yield from _reason(reason)
        yield f"  ledger entry {index}, {decision.asked.at}, asked by {decision.asked.actor}"
        return


def _other_names(log: Ledger, decision: Decision, alias: str) -> Iterator[str]:
    """Yield the ids under which the evidence of a decision has what is also called `alias`."""
    for part in decision.judgement.evidence:
        body = log.body(part.digest) if part.kind == "vulnerabilities" else None
        if body is None or alias.encode(errors="replace") not in body:
            continue
        known = msgspec.json.decode(body, type=EvidencePart).vulnerabilities
        yield from (
            found.id for found in (known.findings if known else ()) if alias in found.aliases
        )


def _reason(reason: Reason) -> Iterator[str]:
    yield f"  {reason.effect:8} {reason.message}"
    for fact in reason.because:
        yield f"  because  {fact.path} = {fact.value}"
    if reason.where and reason.where.file:
        made = f", made by {reason.where.instruction}" if reason.where.instruction else ""
        yield f"  where    {reason.where.file}{made}"
    if reason.remedy:
        yield f"  fix      {reason.remedy.text}"
    if reason.control in LABS:
        yield f"  lab      sealmark explain {reason.control} --lab | sh"
    yield f"  policy   {reason.control} of {reason.policy.id}, owner {reason.policy.owner}"


def _decisions(log: Ledger) -> Iterator[tuple[int, Decision]]:
    for index in range(log.size - 1, max(log.size - 1 - _MOST_DECISIONS, -1), -1):
        try:
            entry = msgspec.json.decode(log.entry(index), type=DecisionEntry)
        except msgspec.DecodeError:
            continue  # a refusal, or a statement of another kind
        body = log.body(entry.decision)
        if body is not None:
            yield index, msgspec.json.decode(body, type=Decision)
