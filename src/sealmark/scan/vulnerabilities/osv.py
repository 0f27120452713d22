"""OSV records (OSV schema 1.7) into advisories and what they say about packages.

Severity: the score of a CVSS v3 or v2 vector decides; without one, the publisher's word
(`severity`, or Debian's `urgency`). A package that a distribution calls `unimportant` is handled
where it is matched, because that word belongs to the package, not to the vulnerability.

What a record says about one package may be unreadable while the rest is not: then that package's
versions are unknown, and say why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from sealmark.errors import UnreadableError
from sealmark.scan.vulnerabilities.advisory import Advisory, AffectedVersions, Event
from sealmark.scan.vulnerabilities.cvss import CvssError, base_score, rating
from sealmark.scan.vulnerabilities.names import (
    canonical_id,
    is_cve,
    is_id,
    package_name,
    preferred,
)
from sealmark.scan.vulnerabilities.times import is_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sealmark.evidence.vulnerability import Severity

MAX_RECORD_BYTES = 32 << 20
_MAX_SUMMARY = 240
MAX_LIST = 200_000
_BLANKS = re.compile(r"\s+")
_Item = TypeVar("_Item")
# Ranges of commits (GIT) are not compared; a package's versions stand beside them.
_RANGES = {"ECOSYSTEM": True, "SEMVER": True, "GIT": False}

_WORDS: dict[str, Severity] = {
    "critical": "critical",
    "high": "high",
    "important": "high",
    "medium": "medium",
    "moderate": "medium",
    "low": "low",
    "negligible": "low",
    "none": "none",
}


class RecordError(UnreadableError):
    """An advisory record cannot be read; the message names the record."""


@dataclass(frozen=True, slots=True)
class AffectedPackage:
    """One package of a record: canonical names, versions, the distribution's word on urgency."""

    ecosystem: str
    package: str
    versions: AffectedVersions
    urgency: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A readable record. `vulnerabilities` are the canonical ids it speaks about."""

    advisory: Advisory
    vulnerabilities: tuple[str, ...]
    affected: tuple[AffectedPackage, ...]
    withdrawn: bool = False


class _Package(msgspec.Struct):
    ecosystem: str
    name: str


class _Range(msgspec.Struct):
    type: str
    events: list[dict[str, str]] = []


class _Score(msgspec.Struct):
    type: str = ""
    score: str = ""


class _Affected(msgspec.Struct):
    package: _Package | None = None
    ranges: list[_Range] | None = None
    versions: list[str] | None = None
    severity: list[_Score] | None = None
    ecosystem_specific: dict[str, Any] | None = None
    database_specific: dict[str, Any] | None = None


class _Osv(msgspec.Struct):
    id: str
    modified: str = ""
    published: str | None = None
    withdrawn: str | None = None
    aliases: list[str] | None = None
    upstream: list[str] | None = None
    summary: str | None = None
    details: str | None = None
    severity: list[_Score] | None = None
    affected: list[_Affected] | None = None
    database_specific: dict[str, Any] | None = None


class _OnlyId(msgspec.Struct):
    id: str = "?"


_decoder = msgspec.json.Decoder(_Osv)
_id_decoder = msgspec.json.Decoder(_OnlyId)


def parse_record(content: bytes) -> Record:
    """Read one OSV record from JSON bytes. Raises RecordError naming the record."""
    if len(content) > MAX_RECORD_BYTES:
        raise RecordError(f"a record of {len(content)} bytes: at most {MAX_RECORD_BYTES}")
    try:
        osv = _decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"advisory {_name(content)}: {error}") from None
    if not is_id(osv.id):
        raise RecordError(f"advisory {osv.id[:60]!a}: the id is no printable text")
    return _record(osv)


def _name(content: bytes) -> str:
    try:
        return ascii(_id_decoder.decode(content).id[:60])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "of unknown id"


def _record(osv: _Osv) -> Record:
    if not is_time(osv.modified):
        raise RecordError(f"advisory {osv.id}: modified is no RFC 3339 time: {osv.modified[:40]!r}")
    if osv.withdrawn and not is_time(osv.withdrawn):
        raise RecordError(f"advisory {osv.id}: withdrawn is no RFC 3339 time")
    aliases = _identifiers(osv, osv.aliases)
    upstream = _identifiers(osv, osv.upstream)
    affected = tuple(_package(osv, a) for a in _bounded(osv, osv.affected) if a.package)
    severity, score, vector = _severity(osv)
    advisory = Advisory(
        id=osv.id,
        modified=osv.modified,
        aliases=aliases,
        severity=severity,
        score=score,
        vector=vector,
        summary=_summary(osv),
        published=osv.published if is_time(osv.published or "") else None,
        malicious=osv.id.startswith("MAL-"),
    )
    return Record(
        advisory, _vulnerabilities(osv.id, aliases, upstream), affected, bool(osv.withdrawn)
    )


def _vulnerabilities(
    identifier: str, aliases: Sequence[str], upstream: Sequence[str]
) -> tuple[str, ...]:
    """Name what a record is about.

    The record and its aliases are one vulnerability; a distribution's advisory may be about many
    upstream ones, each of its own.
    """
    own = preferred(map(canonical_id, (identifier, *aliases)))
    others = {canonical_id(name) for name in upstream}
    if not others:
        return (own,)
    return tuple(sorted(others | {own} if is_cve(own) else others))


def _identifiers(osv: _Osv, names: list[str] | None) -> tuple[str, ...]:
    found = dict.fromkeys(_bounded(osv, names))
    for name in found:
        if not is_id(name):
            raise RecordError(f"advisory {osv.id}: an alias is no printable id: {name[:60]!a}")
    return tuple(found)


def _bounded(osv: _Osv, items: list[_Item] | None) -> list[_Item]:
    if items is not None and len(items) > MAX_LIST:
        raise RecordError(f"advisory {osv.id}: a list of {len(items)} items: at most {MAX_LIST}")
    return items or []


def _package(osv: _Osv, affected: _Affected) -> AffectedPackage:
    assert affected.package is not None
    named = package_name(affected.package.ecosystem, affected.package.name)
    if named is None:
        raise RecordError(
            f"advisory {osv.id}: a package without a name or ecosystem of sane length"
        )
    urgency = _urgency(affected.ecosystem_specific) or _urgency(osv.database_specific)
    return AffectedPackage(*named, _versions(osv, affected), urgency)


def _versions(osv: _Osv, affected: _Affected) -> AffectedVersions:
    try:
        ranges = tuple(
            _events(osv, r) for r in _bounded(osv, affected.ranges) if _compared(osv, r.type)
        )
        return AffectedVersions(ranges, tuple(_bounded(osv, affected.versions)))
    except RecordError as error:
        return AffectedVersions(unreadable=str(error))


def _compared(osv: _Osv, kind: str) -> bool:
    if kind not in _RANGES:
        raise RecordError(f"advisory {osv.id}: unknown type of range {kind[:40]!a}")
    return _RANGES[kind]


def _events(osv: _Osv, item: _Range) -> tuple[Event, ...]:
    events = []
    for event in _bounded(osv, item.events):
        if len(event) != 1:
            raise RecordError(f"advisory {osv.id}: an event has {len(event)} keys, expected one")
        ((kind, version),) = event.items()
        events.append(_event(osv, kind, version))
    if not any(event.kind == "introduced" for event in events):
        raise RecordError(f"advisory {osv.id}: a range without an introduced event")
    return tuple(events)


def _event(osv: _Osv, kind: str, version: str) -> Event:
    match kind:
        case "introduced" | "fixed" | "last_affected" | "limit":
            return Event(kind, version)
    raise RecordError(f"advisory {osv.id}: unknown event {kind[:40]!a}")


def _urgency(specific: dict[str, Any] | None) -> str:
    word = (specific or {}).get("urgency")
    if not isinstance(word, str) or word == "not yet assigned" or len(word) > 40:
        return ""
    return word


def _severity(osv: _Osv) -> tuple[Severity, float | None, str | None]:
    """Prefer the newest scored vector, then the publisher's word."""
    scores = list(_bounded(osv, osv.severity))
    for affected in _bounded(osv, osv.affected):
        scores += _bounded(osv, affected.severity)
    for kind in ("CVSS_V3", "CVSS_V2"):
        found = [s.score for s in scores if s.type == kind]
        for vector in found:
            try:
                score = base_score(vector)
            except CvssError:
                continue
            return rating(score), score, vector
    return _word(osv), None, next((s.score[:512] for s in scores if s.type == "CVSS_V4"), None)


def _word(osv: _Osv) -> Severity:
    said = [osv.database_specific]
    for affected in osv.affected or []:
        said += [affected.ecosystem_specific, affected.database_specific]
    return _first_word((s or {}).get("severity") for s in said)


def _first_word(words: Iterable[Any]) -> Severity:
    for word in words:
        if isinstance(word, str) and word.lower() in _WORDS:
            return _WORDS[word.lower()]
    return "unknown"


def urgency_severity(urgency: str) -> Severity:
    """Return the severity a distribution's urgency stands for (Debian security tracker)."""
    return "low" if urgency == "unimportant" else _WORDS.get(urgency, "unknown")


def _summary(osv: _Osv) -> str:
    text = osv.summary or osv.details or ""
    text = _BLANKS.sub(" ", text[: 4 * _MAX_SUMMARY]).strip()
    if not text.isprintable():
        text = "".join(c for c in text if c.isprintable())
    return text if len(text) <= _MAX_SUMMARY else text[: _MAX_SUMMARY - 1].rstrip() + "…"
