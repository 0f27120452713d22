"""Vulnerabilities in CycloneDX: one entry per vulnerability, feed and status (VDR and VEX)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealmark.evidence.inventory import Inventory
    from sealmark.evidence.vulnerability import Vulnerabilities, Vulnerability

_VECTORS = {
    "CVSS:4.": "CVSSv4",
    "CVSS:3.1": "CVSSv31",
    "CVSS:3.0": "CVSSv3",
    "AV:": "CVSSv2",
}
_AFFECTED = {"affected": "affected", "not_affected": "unaffected", "unknown": "unknown"}
# A scanner that finds something affected has not analysed whether it can be exploited.
_ANALYSIS = {"not_affected": "not_affected", "unknown": "in_triage"}


def vulnerability_entries(
    known: Vulnerabilities, inventory: Inventory | None
) -> list[dict[str, Any]]:
    """Return the findings, those of one vulnerability in one feed with one status together."""
    versions = {c.purl: c.version for c in inventory.components} if inventory else {}
    groups: dict[tuple[str, str, str], list[Vulnerability]] = {}
    for found in known.findings:
        groups.setdefault((found.id, found.feed, found.status), []).append(found)
    return [_entry(group, versions) for group in groups.values()]


def _entry(group: Sequence[Vulnerability], versions: dict[str, str]) -> dict[str, Any]:
    first = group[0]
    entry: dict[str, Any] = {
        "id": first.id,
        "source": {"name": first.feed},
        "ratings": _ratings(first),
        "description": first.summary,
        "recommendation": _recommendation(group),
        "published": first.published,
        "updated": first.modified,
        "references": [
            {"id": alias, "source": {"name": alias.partition("-")[0]}} for alias in first.aliases
        ],
        "analysis": _analysis(first),
        "properties": _properties(first),
    }
    present = {key: value for key, value in entry.items() if value}
    by_component = {found.component: found for found in group}
    present["affects"] = [_affects(found, versions) for found in by_component.values()]
    return present


def _ratings(found: Vulnerability) -> list[dict[str, Any]]:
    rating: dict[str, Any] = {"source": {"name": found.feed}, "severity": found.severity}
    if found.score is not None:
        rating["score"] = found.score
    if found.vector:
        rating["vector"] = found.vector
        rating["method"] = next(
            (name for start, name in _VECTORS.items() if found.vector.startswith(start)), "other"
        )
    if found.exploitability is None:
        return [rating]
    epss = {
        "source": {"name": "EPSS"},
        "method": "other",
        "score": found.exploitability.probability,
    }
    return [rating, epss]


def _recommendation(group: Sequence[Vulnerability]) -> str:
    fixes = dict.fromkeys(found.fixed_in for found in group if found.fixed_in)
    return f"Upgrade to {' or '.join(fixes)}" if fixes else ""


def _analysis(found: Vulnerability) -> dict[str, str]:
    if found.status not in _ANALYSIS:
        return {}
    analysis = {"state": _ANALYSIS[found.status], "detail": "; ".join(found.because)}
    return {key: value for key, value in analysis.items() if value}


def _properties(found: Vulnerability) -> list[dict[str, str]]:
    known = {"sealmark:advisory": found.advisory}
    if found.kind != "vulnerability":
        known["sealmark:kind"] = found.kind
    if found.exploited:
        known["sealmark:kev:date_added"] = found.exploited.date_added
        known["sealmark:kev:ransomware"] = str(found.exploited.ransomware).lower()
    return [{"name": name, "value": value} for name, value in known.items()]


def _affects(found: Vulnerability, versions: dict[str, str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"ref": found.component}
    version = versions.get(found.component)
    if version:
        entry["versions"] = [{"version": version, "status": _AFFECTED[found.status]}]
    return entry
