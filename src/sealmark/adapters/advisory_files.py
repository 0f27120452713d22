"""Feeds from files, folders and archives, as `advisories update --from` takes them.

What a file is, is decided by its content: OSV records (one, a list, or one a line), not-affected
statements, the KEV catalogue, EPSS scores, end-of-life data. Single OSV records in one folder or
archive form one feed, named after it. Compressed files are read as streams; lines, documents,
members and totals are bounded.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
import zlib
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, cast

import msgspec

from sealmark.artifact.digest import Digest, DigestMismatchError
from sealmark.errors import UnreadableError, UsageError
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
from sealmark.scan.vulnerabilities.manifest import ManifestFile, parse_manifest
from sealmark.scan.vulnerabilities.not_affected import parse_not_affected
from sealmark.scan.vulnerabilities.osv import MAX_RECORD_BYTES, RecordError
from sealmark.scan.vulnerabilities.times import TimeError, normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_CHUNK = 1 << 18
_MAX_WINDOW = 1 << 27


class FeedFileError(UnreadableError):
    """A feed file cannot be read, is none, or exceeds a limit."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that is read: bytes of one stream, of one document, members of one archive."""

    stream: int = 8 << 30
    document: int = 512 << 20
    line: int = MAX_RECORD_BYTES
    members: int = 2_000_000


@dataclass(frozen=True, slots=True)
class _Input:
    """One file to read: its name without folders, what to call it in messages, its bytes."""

    name: str
    label: str
    open: Callable[[], IO[bytes]]
    stated: ManifestFile | None = None


class _Shape(msgspec.Struct):
    """Just enough of a JSON object to tell what it is."""

    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    modified: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    ecosystem: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    cve: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    catalog: msgspec.Raw | msgspec.UnsetType = msgspec.field(
        default=msgspec.UNSET, name="catalogVersion"
    )


class FeedReader:
    """Reads feeds; tells `skipped` about files in folders and archives that are no feed."""

    def __init__(
        self, skipped: Callable[[str], None] = lambda _: None, limits: Limits | None = None
    ) -> None:
        self._skipped = skipped
        self._limits = limits or Limits()

    def read(self, paths: Iterable[Path]) -> Iterator[AnyFeed]:
        """Yield the feeds of every path, one at a time.

        Raises UsageError for a path that does not exist, FeedFileError (or the parser's own
        error) for a named file that is no feed.
        """
        for path in paths:
            if path.is_dir():
                yield from self._read_group(path.resolve().name, _folder(path, self._limits))
            elif path.is_file():
                yield from self.read_file(path)
            else:
                raise UsageError(f"{path}: no such file or folder")

    def read_file(self, path: Path, name: str | None = None) -> Iterator[AnyFeed]:
        """Yield the feeds of one file; `name` overrides the name of the feed."""
        with _own_errors(str(path)):
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    members = _zip_members(archive, path, self._limits)
                    yield from self._read_group(name or _stem(path.name), members)
            elif _is_tar(path.name):
                stream = _unpacked(path.open("rb"), path.name, self._limits)
                with closing(stream), tarfile.open(fileobj=stream, mode="r|") as archive:
                    members = _tar_members(archive, path, self._limits)
                    yield from self._read_group(name or _stem(path.name), members)
            else:
                stated = _beside(path)
                feed = self._read_one(
                    _Input(path.name, str(path), lambda: path.open("rb"), stated), None, name
                )
                if feed is None:
                    raise FeedFileError(
                        f"{path}: expected OSV records, a KEV catalogue, EPSS scores or "
                        "end-of-life data, got something else"
                    )
                yield feed

    def _read_group(self, name: str, inputs: Iterable[_Input]) -> Iterator[AnyFeed]:
        group = _Group(FeedBuilder(name, name))
        for item in inputs:
            with _own_errors(item.label):
                before = group.builder.records + group.builder.unreadable
                feed = self._read_one(item, group, None)
                if feed is not None:
                    yield feed
                elif group.builder.records + group.builder.unreadable == before:
                    self._skipped(f"{item.label}: left out, it is no feed")
        if group.builder.records or group.builder.unreadable:
            yield group.builder.finish(
                _as_of(name, group.builder, None), f"sha256:{group.state.hexdigest()}"
            )

    def _read_one(self, item: _Input, group: _Group | None, name: str | None) -> AnyFeed | None:
        """Read one file. Single records go to `group` if there is one; None then, or if no feed."""
        hashing = _Hashing(item.open())
        inner = PurePosixPath(item.name)
        while inner.suffix in (".zst", ".gz"):
            inner = inner.with_suffix("")
        with closing(_unpacked(hashing, item.name, self._limits)) as stream:
            if inner.suffix in (".jsonl", ".ndjson"):
                read: Callable[[], AnyFeed] | None = self._lines(item, stream, name, hashing)
            elif inner.suffix == ".csv":
                read = self._scores(item, stream, name, hashing)
            elif inner.suffix == ".json":
                read = self._document(item, stream, group, name, hashing)
            else:
                return None
            if read is None:
                return None
            hashing.drain()
        _check_stated(item, hashing)
        return read()

    def _lines(
        self, item: _Input, stream: IO[bytes], name: str | None, hashing: _Hashing
    ) -> Callable[[], AnyFeed] | None:
        builder = FeedBuilder(name or _stem(item.name), item.name)
        add: Callable[[bytes], None] | None = None
        for line in _bounded_lines(stream, item.label, self._limits):
            if line.isspace():
                continue
            if add is None:
                add = _line_reader(line, builder, item)
                if add is None:
                    return None
            add(line)
        if add is None:
            raise FeedFileError(f"{item.label}: empty, expected one record a line")
        return lambda: builder.finish(_as_of(item.label, builder, item.stated), hashing.digest())

    def _scores(
        self, item: _Input, stream: IO[bytes], name: str | None, hashing: _Hashing
    ) -> Callable[[], AnyFeed]:
        scores, as_of = parse_exploitability(_bounded_lines(stream, item.label, self._limits))
        return lambda: ExploitabilityFeed(
            _special(name or "epss", "epss", as_of, hashing, len(scores)),
            Provenance(item.name),
            scores,
        )

    def _document(
        self,
        item: _Input,
        stream: IO[bytes],
        group: _Group | None,
        name: str | None,
        hashing: _Hashing,
    ) -> Callable[[], AnyFeed] | None:
        content = stream.read(self._limits.document + 1)
        if len(content) > self._limits.document:
            raise FeedFileError(f"{item.label}: a document above {self._limits.document} bytes")
        shape = _shape(content)
        if shape is None:
            return self._record_list(item, content, name, hashing)
        if shape.catalog is not msgspec.UNSET:
            return _catalogue(item, content, name, hashing)
        if shape.id is msgspec.UNSET or shape.modified is msgspec.UNSET:
            return _end_of_life(item, content, name, hashing)
        if group is not None:
            group.add(item.name, content)
            return None
        builder = FeedBuilder(name or _stem(item.name), item.name)
        builder.add_json(content)
        return lambda: builder.finish(_as_of(item.label, builder, item.stated), hashing.digest())

    def _record_list(
        self, item: _Input, content: bytes, name: str | None, hashing: _Hashing
    ) -> Callable[[], AnyFeed] | None:
        try:
            records = msgspec.json.decode(content, type=list[msgspec.Raw])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        if not records or not _is_osv(_shape(bytes(records[0]))):
            return None
        builder = FeedBuilder(name or _stem(item.name), item.name)
        for record in records:
            builder.add_json(bytes(record))
        return lambda: builder.finish(_as_of(item.label, builder, item.stated), hashing.digest())


