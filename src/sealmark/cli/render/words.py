"""Short words that several formats share: counts, names, digests, what is told of a base image."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sealmark.cli.render.plan import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealmark.cli.render.plan import Change, Item
    from sealmark.evidence.inventory import Base, Inventory

_MOST_NAMES = 4
_LIKELY = 0.01
"""The probability of exploitation from which on it is worth a word."""


def counted(count: int, noun: str) -> str:
    """Return `3 refusals`, `1 refusal`, or nothing for none."""
    return f"{count} {noun}{'' if count == 1 else 's'}" if count else ""


def named(names: Sequence[str]) -> str:
    """Return the first few names, and how many there are beyond."""
    rest = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def short_digest(digest: str) -> str:
    """Return a digest as people quote it: twelve digits."""
    algorithm, colon, content = digest.partition(":")
    return f"{algorithm}{colon}{content[:12]}"


def summary(items: Sequence[Item]) -> str:
    """Return how bad items are: `2 known exploited, 1 critical, 3 high, 1 other`.

    Nothing where none of them is a vulnerability.
    """
    if not any(item.finding for item in items):
        return ""
    exploited = sum(bool(item.finding and item.finding.exploited) for item in items)
    counts = Counter(item.finding.severity if item.finding else "other" for item in items)
    told = [f"{exploited} known exploited"] if exploited else []
    told += [
        f"{counts[name]} {name if name != 'unknown' else 'of unknown severity'}"
        for name in (*SEVERITIES, "other")
        if counts[name]
    ]
    return ", ".join(told)


def flags(item: Item) -> list[str]:
    """Return what makes a finding urgent: known exploited, malicious, likely to be exploited."""
    found = item.finding
    if found is None:
        return []
    marks = ["malicious"] if found.kind == "malicious" else []
    marks += ["KEV"] if found.exploited else []
    if found.exploitability and found.exploitability.probability >= _LIKELY:
        marks.append(f"EPSS {found.exploitability.probability:.0%}")
    return marks


def concerned(change: Change) -> str:
    """Return the packages a change is about: `libssl3, openssl 3.0.8-1`, by version."""
    by_version: dict[str, list[str]] = {}
    for component in change.components:
        by_version.setdefault(component.version, []).append(component.name)
    groups = [f"{named(names)} {version}" for version, names in by_version.items()]
    return named(groups)


def origin(change: Change) -> str:
    """Return the Dockerfile line that brought the packages of a change, or that nobody knows."""
    if any(component.where and component.where.unknown for component in change.components):
        return "brought by a layer that is not known"
    lines = change.instructions
    if len(lines) != 1:
        return f"{len(lines)} Dockerfile lines" if lines and all(lines) else ""
    return lines[0]


def base_words(inventory: Inventory | None) -> str:
    """Return what can be told of the base image, and how it is known; nothing where nothing is."""
    base = inventory.base if inventory else None
    if inventory is None or base is None:
        return ""
    return "; ".join(filter(None, [_stated(base), _guessed(base, len(inventory.layers))]))


def _stated(base: Base) -> str:
    if not base.stated_by:
        return ""
    name = base.name or "a base image without a name"
    digest = f" ({short_digest(base.digest)})" if base.digest else ""
    doubt = ", perhaps an inherited one," if base.stated_by == "label" else ""
    return f"its {base.stated_by}{doubt} names {name}{digest}"


def _guessed(base: Base, count: int) -> str:
    if not base.layers:
        return ""
    which = "the lowest layer" if base.layers == 1 else f"the lowest {base.layers} layers"
    return f"guessed ({base.confidence}): {which} of {count}, as {base.because}"
