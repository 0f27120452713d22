"""`sealmark diff A B`: what changed between two images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealmark.cli.options import (
    SourceOptions,
    advisory_options,
    output_option,
    source_options,
)
from sealmark.cli.output import terminal_for, write_output
from sealmark.cli.render import DIFFERENCE_FORMATS, render_difference
from sealmark.cli.render.order import version_order
from sealmark.cli.state import current_state, home_option
from sealmark.cli.wiring import take_evidence
from sealmark.evidence.diff import compare

if TYPE_CHECKING:
    from pathlib import Path


@click.command(name="diff")
@click.argument("before")
@click.argument("after")
@click.option(
    "--format",
    "style",
    type=click.Choice(DIFFERENCE_FORMATS),
    default="table",
    show_default=True,
    help="How the difference is written.",
)
@output_option
@advisory_options
@source_options
@home_option
def command(
    before: str,
    after: str,
    style: str,
    output: Path,
    database: Path | None,
    source: SourceOptions,
) -> None:
    """Show which components, vulnerabilities, settings and layers differ from BEFORE to AFTER.

    Both are images, written as for `sealmark check`.
    """
    state = current_state()
    old = take_evidence(before, source, state, database)
    new = take_evidence(after, source, state, database)
    difference = compare(old, new, version_order)
    text = render_difference(style, difference, (before, after), terminal_for(output))
    write_output(text, output, style)