@dataclass(slots=True)
class _Group:
    """Single records of one folder or archive, becoming one feed."""

    builder: FeedBuilder
    state: hashlib._Hash = field(default_factory=hashlib.sha256)

    def add(self, name: str, content: bytes) -> None:
        self.builder.add_json(content)
        self.state.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())


class _Hashing(io.RawIOBase):
    """Hashes the bytes of a file while they are read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._state = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        content = self._stream.read(len(view))
        view[: len(content)] = content
        self._state.update(content)
        return len(content)

    def drain(self) -> None:
        """Read what a decompressor left unread, so that the digest covers the whole file."""
        while self.read(_CHUNK):
            pass

    def digest(self) -> str:
        return f"sha256:{self._state.hexdigest()}"

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Capped(io.RawIOBase):
    """Stops with an error once more than `limit` bytes came out of a stream."""

    def __init__(self, stream: IO[bytes], limit: int, label: str) -> None:
        self._stream = stream
        self._left = limit
        self._limit = limit
        self._label = label

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        content = self._stream.read(len(view))
        self._left -= len(content)
        if self._left < 0:
            raise FeedFileError(f"{self._label}: unpacks to more than {self._limit} bytes")
        view[: len(content)] = content
        return len(content)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _unpacked(stream: IO[bytes] | io.RawIOBase, name: str, limits: Limits) -> IO[bytes]:
    inner = cast("IO[bytes]", stream)
    suffix = PurePosixPath(name).suffix
    if suffix == ".zst":
        import zstandard

        decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
        unpacked = cast(
            "IO[bytes]",
            decompressor.stream_reader(inner, read_across_frames=True, closefd=False),
        )
    elif suffix in (".gz", ".tgz"):
        unpacked = cast("IO[bytes]", gzip.GzipFile(fileobj=inner))
    else:
        unpacked = inner
    return cast("IO[bytes]", io.BufferedReader(_Capped(unpacked, limits.stream, name), _CHUNK))


@contextmanager
def _own_errors(label: str) -> Iterator[None]:
    """Turn what decompressors and archive readers raise into FeedFileError."""
    from zstandard import ZstdError

    try:
        yield
    except (
        OSError,
        EOFError,
        ValueError,
        RuntimeError,
        NotImplementedError,
        zlib.error,
        ZstdError,
        zipfile.BadZipFile,
        tarfile.TarError,
    ) as error:
        raise FeedFileError(f"{label}: {str(error)[:200]}") from None


def _folder(path: Path, limits: Limits) -> Iterator[_Input]:
    manifest = _manifest(path / MANIFEST)
    for number, file in enumerate(sorted(path.rglob("*"))):
        if number > limits.members:
            raise FeedFileError(f"{path}: more than {limits.members} files")
        if file.is_file() and not file.is_symlink() and file.name != MANIFEST:
            stated = manifest.get(file.relative_to(path).as_posix())
            yield _Input(file.name, str(file), lambda file=file: file.open("rb"), stated)  # type: ignore[misc]


def _zip_members(archive: zipfile.ZipFile, path: Path, limits: Limits) -> Iterator[_Input]:
    infos = archive.infolist()
    if len(infos) > limits.members:
        raise FeedFileError(f"{path}: more than {limits.members} members")
    if sum(info.file_size for info in infos) > limits.stream:
        raise FeedFileError(f"{path}: unpacks to more than {limits.stream} bytes")
    for info in infos:
        if not info.is_dir():
            name = PurePosixPath(info.filename).name
            yield _Input(name, f"{path}!{name}", lambda info=info: archive.open(info))  # type: ignore[misc]


def _tar_members(archive: tarfile.TarFile, path: Path, limits: Limits) -> Iterator[_Input]:
    for number, member in enumerate(archive):
        if number > limits.members:
            raise FeedFileError(f"{path}: more than {limits.members} members")
        content = archive.extractfile(member) if member.isreg() else None
        if content is not None:
            name = PurePosixPath(member.name).name
            yield _Input(name, f"{path}!{name}", lambda content=content: content)  # type: ignore[misc]


def _is_tar(name: str) -> bool:
    return name.endswith((".tar", ".tar.gz", ".tgz", ".tar.zst"))


def _stem(name: str) -> str:
    for suffix in (".zst", ".gz", ".tgz", ".tar", ".zip", ".jsonl", ".ndjson", ".json", ".csv"):
        name = name.removesuffix(suffix)
    return name or "feed"


def _beside(path: Path) -> ManifestFile | None:
    return _manifest(path.parent / MANIFEST).get(path.name)


def _manifest(path: Path) -> dict[str, ManifestFile]:
    return parse_manifest(path.read_bytes()) if path.is_file() else {}


def _check_stated(item: _Input, hashing: _Hashing) -> None:
    if item.stated is not None and str(item.stated.digest) != hashing.digest():
        raise DigestMismatchError(item.label, item.stated.digest, Digest.parse(hashing.digest()))


def _bounded_lines(stream: IO[bytes], label: str, limits: Limits) -> Iterator[bytes]:
    while line := stream.readline(limits.line + 1):
        if len(line) > limits.line:
            raise FeedFileError(f"{label}: a line of more than {limits.line} bytes")
        yield line


def _shape(content: bytes) -> _Shape | None:
    try:
        return msgspec.json.decode(content, type=_Shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _is_osv(shape: _Shape | None) -> bool:
    return shape is not None and msgspec.UNSET not in (shape.id, shape.modified)


def _line_reader(line: bytes, builder: FeedBuilder, item: _Input) -> Callable[[bytes], None] | None:
    """Choose, by the first line, how lines are read; None if they are no advisories."""
    shape = _shape(line)
    if _is_osv(shape):
        return builder.add_json
    if shape is None or msgspec.UNSET in (shape.id, shape.ecosystem, shape.cve):
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


def _special(name: str, kind: str, as_of: str, hashing: _Hashing, records: int) -> Feed:
    return Feed(
        name=name, as_of=as_of, digest=hashing.digest(), ecosystems=(kind,), records=records
    )


def _catalogue(
    item: _Input, content: bytes, name: str | None, hashing: _Hashing
) -> Callable[[], AnyFeed]:
    exploited, as_of = parse_exploited(content)
    return lambda: ExploitedFeed(
        _special(name or "kev", "kev", as_of, hashing, len(exploited)),
        Provenance(item.name),
        exploited,
    )


def _end_of_life(
    item: _Input, content: bytes, name: str | None, hashing: _Hashing
) -> Callable[[], AnyFeed] | None:
    try:
        data = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        first = msgspec.json.decode(next(iter(data.values()), b"null"))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if "result" not in data and not (isinstance(first, dict) and "releases" in first):
        return None
    ends, as_of = parse_end_of_life(content)
    if item.stated is not None and item.stated.as_of is not None:
        as_of = item.stated.as_of
    return lambda: SupportFeed(
        _special(name or "eol", "eol", as_of, hashing, len(ends)), Provenance(item.name), ends
    )
