"""The advisory database brought up to date from its publishers.

One feed that cannot be had does not cost the others: the one held stays as it is, with its date,
and that is said. So do feeds this update is not about. Nothing is written unless something
changed, and then in one step.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sealmark.adapters.advisory_database import AdvisoryDatabase
from sealmark.adapters.advisory_download import Validators, shown
from sealmark.adapters.advisory_files import FeedReader
from sealmark.adapters.advisory_streams import FeedFileError, Limits
from sealmark.adapters.advisory_writer import DOWNLOADS, write_database
from sealmark.errors import ServiceError, UnreadableError
from sealmark.scan.vulnerabilities.times import latest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from sealmark.adapters.advisory_download import Downloader
    from sealmark.adapters.advisory_publishers import RemoteFeed
    from sealmark.evidence.vulnerability import Feed
    from sealmark.scan.vulnerabilities.feed import AnyFeed, Provenance

Held = dict[str, tuple["Feed", "Provenance"]]
# Publishers send single records in archives; their other documents are of a few megabytes.
_LIMITS = Limits(document=64 << 20)
# Publishers withdraw some records; one that has lost more than half was cut short.
_LEAST_KEPT = 0.5


@dataclass(frozen=True, slots=True)
class Choices:
    """What an updater may choose: unreadable records to do without, other feeds to drop."""

    accepted: Collection[str] = ()
    only: bool = False


def update_from_network(
    target: Path,
    held: Held,
    feeds: Sequence[RemoteFeed],
    downloader: Downloader,
    tell: Callable[[str], None],
    choices: Choices | None = None,
) -> tuple[str, ...]:
    """Bring the database at `target` up to date, telling line by line what became of each feed.

    `held` is what it holds (`held_feeds`). Returns the names of those that could not be had.
    Raises ServiceError where that is all of them, UsageError for an impossible address.
    """
    choices = choices or Choices()
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=DOWNLOADS) as folder:
        update = _Update(held, tell, choices.accepted)
        arrived = [item for feed in feeds if (item := update.fetch(feed, Path(folder), downloader))]
        names = {feed.name for feed in feeds}
        others = held.keys() - names
        if arrived or (others and choices.only):
            keep = target if held else None
            only = names if choices.only else None
            write_database(target, update.read(arrived), keep=keep, only=only)
        update.check()
    for name in sorted(others):
        fate = "dropped" if choices.only else "kept, not part of this update"
        tell(f"{name}: {fate}, {described(held[name][0])}")
    return tuple(update.failed)


def held_feeds(path: Path, tell: Callable[[str], None]) -> Held:
    """Return the feeds of the database there is; a damaged one is told and counts as none."""
    if not path.exists():
        return {}
    try:
        with AdvisoryDatabase(path) as database:
            database.verify()
            return {feed.name: (feed, database.provenance(feed.name)) for feed in database.feeds()}
    except UnreadableError as error:
        tell(f"the old database cannot be used: {error}")
        return {}


def _check_against(new: Feed, held: Feed) -> None:
    """Refuse a feed that went back in time, or that most of its records are missing from."""
    if latest(new.as_of, held.as_of) != new.as_of:
        raise FeedFileError(f"as of {new.as_of}, older than what is held")
    if new.records < held.records * _LEAST_KEPT:
        raise FeedFileError(
            f"{new.records} records where {held.records} are held: if that is right, "
            f"`sealmark advisories drop` the one held first"
        )


def described(feed: Feed) -> str:
    """Return what is said of a feed in one line."""
    unreadable = f", {feed.unreadable} unreadable" if feed.unreadable else ""
    return f"as of {feed.as_of}, {feed.records} records{unreadable}, {feed.digest[:19]}"


@dataclass(frozen=True, slots=True)
class _Arrived:
    feed: RemoteFeed
    path: Path
    validators: Validators


class _Update:
    """What happens to each feed of one update."""

    def __init__(self, held: Held, tell: Callable[[str], None], accepted: Collection[str]) -> None:
        self.held: Mapping[str, tuple[Feed, Provenance]] = held
        self.failed: list[str] = []
        self._tell = tell
        self._reader = FeedReader(tell, _LIMITS, accepted)
        self._had = 0

    def fetch(self, feed: RemoteFeed, folder: Path, downloader: Downloader) -> _Arrived | None:
        """Download one feed; None where nothing new could be had."""
        path = folder / feed.file
        try:
            validators = downloader.fetch(feed.url, path, self._known(feed), feed.size)
        except ServiceError as error:
            self._failed(feed, str(error))
            return None
        if validators is None:
            self._had += 1
            self._tell(f"{feed.name}: unchanged, {described(self.held[feed.name][0])}")
            return None
        return _Arrived(feed, path, validators)

    def read(self, arrived: Sequence[_Arrived]) -> Iterator[AnyFeed]:
        """Yield what can be read of what arrived. Raises ServiceError if there is nothing."""
        for item in arrived:
            try:
                feed = self._read_one(item)
            except UnreadableError as error:
                self._failed(item.feed, str(error))
                continue
            finally:
                item.path.unlink()
            self._had += 1
            self._tell(f"{feed.feed.name}: new, {described(feed.feed)}")
            yield feed
        self.check()

    def check(self) -> None:
        """Raise ServiceError if not one feed could be had."""
        if not self._had:
            raise ServiceError("no feed could be had; the advisory database is as it was")

    def _read_one(self, item: _Arrived) -> AnyFeed:
        found = list(self._reader.read_file(item.path, item.feed.name))
        if len(found) != 1 or not item.feed.is_about(found[0].feed.ecosystems):
            raise FeedFileError(f"expected advisories of {item.feed.covers}, and of nothing else")
        if item.feed.name in self.held:
            _check_against(found[0].feed, self.held[item.feed.name][0])
        provenance = replace(
            found[0].provenance,
            source=shown(item.feed.url),
            etag=item.validators.etag,
            last_modified=item.validators.last_modified,
        )
        return replace(found[0], provenance=provenance)

    def _known(self, feed: RemoteFeed) -> Validators:
        if feed.name not in self.held:
            return Validators()
        held, provenance = self.held[feed.name]
        # What could not be read is read again: it may have been accepted since, or be no longer.
        # A query is not stored, so whether it is the same one as last time is not known.
        if provenance.source != shown(feed.url) or "?" in feed.url or held.unreadable:
            return Validators()
        return Validators(provenance.etag, provenance.last_modified)

    def _failed(self, feed: RemoteFeed, why: str) -> None:
        self.failed.append(feed.name)
        held = self.held.get(feed.name)
        rest = f"kept as it was, {described(held[0])}" if held else "there is none"
        self._tell(f"{feed.name}: could not be had, {rest}: {why}")
