"""Feeds from files, folders and archives, as `advisories update --from` takes them.

What a file is, is decided by its content (`advisory_documents`). Single OSV records in one folder
or archive form one feed, named after it. Compressed files are read as streams; lines, documents,
members and totals are bounded (`advisory_streams`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealmark.adapters.advisory_documents import DocumentReader, Group
from sealmark.adapters.advisory_inputs import in_archive, in_folder, is_archive, single, stem
from sealmark.adapters.advisory_streams import FeedFileError, Limits, own_errors
from sealmark.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from sealmark.adapters.advisory_inputs import Input
    from sealmark.scan.vulnerabilities.feed import AnyFeed

_MOST_NAMED = 20


class FeedReader:
    """Reads feeds; tells `skipped` about files in folders and archives that are no feed.

    `accepted` are digests of records that are left out if they cannot be read.
    """

    def __init__(
        self,
        skipped: Callable[[str], None] = lambda _: None,
        limits: Limits | None = None,
        accepted: Collection[str] = (),
    ) -> None:
        self._skipped = skipped
        self._limits = limits or Limits()
        self._documents = DocumentReader(self._limits, accepted)

    def read(self, paths: Iterable[Path]) -> Iterator[AnyFeed]:
        """Yield the feeds of every path, one at a time.

        Raises UsageError for a path that does not exist, FeedFileError (or the parser's own
        error) for a named path that holds no feed.
        """
        for path in paths:
            if path.is_dir():
                inputs = in_folder(path, self._limits)
                yield from self._read_group(path.resolve().name, inputs, archive=False)
            elif path.is_file():
                yield from self.read_file(path)
            else:
                raise UsageError(f"{path}: no such file or folder")

    def read_file(self, path: Path, name: str | None = None) -> Iterator[AnyFeed]:
        """Yield the feeds of one file; `name` overrides the name of the feed."""
        with own_errors(path.name):
            if is_archive(path):
                with in_archive(path, self._limits) as inputs:
                    yield from self._read_group(name or stem(path.name), inputs, archive=True)
                return
            feed = self._documents.read(single(path), None, name)
            if feed is None:
                raise FeedFileError(
                    f"{path}: expected OSV records, a KEV catalogue, EPSS scores or "
                    "end-of-life data, got something else"
                )
            yield feed

    def _read_group(
        self, name: str, inputs: Iterable[Input], *, archive: bool
    ) -> Iterator[AnyFeed]:
        group = Group(self._documents.builder(name, name), archive)
        others = 0
        strange: list[str] = []
        for item in inputs:
            with own_errors(item.label):
                before = group.taken
                feed = self._documents.read(item, group, None)
                if feed is not None:
                    others += 1
                    yield feed
                elif group.taken == before:
                    strange.append(item.label)
        if not group.certain:
            strange += group.doubtful
        self._tell_skipped(name, strange)
        if group.certain:
            yield group.finish(name)
        elif not others:
            raise FeedFileError(f"{name}: holds no feed")

    def _tell_skipped(self, name: str, strange: Sequence[str]) -> None:
        for label in strange[:_MOST_NAMED]:
            self._skipped(f"{label}: left out, it is no feed")
        if len(strange) > _MOST_NAMED:
            self._skipped(f"{name}: {len(strange) - _MOST_NAMED} more were left out")
