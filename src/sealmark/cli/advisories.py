"""`sealmark advisories`: bring the database up to date, look at it, compare versions."""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealmark.cli.feed_addresses import ECOSYSTEMS, END_OF_LIFE, EPSS, KEV, OSV
from sealmark.cli.options import SourceOptions, source_options
from sealmark.cli.state import current_state, home_option
from sealmark.errors import ServiceError, UnreadableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

    from sealmark.adapters.advisory_publishers import Addresses
    from sealmark.adapters.advisory_remote import Choices
    from sealmark.evidence.vulnerability import Feed
    from sealmark.scan.vulnerabilities.feed import AnyFeed, Provenance

_MAX_LINE = 4096


@click.group(name="advisories")
def command() -> None:
    """Build and look into the advisory database."""


@command.command()
@click.option(
    "--from",
    "paths",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Read this file, folder or archive instead of the network; may be repeated.",
)
@click.option(
    "--for",
    "image",
    metavar="IMAGE",
    help="Add what the signed package index of this machine's Debian mirror has for IMAGE.",
)
@click.option(
    "--apt",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default="/etc/apt",
    show_default=True,
    help="Whose sources.list and sources.list.d name the mirror that --for asks.",
)
@click.option(
    "--ecosystem",
    "ecosystems",
    multiple=True,
    help="OSV's name of an ecosystem to fetch; may be repeated. Default: "
    f"{', '.join(ECOSYSTEMS)}, and any that was fetched before.",
)
@click.option("--osv-url", default=OSV, show_default=True, help="Where OSV's archives are.")
@click.option("--kev-url", default=KEV, show_default=True, help="CISA's catalogue; empty for none.")
@click.option("--epss-url", default=EPSS, show_default=True, help="FIRST's scores; empty for none.")
@click.option(
    "--eol-url",
    default=END_OF_LIFE,
    show_default=True,
    help="End-of-life dates of distributions; empty for none.",
)
@click.option(
    "--accept-unreadable",
    multiple=True,
    metavar="DIGEST",
    help="Do without the record of this digest, which cannot be read; may be repeated.",
)
@click.option("--only", is_flag=True, help="Drop every feed that is not part of this update.")
@source_options
@home_option
def update(
    paths: tuple[Path, ...],
    image: str | None,
    apt: Path,
    ecosystems: tuple[str, ...],
    osv_url: str,
    kev_url: str,
    epss_url: str,
    eol_url: str,
    accept_unreadable: tuple[str, ...],
    only: bool,
    source: SourceOptions,
) -> None:
    """Bring feeds of the database up to date, from their publishers or from files.

    Feeds are replaced one by one; those that are not part of the update are kept with their
    dates. The old database stays until the new one is whole. Exit code 5 if any feed that was
    asked for could not be had.
    """
    from sealmark.adapters.advisory_publishers import Addresses
    from sealmark.adapters.advisory_remote import Choices
    from sealmark.adapters.advisory_writer import updating

    target = current_state().advisories
    choices = Choices(accept_unreadable, only)
    with updating(target):
        if paths or image is not None:
            index = () if image is None else (_debian_index(image, apt, source),)
            _from_files(target, paths, index, choices)
        else:
            at = Addresses(osv_url, kev_url, epss_url, eol_url)
            _from_network(target, ecosystems, at, choices)


def _from_files(
    target: Path, paths: tuple[Path, ...], more: tuple[AnyFeed, ...], choices: Choices
) -> None:
    from sealmark.adapters.advisory_files import FeedReader
    from sealmark.adapters.advisory_remote import described, held_feeds
    from sealmark.adapters.advisory_writer import write_database

    held = held_feeds(target, _warn)
    brought: set[str] = set()
    reader = FeedReader(_warn, accepted=choices.accepted)
    digest = write_database(
        target,
        chain(more, reader.read(paths)),
        target if held and not choices.only else None,
        written=lambda feed: brought.add(feed.feed.name),
    )
    for name in sorted(held.keys() - brought):
        fate = "dropped" if choices.only else "kept, not part of this update"
        click.echo(f"{name}: {fate}, {described(held[name][0])}")
    click.echo(f"advisories: {digest}")


def _warn(text: str) -> None:
    click.echo(text, err=True)


