"""Times as feeds write them, compared without trusting their form."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sealmark.errors import UnreadableError

_OSV_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]{5,20}(Z|[+-][0-9]{2}:[0-9]{2}))?", re.ASCII
)


class TimeError(UnreadableError):
    """A text is no ISO 8601 date or RFC 3339 time."""


def parse_time(text: str) -> datetime:
    """Read a date or a time; without a zone it is UTC. Raises TimeError."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise TimeError(f"expected an ISO 8601 time, got {text[:60]!a}") from None


def is_time(text: str) -> bool:
    """Say whether a text is a time as OSV writes it."""
    return _OSV_TIME.fullmatch(text) is not None


def written(moment: datetime) -> str:
    """Write a moment as feeds' dates are stored: UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def normalised(text: str) -> str:
    """Return a date or time in the stored form. Raises TimeError."""
    return written(parse_time(text))


def latest(a: str, b: str) -> str:
    """Return the later of two times; one that cannot be read is the earlier."""
    return max(a, b, key=_moment)


def _moment(text: str) -> datetime:
    try:
        return parse_time(text)
    except TimeError:
        return datetime.min.replace(tzinfo=UTC)
