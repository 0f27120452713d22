"""Advisories as the database keeps them.

What an advisory says about itself (`Advisory`) is stored once; what it says about one package is
an `Entry`. Entries with the same affected versions share a `Group`, so that a version is compared
once with a range however many advisories name it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from sealmark.evidence.vulnerability import Severity


class Advisory(msgspec.Struct, frozen=True, array_like=True):
    """The part of an advisory that does not depend on a package.

    `aliases` are other names of the same vulnerability. `score` and `vector` are CVSS, `severity`
    the rating of that score, or the publisher's word where there is no score.
    """

    id: str
    modified: str
    aliases: tuple[str, ...] = ()
    severity: Severity = "unknown"
    score: float | None = None
    vector: str | None = None
    summary: str = ""
    published: str | None = None
    malicious: bool = False


class Event(msgspec.Struct, frozen=True, array_like=True):
    """One event of an OSV range; `introduced` "0" is before every version."""

    kind: Literal["introduced", "fixed", "last_affected", "limit"]
    version: str


class AffectedVersions(msgspec.Struct, frozen=True, array_like=True):
    """The versions an advisory is about: those in any range, and those enumerated.

    Neither means that the publisher gave nothing that can be compared, or, where `unreadable` says
    why, that what it gave could not be read.
    """

    ranges: tuple[tuple[Event, ...], ...] = ()
    versions: tuple[str, ...] = ()
    unreadable: str = ""


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One vulnerability of one package.

    `vulnerability` is its canonical id (a CVE id where there is one), `advisory` the number of
    the Advisory within the feed, `urgency` the distribution's own word.
    """

    vulnerability: str
    advisory: int
    urgency: str = ""


class Group(msgspec.Struct, frozen=True, array_like=True):
    """Entries that share their affected versions."""

    affected: AffectedVersions
    entries: tuple[Entry, ...]


class PackageAdvisories(msgspec.Struct, frozen=True):
    """Everything one feed says about one package."""

    feed: str
    groups: tuple[Group, ...]
