"""`decide`: evidence and a policy in, a judgement out. Pure; `now` is an input.

The order of verdicts: a known refusal outranks an unknown, an unknown outranks an allowance.
What errors do is written down in docs/adr/0001.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealmark.decision import AdvisoryState, BodyDigest, Judgement, Reason
from sealmark.policy.control import Context, Finding
from sealmark.policy.expiry import expiries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sealmark.decision import PolicyIdentity, Verdict
    from sealmark.evidence.document import Evidence
    from sealmark.policy.control import Control
    from sealmark.policy.packs import Pack


def decide(
    evidence: Evidence,
    bodies: Sequence[BodyDigest],
    packs: Sequence[Pack],
    now: datetime,
) -> Judgement:
    """Judge one subject by all packs.

    `bodies` are the digests of the evidence bodies, as kept by the caller. No pack, or a pack
    without controls, denies. A control that raises denies, and the error is recorded.
    """
    reasons: list[Reason] = []
    unknowns: list[Reason] = []
    errors: list[str] = []
    expires: list[datetime] = []
    for pack in packs:
        context = Context(now, pack.parameters)
        expires.extend(expiries(evidence, context))
        for control in pack.controls:
            for reason in _judged(control, evidence, context, pack.identity, errors):
                (unknowns if reason.effect == "unknown" else reasons).append(reason)
    if not packs or not all(pack.controls for pack in packs):
        errors.append("no control was asked: an empty policy denies")
    vulnerabilities = evidence.vulnerabilities
    return Judgement(
        subject=evidence.subject,
        verdict=_verdict(reasons, unknowns, errors),
        policies=tuple(pack.identity for pack in packs),
        reasons=tuple(reasons),
        unknowns=tuple(unknowns),
        errors=tuple(errors),
        evidence=tuple(bodies),
        advisories=AdvisoryState(digest=vulnerabilities.database, feeds=vulnerabilities.feeds)
        if vulnerabilities
        else AdvisoryState(),
        valid_until=_rfc3339(min(expires)) if expires else None,
    )


def _judged(
    control: Control,
    evidence: Evidence,
    context: Context,
    identity: PolicyIdentity,
    errors: list[str],
) -> Iterable[Reason]:
    about = control.about
    try:
        findings = list(control.judge(evidence, context))
    except Exception as error:  # noqa: BLE001 -- any failure of a control must deny, not pass
        errors.append(f"control {about.id} failed: {type(error).__name__}: {error}")
        return []
    return [_reason(finding, about.id, about.waivable_by, identity) for finding in findings]


def _reason(finding: Finding, control: str, waivable_by: str, identity: PolicyIdentity) -> Reason:
    return Reason(
        control=control,
        effect=finding.effect,
        policy=identity,
        message=finding.message,
        subject_id=finding.subject_id,
        because=finding.because,
        where=finding.where,
        remedy=finding.remedy,
        waivable_by=waivable_by,
    )


def _verdict(reasons: list[Reason], unknowns: list[Reason], errors: list[str]) -> Verdict:
    if errors or any(reason.effect == "deny" for reason in reasons):
        return "deny"
    return "unknown" if unknowns else "allow"


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
