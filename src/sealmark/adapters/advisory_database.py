"""The advisory database, read: one immutable SQLite file, memory-mapped, any number of readers.

Format 1. `feeds` holds one row a feed; `partitions` names the ecosystems of each; `packages` maps
(partition, package) to compressed groups of entries; `advisories` holds what entries point to, in
compressed blocks; `exploited`, `exploitability` and `support` hold KEV, EPSS and end-of-life
dates. `meta.digest` is the digest of every stored value in a fixed order: it does not depend on
how SQLite lays out pages, and is checked on request, not on each start.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import zlib
from contextlib import closing
from typing import TYPE_CHECKING, Any, Self

import msgspec

from sealmark.artifact.digest import Digest, DigestMismatchError
from sealmark.errors import ServiceError, UnreadableError
from sealmark.evidence.vulnerability import Exploitability, Exploited, Feed
from sealmark.scan.vulnerabilities.advisory import Advisory, Group, PackageAdvisories
from sealmark.scan.vulnerabilities.end_of_life import product_of, release_candidates
from sealmark.scan.vulnerabilities.feed import Provenance
from sealmark.scan.vulnerabilities.names import canonical_ecosystem, canonical_package

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

APPLICATION_ID = 0x5345414C
FORMAT = 1
BLOCK = 64
PROBABILITY_SCALE = 1_000_000
_MAX_BODY = 256 << 20
_MAP = 1 << 31
_CVE = re.compile(r"CVE-([0-9]{4})-([0-9]{4,12})", re.ASCII)

_groups_decoder = msgspec.msgpack.Decoder(tuple[Group, ...])
_block_decoder = msgspec.msgpack.Decoder(tuple[Advisory, ...])
_exploited_decoder = msgspec.msgpack.Decoder(Exploited)
_feed_decoder = msgspec.msgpack.Decoder(Feed)
_provenance_decoder = msgspec.msgpack.Decoder(Provenance)

# Every stored value, by feed name, in an order that does not depend on row numbers.
DIGESTED = (
    "SELECT name, body, provenance FROM feeds ORDER BY name",
    (
        "SELECT f.name, p.ecosystem, k.package, k.body FROM packages k JOIN partitions p"
        " ON p.id = k.partition JOIN feeds f ON f.id = p.feed"
        " ORDER BY f.name, p.ecosystem, k.package"
    ),
    (
        "SELECT f.name, a.block, a.body FROM advisories a JOIN feeds f ON f.id = a.feed"
        " ORDER BY f.name, a.block"
    ),
    (
        "SELECT f.name, e.cve, e.body FROM exploited e JOIN feeds f ON f.id = e.feed"
        " ORDER BY e.cve, f.name"
    ),
    (
        "SELECT f.name, e.cve, e.probability, e.percentile FROM exploitability e"
        " JOIN feeds f ON f.id = e.feed ORDER BY e.cve, f.name"
    ),
    (
        "SELECT f.name, s.product, s.release, s.ends FROM support s JOIN feeds f ON f.id = s.feed"
        " ORDER BY s.product, s.release, f.name"
    ),
)


class NoDatabaseError(ServiceError):
    """There is no advisory database yet."""


class DatabaseError(UnreadableError):
    """The advisory database is damaged, or of a format this version does not read."""


def cve_number(cve: str) -> int | None:
    """Return a CVE id as a number, None for anything else."""
    match = _CVE.fullmatch(cve)
    return int(match[1]) * 10**12 + int(match[2]) if match else None


def pack(value: object) -> bytes:
    """Encode and compress a value for storage."""
    return zlib.compress(msgspec.msgpack.encode(value), 9)


def unpack(body: bytes) -> bytes:
    """Decompress a stored value, at most 256 MiB. Raises DatabaseError."""
    try:
        stream = zlib.decompressobj()
        content = stream.decompress(body, _MAX_BODY)
    except (zlib.error, TypeError) as error:
        raise DatabaseError(f"advisory database: a stored value is damaged: {error}") from None
    if not stream.eof:
        raise DatabaseError("advisory database: a stored value is cut short or absurdly large")
    return content


def content_digest(connection: sqlite3.Connection) -> Digest:
    """Compute the digest of everything stored."""
    state = hashlib.sha256(b"sealmark advisories %d\n" % FORMAT)
    for query in DIGESTED:
        for row in connection.execute(query):
            state.update(msgspec.msgpack.encode(row))
    return Digest("sha256", state.hexdigest())


class AdvisoryDatabase:
    """An open database. Implements AdvisorySource, Priorities and SupportDates.

    Opening reads the list of feeds and nothing else. The file may be replaced while it is open;
    this reader keeps seeing the one it opened.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise NoDatabaseError(
                f"no advisory database at {path}: run `sealmark advisories update` first"
            )
        self.path = path
        self._connection = _connect(path)
        self._blocks: dict[tuple[int, int], tuple[Advisory, ...]] = {}
        try:
            self._load()
        except BaseException:
            self._connection.close()
            raise

    def _load(self) -> None:
        self._check_format()
        self.digest = self._stored_digest()
        self._feeds: dict[str, Feed] = {}
        self._feed_numbers: dict[str, int] = {}
        for number, name, body in self._rows("SELECT id, name, body FROM feeds ORDER BY name"):
            self._feeds[name] = _decoded(_feed_decoder, body)
            self._feed_numbers[name] = number
        self._partitions: dict[str, list[tuple[int, str]]] = {}
        for number, ecosystem, name in self._rows(
            "SELECT p.id, p.ecosystem, f.name FROM partitions p"
            " JOIN feeds f ON f.id = p.feed ORDER BY f.name"
        ):
            self._partitions.setdefault(ecosystem, []).append((number, name))

    def _check_format(self) -> None:
        ((application,),) = self._rows("PRAGMA application_id")
        ((version,),) = self._rows("PRAGMA user_version")
        if application != APPLICATION_ID or version != FORMAT:
            raise DatabaseError(
                f"{self.path}: expected an advisory database of format {FORMAT}, got "
                f"application {application:#x} format {version}: run `sealmark advisories update`"
            )

    def _stored_digest(self) -> Digest:
        rows = list(self._rows("SELECT value FROM meta WHERE key = 'digest'"))
        if len(rows) != 1 or not isinstance(rows[0][0], str):
            raise DatabaseError(f"{self.path}: the database does not state its digest")
        return Digest.parse(rows[0][0])

    def feeds(self) -> tuple[Feed, ...]:
        """Return every feed, by name."""
        return tuple(self._feeds.values())

    def provenance(self, feed: str) -> Provenance:
        """Return where a feed came from, and what could not be read of it."""
        ((body,),) = self._rows("SELECT provenance FROM feeds WHERE name = ?", feed)
        provenance: Provenance = _decoded(_provenance_decoder, body)
        return provenance

    def lookup(self, ecosystem: str, package: str) -> tuple[PackageAdvisories, ...]:
        """Return what each feed says about a package of an ecosystem."""
        ecosystem = canonical_ecosystem(ecosystem)
        name = canonical_package(ecosystem, package)
        # OSV: an ecosystem without a release speaks about every release.
        whole = ecosystem.partition(":")[0]
        partitions = self._partitions.get(ecosystem, [])
        if whole != ecosystem:
            partitions = partitions + self._partitions.get(whole, [])
        return tuple(
            PackageAdvisories(feed, _decoded(_groups_decoder, unpack(body)))
            for partition, feed in partitions
            for (body,) in self._rows(
                "SELECT body FROM packages WHERE partition = ? AND package = ?", partition, name
            )
        )

    def advisory(self, feed: str, number: int) -> Advisory:
        """Return the advisory an entry points to."""
        block, offset = divmod(number, BLOCK)
        where = (self._feed_numbers[feed], block)
        if where not in self._blocks:
            rows = list(
                self._rows("SELECT body FROM advisories WHERE feed = ? AND block = ?", *where)
            )
            self._blocks[where] = _decoded(_block_decoder, unpack(rows[0][0])) if rows else ()
        advisories = self._blocks[where]
        if not 0 <= offset < len(advisories):
            raise DatabaseError(f"{self.path}: feed {feed} has no advisory number {number}")
        return advisories[offset]

    def exploited(self, cve: str) -> Exploited | None:
        """Return the KEV entry of a CVE, if any."""
        for (body,) in self._rows("SELECT body FROM exploited WHERE cve = ?", cve_number(cve)):
            exploited: Exploited = _decoded(_exploited_decoder, body)
            return exploited
        return None

    def exploitability(self, cve: str) -> Exploitability | None:
        """Return the EPSS score of a CVE, if any."""
        for probability, percentile in self._rows(
            "SELECT probability, percentile FROM exploitability WHERE cve = ?", cve_number(cve)
        ):
            return Exploitability(
                probability=probability / PROBABILITY_SCALE,
                percentile=percentile / PROBABILITY_SCALE,
            )
        return None

    def support_ends(self, os_id: str, version: str) -> str | None:
        """Return the last day of public security support of a distribution's release."""
        for release in release_candidates(version):
            for (ends,) in self._rows(
                "SELECT ends FROM support WHERE product = ? AND release = ?",
                product_of(os_id),
                release,
            ):
                return ends if isinstance(ends, str) else None
        return None

    def verify(self) -> None:
        """Recompute the digest from every stored value. Raises DigestMismatchError."""
        try:
            got = content_digest(self._connection)
        except sqlite3.Error as error:
            raise DatabaseError(f"{self.path}: the database is damaged: {error}") from None
        if got != self.digest:
            raise DigestMismatchError(str(self.path), self.digest, got)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _rows(self, query: str, *arguments: object) -> Iterator[tuple[Any, ...]]:
        try:
            with closing(self._connection.execute(query, arguments)) as cursor:
                yield from cursor
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise DatabaseError(f"{self.path}: the database is damaged: {error}") from None


def _connect(path: Path) -> sqlite3.Connection:
    try:
        # immutable: nobody writes this file; it is only ever replaced as a whole.
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        connection.execute(f"PRAGMA mmap_size = {_MAP}")
    except sqlite3.Error as error:
        raise DatabaseError(f"{path}: not an advisory database: {error}") from None
    return connection


def _decoded(decoder: msgspec.msgpack.Decoder[Any], body: object) -> Any:
    try:
        return decoder.decode(body)  # type: ignore[arg-type]
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError, RecursionError) as error:
        raise DatabaseError(f"advisory database: a stored value is damaged: {error}") from None
