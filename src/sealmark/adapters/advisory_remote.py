"""The advisory database brought up to date from its publishers.

One feed that cannot be had does not cost the others: the one held stays as it is, with its date,
and that is said. Nothing is written unless something new arrived, and then in one step.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from sealmark.adapters.advisory_database import AdvisoryDatabase
from sealmark.adapters.advisory_download import Validators
from sealmark.adapters.advisory_files import FeedReader
from sealmark.adapters.advisory_streams import FeedFileError
from sealmark.adapters.advisory_writer import write_database
from sealmark.errors import ServiceError, UnreadableError, UsageError
from sealmark.scan.vulnerabilities.times import latest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from sealmark.adapters.advisory_download import Downloader
    from sealmark.evidence.vulnerability import Feed
    from sealmark.scan.vulnerabilities.feed import AnyFeed, Provenance

_ECOSYSTEM = re.compile(r"[A-Za-z][A-Za-z0-9. -]{0,60}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RemoteFeed:
    """A feed by its name, where it is published, what its file is called, what it must cover."""

    name: str
    url: str
    file: str
    covers: str

    def is_about(self, ecosystems: Sequence[str]) -> bool:
        """Say whether a feed of these ecosystems is the one expected here."""
        return bool(ecosystems) and all(e.partition(":")[0] == self.covers for e in ecosystems)


def remote_feeds(ecosystems: Sequence[str], osv: str, kev: str, epss: str) -> list[RemoteFeed]:
    """Return the feeds of an update; an empty address leaves its feed out. Raises UsageError."""
    feeds = []
    for ecosystem in dict.fromkeys(ecosystems) if osv else ():
        if not _ECOSYSTEM.fullmatch(ecosystem):
            raise UsageError(
                f"{ecosystem[:60]!a} is no OSV ecosystem without a release, such as Debian or PyPI"
            )
        url = f"{osv.rstrip('/')}/{quote(ecosystem)}/all.zip"
        feeds.append(RemoteFeed(ecosystem, url, f"{quote(ecosystem)}.zip", ecosystem))
    if kev:
        feeds.append(RemoteFeed("kev", kev, "kev.json", "kev"))
    if epss:
        feeds.append(RemoteFeed("epss", epss, "epss.csv.gz", "epss"))
    if not feeds:
        raise UsageError("every feed is left out: nothing to update")
    return feeds


def update_from_network(
    target: Path,
    feeds: Sequence[RemoteFeed],
    downloader: Downloader,
    tell: Callable[[str], None],
    accepted: Collection[str] = (),
) -> None:
    """Bring the database at `target` up to date, telling line by line what became of each feed.

    Raises ServiceError where no feed could be had, UsageError for an impossible address.
    """
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="download.") as folder:
        update = _Update(_held(target, tell), tell, accepted)
        arrived = [item for feed in feeds if (item := update.fetch(feed, Path(folder), downloader))]
        if arrived:
            names = {feed.name for feed in feeds}
            update.leave_out(names)
            keep = target if update.held else None
            write_database(target, update.read(arrived), keep=keep, only=names)
        update.check()


@dataclass(frozen=True, slots=True)
class _Arrived:
    feed: RemoteFeed
    path: Path
    validators: Validators


Held = dict[str, tuple["Feed", "Provenance"]]


class _Update:
    """What happens to each feed of one update."""

    def __init__(self, held: Held, tell: Callable[[str], None], accepted: Collection[str]) -> None:
        self.held: Mapping[str, tuple[Feed, Provenance]] = held
        self._tell = tell
        self._reader = FeedReader(tell, accepted=accepted)
        self._had = 0

    def fetch(self, feed: RemoteFeed, folder: Path, downloader: Downloader) -> _Arrived | None:
        """Download one feed; None where nothing new could be had."""
        path = folder / feed.file
        try:
            validators = downloader.fetch(feed.url, path, self._known(feed))
        except ServiceError as error:
            self._failed(feed, str(error))
            return None
        if validators is None:
            self._had += 1
            self._tell(f"{feed.name}: unchanged, {_described(self.held[feed.name][0])}")
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
            self._had += 1
            self._tell(f"{feed.feed.name}: new, {_described(feed.feed)}")
            yield feed
            item.path.unlink()
        self.check()

    def leave_out(self, names: set[str]) -> None:
        """Tell which feeds of the old database are not part of the new one."""
        for name in sorted(self.held.keys() - names):
            self._tell(f"{name}: left out, it is not among the feeds of this update")

    def check(self) -> None:
        """Raise ServiceError if not one feed could be had."""
        if not self._had:
            raise ServiceError("no feed could be had; the advisory database is as it was")

    def _read_one(self, item: _Arrived) -> AnyFeed:
        found = list(self._reader.read_file(item.path, item.feed.name))
        if len(found) != 1 or not item.feed.is_about(found[0].feed.ecosystems):
            raise FeedFileError(f"{item.feed.url}: expected advisories of {item.feed.covers} only")
        held = self.held.get(item.feed.name)
        if held is not None and latest(found[0].feed.as_of, held[0].as_of) != found[0].feed.as_of:
            raise FeedFileError(f"as of {found[0].feed.as_of}, older than what is held")
        provenance = replace(
            found[0].provenance,
            source=item.feed.url,
            etag=item.validators.etag,
            last_modified=item.validators.last_modified,
        )
        return replace(found[0], provenance=provenance)

    def _known(self, feed: RemoteFeed) -> Validators:
        if feed.name not in self.held:
            return Validators()
        held, provenance = self.held[feed.name]
        # What could not be read is read again: it may have been accepted since, or be no longer.
        if provenance.source != feed.url or held.unreadable:
            return Validators()
        return Validators(provenance.etag, provenance.last_modified)

    def _failed(self, feed: RemoteFeed, why: str) -> None:
        held = self.held.get(feed.name)
        rest = f"kept as it was, {_described(held[0])}" if held else "there is none"
        self._tell(f"{feed.name}: could not be had, {rest}: {why}")


def _described(feed: Feed) -> str:
    unreadable = f", {feed.unreadable} unreadable" if feed.unreadable else ""
    return f"as of {feed.as_of}, {feed.records} records{unreadable}, {feed.digest[:19]}"


def _held(path: Path, tell: Callable[[str], None]) -> Held:
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
