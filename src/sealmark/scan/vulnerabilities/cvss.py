"""CVSS base scores and their ratings (FIRST: CVSS v2, v3.0, v3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealmark.errors import UnreadableError

if TYPE_CHECKING:
    from sealmark.evidence.vulnerability import Severity

_MAX_LENGTH = 512

# CVSS v3.1 specification, section 7.4, "Metric Values".
_V3 = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "PR": {"N": 0.85, "L": 0.62, "H": 0.27},
    "UI": {"N": 0.85, "R": 0.62},
    "S": {"U": 0.0, "C": 1.0},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_V3_PR_CHANGED = {"N": 0.85, "L": 0.68, "H": 0.5}

# CVSS v2 guide, section 3.2.1, "Base Equation".
_V2 = {
    "AV": {"L": 0.395, "A": 0.646, "N": 1.0},
    "AC": {"H": 0.35, "M": 0.61, "L": 0.71},
    "Au": {"M": 0.45, "S": 0.56, "N": 0.704},
    "C": {"N": 0.0, "P": 0.275, "C": 0.660},
    "I": {"N": 0.0, "P": 0.275, "C": 0.660},
    "A": {"N": 0.0, "P": 0.275, "C": 0.660},
}


class CvssError(UnreadableError):
    """A text is no CVSS vector of a version whose score is known here."""


def base_score(vector: str) -> float:
    """Return the base score, 0.0 to 10.0, of a v2, v3.0 or v3.1 vector.

    Temporal and environmental metrics are allowed and do not count. Raises CvssError.
    """
    if len(vector) > _MAX_LENGTH:
        raise CvssError(f"a CVSS vector of {len(vector)} characters: at most {_MAX_LENGTH}")
    version, slash, rest = vector.partition("/")
    if version in ("CVSS:3.0", "CVSS:3.1") and slash:
        return _score_v3(_metrics(vector, rest, _V3))
    return _score_v2(_metrics(vector, vector, _V2))


def rating(score: float) -> Severity:
    """Return the qualitative rating of a score (CVSS v3.1, section 5)."""
    if score >= 9.0:
        return "critical"
    if score >= 7.0:
        return "high"
    if score >= 4.0:
        return "medium"
    return "low" if score > 0 else "none"


def _metrics(vector: str, text: str, table: dict[str, dict[str, float]]) -> dict[str, str]:
    metrics: dict[str, str] = {}
    for part in text.strip("()").split("/"):
        name, _, value = part.partition(":")
        if name in metrics or not value:
            raise CvssError(f"not a CVSS vector, metric {part[:20]!r}: {vector[:100]!r}")
        metrics[name] = value
    for name, values in table.items():
        if metrics.get(name) not in values:
            raise CvssError(f"no known CVSS v2 or v3 vector, metric {name}: {vector[:100]!r}")
    return metrics


def _score_v3(metrics: dict[str, str]) -> float:
    """Apply the equations of CVSS v3.1, section 7.1."""
    value = {name: table[metrics[name]] for name, table in _V3.items()}
    changed = metrics["S"] == "C"
    privileges = _V3_PR_CHANGED[metrics["PR"]] if changed else value["PR"]
    iss = 1 - (1 - value["C"]) * (1 - value["I"]) * (1 - value["A"])
    impact = 7.52 * (iss - 0.029) - 3.25 * (iss - 0.02) ** 15 if changed else 6.42 * iss
    if impact <= 0:
        return 0.0
    exploitability = 8.22 * value["AV"] * value["AC"] * privileges * value["UI"]
    return _round_up(min((1.08 if changed else 1.0) * (impact + exploitability), 10.0))


def _round_up(value: float) -> float:
    """Round up to one decimal without floating-point surprises (CVSS v3.1, appendix A)."""
    scaled = round(value * 100_000)
    if scaled % 10_000 == 0:
        return scaled / 100_000
    return (scaled // 10_000 + 1) / 10


def _score_v2(metrics: dict[str, str]) -> float:
    value = {name: table[metrics[name]] for name, table in _V2.items()}
    impact = 10.41 * (1 - (1 - value["C"]) * (1 - value["I"]) * (1 - value["A"]))
    exploitability = 20 * value["AV"] * value["AC"] * value["Au"]
    factor = 0.0 if impact == 0 else 1.176
    return round((0.6 * impact + 0.4 * exploitability - 1.5) * factor, 1)
