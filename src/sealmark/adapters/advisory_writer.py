"""The advisory database, written: built beside the old file, then put in its place in one step."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sealmark.adapters.advisory_carry import carry_over
from sealmark.adapters.advisory_database import (
    APPLICATION_ID,
    BLOCK,
    FORMAT,
    PROBABILITY_SCALE,
    DatabaseError,
    content_digest,
    cve_number,
    pack,
)
from sealmark.errors import ServiceError
from sealmark.scan.vulnerabilities.feed import (
    AdvisoryFeed,
    AnyFeed,
    ExploitabilityFeed,
    ExploitedFeed,
    SupportFeed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from sealmark.artifact.digest import Digest

DOWNLOADS = "download."
_SCHEMA = f"""
PRAGMA page_size = 4096;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE feeds (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, body BLOB NOT NULL, provenance BLOB NOT NULL);
CREATE TABLE partitions (
  id INTEGER PRIMARY KEY, feed INTEGER NOT NULL, ecosystem TEXT NOT NULL);
CREATE TABLE packages (
  partition INTEGER, package TEXT, body BLOB NOT NULL,
  PRIMARY KEY (partition, package)) WITHOUT ROWID;
CREATE TABLE advisories (
  feed INTEGER, block INTEGER, body BLOB NOT NULL, PRIMARY KEY (feed, block)) WITHOUT ROWID;
CREATE TABLE exploited (
  cve INTEGER, feed INTEGER, body BLOB NOT NULL, PRIMARY KEY (cve, feed)) WITHOUT ROWID;
CREATE TABLE exploitability (
  cve INTEGER, feed INTEGER, probability INTEGER NOT NULL, percentile INTEGER NOT NULL,
  PRIMARY KEY (cve, feed)) WITHOUT ROWID;
CREATE TABLE support (
  product TEXT, release TEXT, feed INTEGER, ends TEXT,
  PRIMARY KEY (product, release, feed)) WITHOUT ROWID;
"""


@contextmanager
def updating(path: Path) -> Iterator[None]:
    """Hold the right to replace the database at `path`; a second updater waits for the first.

    What one that was killed left beside it is removed: whoever holds the right is alone.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        opened = path.with_suffix(".lock").open("wb")
    except OSError as error:
        raise ServiceError(f"cannot write the advisory database {path}: {error.strerror}") from None
    with opened as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in path.parent.glob(f"{path.name}.*.new"):
            left.unlink(missing_ok=True)
        for left in path.parent.glob(f"{DOWNLOADS}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


def write_database(
    path: Path,
    feeds: Iterable[AnyFeed],
    keep: Path | None = None,
    only: Collection[str] | None = None,
    written: Callable[[AnyFeed], None] = lambda _: None,
) -> Digest:
    """Build a database from `feeds` and put it at `path` in one step; return its digest.

    Feeds of the database at `keep` that are not among `feeds` are carried over as they are, if
    their names are in `only` or there is no `only`. On any error the old file stays as it was.
    Raises ServiceError where the disk refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".", suffix=".new")
    os.close(descriptor)
    temporary = Path(name)
    try:
        digest = _build(temporary, feeds, (keep, only), written)
        _replace(temporary, path)
    except (sqlite3.Error, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ServiceError(f"cannot write the advisory database {path}: {why}") from None
    finally:
        temporary.unlink(missing_ok=True)
    return digest


def _replace(temporary: Path, path: Path) -> None:
    temporary.chmod(0o644)
    _sync(temporary)
    temporary.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _build(
    path: Path,
    feeds: Iterable[AnyFeed],
    kept: tuple[Path | None, Collection[str] | None],
    written: Callable[[AnyFeed], None],
) -> Digest:
    with closing(sqlite3.connect(path, uri=True, isolation_level=None)) as connection:
        connection.executescript(_SCHEMA)
        connection.execute("BEGIN")
        for feed in feeds:
            _write_feed(connection, feed)
            written(feed)
        connection.execute("COMMIT")
        keep, only = kept
        if keep is not None:
            carry_over(connection, keep, only)
        digest = content_digest(connection)
        connection.execute("INSERT INTO meta VALUES ('digest', ?)", (str(digest),))
        connection.execute("VACUUM")
        return digest


def _write_feed(connection: sqlite3.Connection, feed: AnyFeed) -> None:
    number = _write_head(connection, feed)
    match feed:
        case AdvisoryFeed():
            _write_advisories(connection, number, feed)
        case ExploitedFeed():
            connection.executemany(
                "INSERT INTO exploited VALUES (?, ?, ?)",
                (
                    (cve_number(cve), number, msgspec.msgpack.encode(value))
                    for cve, value in feed.exploited.items()
                ),
            )
        case ExploitabilityFeed():
            _write_scores(connection, number, feed)
        case SupportFeed():
            connection.executemany(
                "INSERT OR REPLACE INTO support VALUES (?, ?, ?, ?)",
                ((end.product, end.release, number, end.ends) for end in feed.ends),
            )


def _write_head(connection: sqlite3.Connection, feed: AnyFeed) -> int:
    """Write what a feed says about itself; return its number."""
    body = msgspec.msgpack.encode(feed.feed)
    provenance = msgspec.msgpack.encode(feed.provenance)
    try:
        number = connection.execute(
            "INSERT INTO feeds (name, body, provenance) VALUES (?, ?, ?)",
            (feed.feed.name, body, provenance),
        ).lastrowid
    except sqlite3.IntegrityError:
        raise DatabaseError(
            f"two inputs are both named {feed.feed.name!r}: rename one, or leave one out"
        ) from None
    assert number is not None
    return number


def _write_scores(connection: sqlite3.Connection, number: int, feed: ExploitabilityFeed) -> None:
    connection.executemany(
        "INSERT INTO exploitability VALUES (?, ?, ?, ?)",
        (
            (
                cve_number(cve),
                number,
                round(value.probability * PROBABILITY_SCALE),
                round(value.percentile * PROBABILITY_SCALE),
            )
            for cve, value in feed.exploitability.items()
        ),
    )


def _write_advisories(connection: sqlite3.Connection, number: int, feed: AdvisoryFeed) -> None:
    blocks = range(0, len(feed.advisories), BLOCK)
    connection.executemany(
        "INSERT INTO advisories VALUES (?, ?, ?)",
        (
            (number, start // BLOCK, pack(feed.advisories[start : start + BLOCK]))
            for start in blocks
        ),
    )
    partitions = {
        ecosystem: connection.execute(
            "INSERT INTO partitions (feed, ecosystem) VALUES (?, ?)", (number, ecosystem)
        ).lastrowid
        for ecosystem in sorted({ecosystem for ecosystem, _ in feed.packages})
    }
    connection.executemany(
        "INSERT INTO packages VALUES (?, ?, ?)",
        (
            (partitions[ecosystem], package, pack(groups))
            for (ecosystem, package), groups in feed.packages.items()
        ),
    )
