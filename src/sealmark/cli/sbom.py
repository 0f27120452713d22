"""`sealmark sbom IMAGE`: the bill of materials in a format that other tools read."""

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
from sealmark.cli.render import render_evidence
from sealmark.cli.state import current_state, home_option
from sealmark.cli.wiring import clock, take_evidence

if TYPE_CHECKING:
    from pathlib import Path


@click.command(name="sbom")
@click.argument("image")
@click.option(
    "--format",
    "style",
    type=click.Choice(["cyclonedx", "spdx"]),
    default="cyclonedx",
    show_default=True,
    help="Which format.",
)
@output_option
@advisory_options
@source_options
@home_option
def command(
    image: str, style: str, output: Path, database: Path | None, source: SourceOptions
) -> None:
    """Print what IMAGE is made of, as CycloneDX 1.6 or SPDX 2.3.

    IMAGE is written as for `sealmark check`.
    """
    evidence = take_evidence(image, source, current_state(), database)
    at = clock().isoformat(timespec="seconds").replace("+00:00", "Z")
    write_output(render_evidence(style, evidence, image, at, terminal_for(output)), output, style)
