"""`sealmark demo`: the whole story on this machine: an image, a denial, its fix, the proof."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="demo")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=".demo",
    show_default=True,
    help="Keep images, downloads and a ledger of its own in DIR.",
    metavar="DIR",
)
@click.option(
    "--advisories-from",
    "advisories",
    type=click.Path(exists=True, path_type=Path),
    envvar="SEALMARK_DEMO_ADVISORIES",
    help="Use this file or folder of advisories instead of asking the network.",
)
@click.option(
    "--apt",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default="/etc/apt",
    show_default=True,
    help="Whose sources.list and sources.list.d name the package mirrors.",
    metavar="DIR",
)
def command(directory: Path, advisories: Path | None, apt: Path) -> int:
    """Build an image from this machine's package mirrors, deny it, mend it, allow it.

    Nothing is installed, no root is needed, and your own ledger stays untouched.

    Without a mirror, the machine's own files are judged instead.

    Exit codes: 0 the story came true, or else that of the last check: 1 denied, 2 unknown;
    5 a needed service failed.
    """
    from sealmark.cli.demo.story import Story

    return Story(directory, advisories, apt).tell()
