"""`sealmark scan IMAGE`: the evidence alone, nothing judged, nothing recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealmark.cli.options import (
    SourceOptions,
    TrustOptions,
    advisory_options,
    output_option,
    source_options,
    trust_options,
)
from sealmark.cli.output import terminal_for, write_output
from sealmark.cli.render import EVIDENCE_FORMATS, render_evidence
from sealmark.cli.state import current_state, home_option
from sealmark.cli.wiring import clock, take_evidence, whom_to_ask

if TYPE_CHECKING:
    from pathlib import Path


@click.command(name="scan")
@click.argument("image")
@click.option(
    "--format",
    "style",
    type=click.Choice(EVIDENCE_FORMATS),
    default="table",
    show_default=True,
    help="How the evidence is written.",
)
@output_option
@advisory_options
@source_options
@trust_options
@home_option
def command(
    image: str,
    style: str,
    output: Path,
    database: Path | None,
    source: SourceOptions,
    trusted: TrustOptions,
) -> None:
    """Look inside IMAGE and print what is known about it.

    IMAGE is written as for `sealmark check`.
    """
    now, state = clock(), current_state()
    asking = whom_to_ask(trusted, state, now)
    evidence = take_evidence(image, source, state, database, asking)
    at = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    write_output(render_evidence(style, evidence, image, at, terminal_for(output)), output, style)
