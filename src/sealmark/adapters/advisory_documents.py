"""One feed file, by its content: OSV records, statements, the KEV catalogue, EPSS, end-of-life."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING

from sealmark.adapters.advisory_inputs import Input, stem
from sealmark.adapters.advisory_shapes import Shape, is_end_of_life, records_of
from sealmark.adapters.advisory_streams import (
    FeedFileError,
    HashingStream,
    Limits,
    bounded_lines,
    unpacked,
)
from sealmark.artifact.digest import Digest, DigestMismatchError
from sealmark.evidence.vulnerability import Feed
from sealmark.scan.vulnerabilities.end_of_life import parse_end_of_life
from sealmark.scan.vulnerabilities.exploitability import parse_exploitability
from sealmark.scan.vulnerabilities.exploited import parse_exploited
from sealmark.scan.vulnerabilities.feed import (
    AnyFeed,
    ExploitabilityFeed,
    ExploitedFeed,
    FeedBuilder,
    Provenance,
    SupportFeed,
)
from sealmark.scan.vulnerabilities.manifest import NAME as MANIFEST
from sealmark.scan.vulnerabilities.not_affected import parse_not_affected
from sealmark.scan.vulnerabilities.osv import RecordError
from sealmark.scan.vulnerabilities.times import TimeError, normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from sealmark.scan.vulnerabilities.manifest import ManifestFile

# Of a file of lines, so many may be damaged before the first that tells what they are.
_MOST_LEADING = 20


@dataclass(slots=True)
class Group:
    """Single records of one folder or archive, becoming one feed.

    In an `archive` every JSON document that is nothing else is taken for a record; in a folder,
    where anything may lie, only what may have been one. `doubtful` are the documents among them
    that are none as they stand.
    """

    builder: FeedBuilder
    archive: bool
    state: hashlib._Hash = field(default_factory=hashlib.sha256)
    certain: int = 0
    doubtful: list[str] = field(default_factory=list)

    @property
    def taken(self) -> int:
        """How many documents were kept."""
        return self.certain + len(self.doubtful)

    def takes(self, item: Input, content: bytes, shape: Shape) -> bool:
        """Keep a document if it is, or may have been, a record."""
        if not (shape.is_record or self.archive or shape.may_be_record):
            return False
        self.builder.add_json(content)
        self.state.update(f"{item.name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
        if shape.is_record:
            self.certain += 1
        else:
            self.doubtful.append(item.label)
        return True

    def finish(self, name: str) -> AnyFeed:
        """Return the feed of all records."""
        return self.builder.finish(
            _as_of(name, self.builder, None), f"sha256:{self.state.hexdigest()}"
        )


@dataclass(frozen=True, slots=True)
class _File:
    """A file being read; `feed` is the name its feed is given, if it is given one."""

    item: Input
    stream: IO[bytes]
    hashing: HashingStream
    feed: str | None

    def named(self, usual: str) -> str:
        return self.feed or usual

    def special(self, kind: str, as_of: str, records: int) -> Feed:
        return Feed(
            name=self.named(kind),
            as_of=as_of,
            digest=self.hashing.digest(),
            ecosystems=(kind,),
            records=records,
        )


class DocumentReader:
    """Reads single files. Records whose digest is `accepted` are left out if unreadable."""

    def __init__(self, limits: Limits, accepted: Collection[str]) -> None:
        self._limits = limits
        self._accepted = accepted

    def builder(self, name: str, source: str) -> FeedBuilder:
        """Return a builder of a feed."""
        return FeedBuilder(name, source, self._accepted)

    def read(self, item: Input, group: Group | None, name: str | None) -> AnyFeed | None:
        """Read one file. Single records go to `group` if there is one; None then, or if no feed."""
        hashing = HashingStream(item.open())
        with closing(unpacked(hashing, item.name, self._limits)) as stream:
            finish = self._parsed(_File(item, stream, hashing, name), group)
            if finish is None:
                return None
            hashing.drain()
        _check_stated(item, hashing)
        return finish()

    def _parsed(self, file: _File, group: Group | None) -> Callable[[], AnyFeed] | None:
        inner = PurePosixPath(file.item.name)
        while inner.suffix in (".zst", ".gz"):
            inner = inner.with_suffix("")
        if inner.suffix in (".jsonl", ".ndjson"):
            return self._lines(file)
        if inner.suffix == ".csv":
            return self._scores(file)
        return self._document(file, group) if inner.suffix == ".json" else None

    def _lines(self, file: _File) -> Callable[[], AnyFeed] | None:
        builder = self.builder(file.named(stem(file.item.name)), file.item.name)
        lines = (
            line
            for line in bounded_lines(file.stream, file.item.label, self._limits)
            if not line.isspace()
        )
        leading: list[bytes] = []
        for line in lines:
            leading.append(line)
            add = _line_reader(Shape(line), builder, file.item)
            if add is not None:
                _each(add, chain(leading, lines))
                return _finish(file, builder)
            if len(leading) == _MOST_LEADING:
                return None
        if not leading:
            raise FeedFileError(f"{file.item.label}: empty, expected one record a line")
        return None

    def _scores(self, file: _File) -> Callable[[], AnyFeed]:
        lines = bounded_lines(file.stream, file.item.label, self._limits)
        scores, as_of = parse_exploitability(lines)
        return lambda: ExploitabilityFeed(
            file.special("epss", as_of, len(scores)), Provenance(file.item.name), scores
        )

    def _document(self, file: _File, group: Group | None) -> Callable[[], AnyFeed] | None:
        content = file.stream.read(self._limits.document + 1)
        if len(content) > self._limits.document:
            raise FeedFileError(
                f"{file.item.label}: a document above {self._limits.document} bytes"
            )
        shape = Shape(content)
        if shape.is_catalogue:
            return _catalogue(file, content)
        records = None if shape.is_object else records_of(content)
        if records is None and not shape.is_record and is_end_of_life(content):
            return _end_of_life(file, content)
        if records is None and group is not None:
            group.takes(file.item, content, shape)
            return None
        if records is None and not shape.is_record:
            return None
        builder = self.builder(file.named(stem(file.item.name)), file.item.name)
        _each(builder.add_json, [content] if records is None else map(bytes, records))
        return _finish(file, builder)


def _each(add: Callable[[bytes], None], records: Iterable[bytes]) -> None:
    for record in records:
        add(record)


def _finish(file: _File, builder: FeedBuilder) -> Callable[[], AnyFeed]:
    return lambda: builder.finish(
        _as_of(file.item.label, builder, file.item.stated), file.hashing.digest()
    )


def _line_reader(shape: Shape, builder: FeedBuilder, item: Input) -> Callable[[bytes], None] | None:
    """Choose, by one line, how lines are read; None if it is no advisory."""
    if shape.is_record:
        return builder.add_json
    if not shape.is_statement:
        return None
    if item.stated is None or item.stated.as_of is None:
        raise FeedFileError(
            f"{item.label}: not-affected statements have no date: a {MANIFEST} must state it"
        )
    as_of = item.stated.as_of

    def add(line: bytes) -> None:
        try:
            builder.add(parse_not_affected(line, as_of))
        except RecordError as error:
            builder.add_problem(str(error))

    return add


def _as_of(label: str, builder: FeedBuilder, stated: ManifestFile | None) -> str:
    """Return the manifest's date, else the newest record's: never later than the publisher."""
    if stated is not None and stated.as_of is not None:
        return stated.as_of
    try:
        return normalised(builder.newest)
    except TimeError:
        raise FeedFileError(f"{label}: not one of its records can be read") from None


def _check_stated(item: Input, hashing: HashingStream) -> None:
    if item.stated is not None and str(item.stated.digest) != hashing.digest():
        raise DigestMismatchError(item.label, item.stated.digest, Digest.parse(hashing.digest()))


def _catalogue(file: _File, content: bytes) -> Callable[[], AnyFeed]:
    exploited, as_of = parse_exploited(content)
    return lambda: ExploitedFeed(
        file.special("kev", as_of, len(exploited)), Provenance(file.item.name), exploited
    )


def _end_of_life(file: _File, content: bytes) -> Callable[[], AnyFeed]:
    ends, as_of = parse_end_of_life(content)
    stated = file.item.stated
    if stated is not None and stated.as_of is not None:
        as_of = stated.as_of
    return lambda: SupportFeed(
        file.special("eol", as_of, len(ends)), Provenance(file.item.name), ends
    )
