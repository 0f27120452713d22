"""Times at which a judgement's inputs stop being true."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealmark.evidence.document import Evidence
    from sealmark.policy.control import Context

CLOCK_TOLERANCE = timedelta(days=1)


def instant(text: str) -> datetime | None:
    """Read an RFC 3339 time; one without a zone is UTC. None for anything else."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def day_after(text: str) -> datetime | None:
    """Return the first moment after an ISO 8601 date, in UTC. None for anything else."""
    try:
        last = date.fromisoformat(text)
        return datetime.combine(last + timedelta(days=1), time(), UTC)
    except (ValueError, OverflowError):
        return None


def staleness(as_of: str | None, context: Context) -> str | None:
    """Say why a feed of this date is not knowledge now; None when it is fresh."""
    spoken = instant(as_of) if as_of else None
    if spoken is None:
        return "does not say when it was published"
    if spoken - context.now > CLOCK_TOLERANCE:
        return f"claims to be from the future ({as_of})"
    age = context.now - spoken
    limit = context.parameters.max_advisory_age
    if age > limit:
        return f"is {age.days} days old ({as_of}), more than the {limit.days} days allowed"
    return None


def expiries(evidence: Evidence, context: Context) -> Iterator[datetime]:
    """Yield every future moment at which an input of the judgement changes its meaning."""
    candidates = [_outdated(as_of, context) for as_of in _dates_used(evidence)]
    system = evidence.inventory.operating_system if evidence.inventory else None
    if system and system.support_ends:
        candidates.append(day_after(system.support_ends))
    signatures = evidence.signatures
    candidates += [instant(one.until or "") for one in signatures.demands] if signatures else []
    yield from (moment for moment in candidates if moment is not None and moment > context.now)


def _dates_used(evidence: Evidence) -> Iterator[str | None]:
    """Yield the dates of the feeds that answered, and of the catalogue of what is exploited."""
    known = evidence.vulnerabilities
    if known is None:
        return
    yield from (line.as_of for line in known.coverage)
    if any(found.status == "affected" for found in known.findings):
        yield from (feed.as_of for feed in known.feeds if "kev" in feed.ecosystems)


def _outdated(as_of: str | None, context: Context) -> datetime | None:
    """Return when a feed of this date stops being knowledge; None where the calendar ends."""
    spoken = instant(as_of) if as_of else None
    try:
        return spoken + context.parameters.max_advisory_age if spoken else None
    except OverflowError:
        return None
