"""The feeds of an update: where each is published, and what it must be about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from sealmark.adapters.advisory_download import shown
from sealmark.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealmark.evidence.vulnerability import Feed
    from sealmark.scan.vulnerabilities.feed import Provenance

_ECOSYSTEM = re.compile(r"[A-Za-z][A-Za-z0-9. -]{0,60}", re.ASCII)
_LARGEST_ARCHIVE = 2 << 30
_LARGEST_LIST = 64 << 20


@dataclass(frozen=True, slots=True)
class RemoteFeed:
    """A feed: its name, address, the name and greatest size of its file, what it must cover."""

    name: str
    url: str
    file: str
    covers: str
    size: int = _LARGEST_LIST

    def is_about(self, ecosystems: Sequence[str]) -> bool:
        """Say whether a feed of these ecosystems is the one expected here."""
        return bool(ecosystems) and all(e.partition(":")[0] == self.covers for e in ecosystems)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where feeds are; an empty address leaves its feed out."""

    osv: str
    kev: str
    epss: str
    eol: str = ""

    def archive(self, ecosystem: str) -> str:
        """Return where OSV's archive of an ecosystem is. Raises UsageError for what is none."""
        if not _ECOSYSTEM.fullmatch(ecosystem):
            raise UsageError(
                f"{ecosystem[:60]!a} is no OSV ecosystem without a release, such as Debian or PyPI"
            )
        base, mark, query = self.osv.partition("?")
        return f"{base.rstrip('/')}/{quote(ecosystem)}/all.zip{mark}{query}"


def remote_feeds(ecosystems: Sequence[str], at: Addresses) -> list[RemoteFeed]:
    """Return the feeds of an update. Raises UsageError, before anything is fetched."""
    feeds = [
        RemoteFeed(name, at.archive(name), f"{quote(name)}.zip", name, _LARGEST_ARCHIVE)
        for name in (dict.fromkeys(ecosystems) if at.osv else ())
    ]
    lists = (("kev", at.kev, "json"), ("epss", at.epss, "csv"), ("eol", at.eol, "json"))
    feeds += [
        RemoteFeed(name, url, f"{name}.{kind}{_packing(url)}", name)
        for name, url, kind in lists
        if url
    ]
    if not feeds:
        raise UsageError("every feed is left out: nothing to update")
    for feed in feeds:
        shown(feed.url)
    return feeds


def _packing(url: str) -> str:
    path = url.partition("?")[0]
    return next((suffix for suffix in (".gz", ".zst") if path.endswith(suffix)), "")


def fetched_before(held: Mapping[str, tuple[Feed, Provenance]], at: Addresses) -> list[str]:
    """Return the ecosystems whose archives were fetched from where they still are."""
    return [
        name
        for name, (_, provenance) in held.items()
        if at.osv and _ECOSYSTEM.fullmatch(name) and provenance.source == shown(at.archive(name))
    ]
