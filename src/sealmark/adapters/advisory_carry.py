"""Feeds of an older database, copied into a new one as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealmark.adapters.advisory_database import AdvisoryDatabase

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection
    from pathlib import Path

# Numbers of feeds (:f) and partitions (:p) move up behind those that are already there.
_COPIES = (
    (
        "INSERT INTO main.packages "
        "SELECT k.partition + :p, k.package, k.body FROM old.packages k"
        " JOIN old.partitions o ON o.id = k.partition WHERE o.feed IN temp.wanted"
    ),
    (
        "INSERT INTO main.partitions SELECT id + :p, feed + :f, ecosystem FROM old.partitions"
        " WHERE feed IN temp.wanted"
    ),
    (
        "INSERT INTO main.advisories SELECT feed + :f, block, body FROM old.advisories"
        " WHERE feed IN temp.wanted"
    ),
    (
        "INSERT INTO main.exploited SELECT cve, feed + :f, body FROM old.exploited"
        " WHERE feed IN temp.wanted"
    ),
    (
        "INSERT INTO main.exploitability SELECT cve, feed + :f, probability, percentile"
        " FROM old.exploitability WHERE feed IN temp.wanted"
    ),
    (
        "INSERT INTO main.support SELECT product, release, feed + :f, ends FROM old.support"
        " WHERE feed IN temp.wanted"
    ),
    (
        "INSERT INTO main.feeds SELECT id + :f, name, body, provenance FROM old.feeds"
        " WHERE id IN temp.wanted"
    ),
)


def carry_over(connection: sqlite3.Connection, keep: Path, only: Collection[str] | None) -> None:
    """Copy the feeds of the database at `keep` that the open one does not have.

    With `only`, no others than those of these names. Raises DatabaseError for a file that is no
    database, or is damaged.
    """
    with AdvisoryDatabase(keep):  # refuses a foreign or damaged file by name
        pass
    connection.execute("ATTACH ? AS old", (f"{keep.resolve().as_uri()}?mode=ro&immutable=1",))
    connection.execute("BEGIN")
    _choose(connection, only)
    highest = _highest_numbers(connection)
    for statement in _COPIES:
        connection.execute(statement, highest)
    connection.execute("COMMIT")
    connection.execute("DETACH old")


def _choose(connection: sqlite3.Connection, only: Collection[str] | None) -> None:
    """Fill temp.wanted with the numbers of the feeds to copy."""
    missing = connection.execute(
        "SELECT id, name FROM old.feeds WHERE name NOT IN (SELECT name FROM main.feeds)"
    ).fetchall()
    connection.execute("CREATE TEMP TABLE wanted (id INTEGER PRIMARY KEY)")
    connection.executemany(
        "INSERT INTO temp.wanted VALUES (?)",
        [(number,) for number, name in missing if only is None or name in only],
    )


def _highest_numbers(connection: sqlite3.Connection) -> dict[str, int]:
    return dict(
        connection.execute(
            "SELECT 'f', coalesce(max(id), 0) FROM main.feeds"
            " UNION ALL SELECT 'p', coalesce(max(id), 0) FROM main.partitions"
        ).fetchall()
    )
