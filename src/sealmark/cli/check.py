"""`sealmark check IMAGE`: the main job. Scan, judge, record; verdict, reasons and fixes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealmark.cli.options import (
    Duration,
    Moment,
    SourceOptions,
    TrustOptions,
    advisory_options,
    output_option,
    source_options,
    trust_options,
)
from sealmark.cli.output import terminal_for, write_output
from sealmark.cli.render import DECISION_FORMATS, render_decision
from sealmark.cli.state import current_state, home_option
from sealmark.cli.wiring import actor, clock, open_ledger, take_evidence, whom_to_ask
from sealmark.decision import Question
from sealmark.errors import ServiceError, UnreadableError, UsageError
from sealmark.gate.ask import ask, refuse
from sealmark.ledger.errors import LedgerError
from sealmark.policy.control import SEVERITIES, Parameters
from sealmark.policy.packs import base_pack

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from pathlib import Path

    from sealmark.cli.trusted import Asking
    from sealmark.decision import Verdict
    from sealmark.gate.ask import Answer
    from sealmark.policy.packs import Pack

_LONGEST_OWNER = 200
EXIT_CODES: dict[Verdict, int] = {"allow": 0, "deny": 1, "unknown": 2}


@click.command(name="check")
@click.argument("image")
@click.option(
    "--format",
    "style",
    type=click.Choice(DECISION_FORMATS),
    default="table",
    show_default=True,
    help="How the answer is written.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Leave nothing out of the table, however long.",
)
@output_option
@click.option(
    "--severity",
    type=click.Choice(SEVERITIES[1:]),
    default="high",
    show_default=True,
    help="Deny fixable vulnerabilities at or above this.",
)
@click.option(
    "--max-advisory-age",
    type=Duration(),
    default="7d",
    show_default=True,
    help="Older feeds are no knowledge.",
)
@click.option(
    "--end-of-life",
    type=click.Choice(["unknown", "deny"]),
    default="unknown",
    show_default=True,
    help="What a distribution without security support leads to.",
)
@click.option("--owner", default="unassigned", show_default=True, help="Who owns the policy.")
@click.option("--now", type=Moment(), help="Judge as of this time instead of the clock's.")
@advisory_options
@source_options
@trust_options
@home_option
def command(
    image: str,
    style: str,
    everything: bool,
    output: Path,
    severity: str,
    max_advisory_age: timedelta,
    end_of_life: str,
    owner: str,
    now: datetime | None,
    database: Path | None,
    source: SourceOptions,
    trusted: TrustOptions,
) -> int:
    """Scan IMAGE, judge it, record the decision, and print it with reasons and fixes.

    IMAGE is NAME[:TAG][@DIGEST] in a registry, oci:DIR[:TAG], oci:DIR@DIGEST,
    oci-archive:FILE[:TAG], docker-archive:FILE[:REF], containers-storage:NAME, dir:PATH (a root
    file system) or sbom:FILE.

    Exit codes: 0 allowed, 1 denied, 2 unknown, 3 usage, 4 input unreadable, 5 a service failed.
    """
    asking = whom_to_ask(trusted, current_state(), now or clock())
    parameters = _parameters(severity, max_advisory_age, end_of_life, asking)
    pack = base_pack(parameters, _bounded(owner))
    answer = _answer(image, source, database, pack, now, asking)
    terminal = terminal_for(output)
    home = current_state().repeated
    text = render_decision(style, answer, image, terminal, everything=everything, home=home)
    write_output(text, output, style)
    return EXIT_CODES[answer.decision.judgement.verdict]


def _parameters(
    severity: str, age: timedelta, end_of_life: str, asking: Asking | None
) -> Parameters:
    threshold = next(known for known in SEVERITIES if known == severity)
    trust = asking.trust.digest if asking else None
    return Parameters(threshold, age, "deny" if end_of_life == "deny" else "unknown", trust)


def _bounded(owner: str) -> str:
    """Every reason and the ledger's entry name the owner."""
    if not owner or len(owner) > _LONGEST_OWNER or not owner.isprintable():
        raise UsageError(f"an owner has 1 to {_LONGEST_OWNER} printable characters")
    return owner


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _answer(
    image: str,
    source: SourceOptions,
    database: Path | None,
    pack: Pack,
    as_of: datetime | None,
    asking: Asking | None,
) -> Answer:
    """Gather and ask. Input that cannot be read is refused, and the refusal recorded."""
    state = current_state()
    now = clock()
    question = Question(
        gate="cli",
        action="check",
        actor=actor(),
        at=_rfc3339(now),
        reference=image,
        as_of=_rfc3339(as_of) if as_of else None,
    )
    log = open_ledger(state)
    try:
        try:
            evidence = take_evidence(image, source, state, database, asking)
        except UnreadableError as error:
            refuse(question, str(error), log)
            raise
        return ask(question, evidence, [pack], as_of or now, log)
    except LedgerError as error:
        raise ServiceError(f"not recorded, so not answered: {error}") from error
