"""What a control is: one method that turns evidence into findings, and its description."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from sealmark.decision import Because, Remedy, Where
    from sealmark.evidence.document import Evidence
    from sealmark.evidence.vulnerability import Severity

SEVERITIES: tuple[Severity, ...] = ("none", "low", "medium", "high", "critical")


@dataclass(frozen=True, slots=True)
class Parameters:
    """What an organisation may set; part of the policy's digest.

    `severity` is the threshold at which a fixable vulnerability denies. `max_advisory_age` is
    the greatest age of a feed that still counts as knowledge. `end_of_life` is what a
    distribution without security support leads to. `trust` is the digest of the trust file whose
    roles must be fulfilled, None where nobody is configured to sign.
    """

    severity: Severity
    max_advisory_age: timedelta
    end_of_life: Literal["unknown", "deny"] = "unknown"
    trust: str | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """Inputs of a judgement beside the evidence; no control reads a clock."""

    now: datetime
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class About:
    """A control's identity and words, declared once and used wherever it is shown."""

    id: str
    title: str
    rationale: str
    remedy: str
    waivable_by: str = "role:security-lead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one control says about one thing, before the policy's identity is put to it."""

    effect: Literal["deny", "unknown", "warn"]
    message: str
    subject_id: str | None = None
    because: tuple[Because, ...] = ()
    where: Where | None = None
    remedy: Remedy | None = None


class Control(Protocol):
    """One rule over evidence. No findings means: it has nothing against this artifact."""

    about: ClassVar[About]

    def judge(self, evidence: Evidence, context: Context) -> Iterable[Finding]:
        """Yield what is wrong or not known. An exception raised here denies."""
        ...


def reaches(severity: Severity, threshold: Severity) -> bool:
    """Tell whether `severity` counts at `threshold`; one nobody stated counts as at it."""
    if severity == "unknown":
        return True
    return SEVERITIES.index(severity) >= SEVERITIES.index(threshold)