def _from_network(
    target: Path, ecosystems: tuple[str, ...], at: Addresses, choices: Choices
) -> None:
    from sealmark.adapters.advisory_database import AdvisoryDatabase
    from sealmark.adapters.advisory_download import Downloader
    from sealmark.adapters.advisory_publishers import fetched_before, remote_feeds
    from sealmark.adapters.advisory_remote import held_feeds, update_from_network

    held = held_feeds(target, _warn)
    usual = sorted({*ECOSYSTEMS, *fetched_before(held, at)})
    feeds = remote_feeds(ecosystems or usual, at)
    failed = update_from_network(target, held, feeds, Downloader(), click.echo, choices)
    with AdvisoryDatabase(target) as database:
        click.echo(f"advisories: {database.digest}")
    if failed:
        raise ServiceError(
            f"{len(failed)} of {len(feeds)} feeds could not be had: {', '.join(failed)};"
            " the others are up to date"
        )


def _debian_index(image: str, apt: Path, source: SourceOptions) -> AnyFeed:
    from sealmark.adapters.debian_mirror import machine_sources
    from sealmark.cli.debian_feed import debian_feed
    from sealmark.cli.wiring import clock, take_evidence
    from sealmark.evidence.inventory import Inventory

    inventory = take_evidence(image, source, current_state(), None).inventory
    return debian_feed(inventory or Inventory(), clock(), machine_sources(apt))


@command.command()
@click.argument("names", nargs=-1, required=True, metavar="FEED...")
@home_option
def drop(names: tuple[str, ...]) -> None:
    """Leave feeds out of the database from now on."""
    from sealmark.adapters.advisory_database import AdvisoryDatabase
    from sealmark.adapters.advisory_writer import updating, write_database

    target = current_state().advisories
    with updating(target):
        with AdvisoryDatabase(target) as database:
            held = [feed.name for feed in database.feeds()]
        missing = [name for name in names if name not in held]
        if missing:
            raise UsageError(f"there is no feed {missing[0]!r}; there are: {', '.join(held)}")
        left = [name for name in held if name not in names]
        click.echo(f"advisories: {write_database(target, (), keep=target, only=left)}")


@command.command()
@click.option("--verify", is_flag=True, help="Recompute the digest of what the file holds.")
@home_option
def status(verify: bool) -> None:
    """List the feeds with their dates."""
    from sealmark.adapters.advisory_database import AdvisoryDatabase

    path = current_state().advisories
    if not path.exists():
        raise UsageError("there is no advisory database: run `sealmark advisories update`")
    with AdvisoryDatabase(path) as database:
        if verify:
            database.verify()
        click.echo(f"{path}: {database.digest}{', verified' if verify else ''}")
        for feed in database.feeds():
            for line in _described(feed, database.provenance(feed.name)):
                click.echo(line)


def _described(feed: Feed, provenance: Provenance) -> Iterator[str]:
    covered = ", ".join(feed.ecosystems[:4]) + (" …" if len(feed.ecosystems) > 4 else "")
    yield f"{feed.name}: as of {feed.as_of}, {feed.records} records, {covered}"
    yield f"  from {provenance.source}"
    if feed.unreadable:
        yield (
            f"  {feed.unreadable} more could not be read; {feed.nameless} of them may be about any"
            f" package; {provenance.accepted} accepted"
        )
        yield from (f"    {problem}" for problem in provenance.problems)
        unshown = feed.unreadable - len(provenance.problems)
        if unshown > 0:
            yield f"    … and {unshown} more"


@command.command()
@click.argument("ecosystem")
@click.argument("first")
@click.argument("second", required=False)
def compare(ecosystem: str, first: str, second: str | None) -> None:
    """Print <, = or > for two versions; FIRST `-` reads pairs `A B` from standard input."""
    from sealmark.scan.versions.ordering import named

    order = named(ecosystem).compare
    if first != "-":
        if second is None:
            raise UsageError("two versions are needed, or - for pairs on standard input")
        click.echo(order(first, second))
        return
    if sys.stdin is None:  # closed by whoever started us
        raise UsageError("- reads pairs from standard input, and it is closed")
    failed = sum(not _compared(order, line) for line in _lines(sys.stdin.buffer))
    if failed:
        raise UnreadableError(f"{failed} lines could not be compared")


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Yield lines; bytes that are no text, and all beyond a sane length, become no version."""
    while line := stream.readline(_MAX_LINE):
        yield line.decode("utf-8", "backslashreplace")


def _compared(order: Callable[[str, str], str], line: str) -> bool:
    """Answer one line; one that cannot be answered gets `?`, and its reason on standard error."""
    first, _, second = line.strip().partition(" ")
    try:
        click.echo(order(first, second.strip()))
    except UnreadableError as error:
        click.echo("?")
        click.echo(f"sealmark: {line.strip()[:160]!r}: {error}", err=True)
        return False
    return True
