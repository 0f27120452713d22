"""Question, judgement, decision: the record everything turns on.

A *judgement* is computed from subject, evidence, policies, waivers and `now`, and from nothing
else, so its digest is the same whichever gate asked. A *decision* wraps it with who asked, where
and when. Both are encoded as canonical JSON (RFC 8785) before they are digested.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from sealmark.evidence.document import Subject
from sealmark.evidence.vulnerability import Feed

Verdict = Literal["allow", "deny", "unknown"]


class Question(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who wants to do what with which subject, at which gate, and when (RFC 3339, UTC).

    `at` is the clock's time. `as_of` is the time to judge by, where another was asked for.
    """

    gate: str
    action: str
    actor: str
    at: str
    reference: str | None = None
    as_of: str | None = None


class PolicyIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Which policy spoke: id, version, the digest of its content, and the owner to ask."""

    id: str
    version: str
    digest: str
    owner: str


class Because(msgspec.Struct, frozen=True, kw_only=True):
    """One fact a reason rests on: its path in `evidence/v1`, and the value read there."""

    path: str
    value: str | int | float | bool | None


class Where(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The place in the artifact: component purl, file, layer digest, Dockerfile instruction."""

    component: str | None = None
    file: str | None = None
    layer: str | None = None
    instruction: str | None = None


class Remedy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The change that helps.

    `kind` is one of upgrade (a component, to version `to`), rebase (the base image), remove,
    configure (an image setting), update-advisories, sign, or none. `clears` lists the ids it
    clears.
    """

    kind: Literal["upgrade", "rebase", "remove", "configure", "update-advisories", "sign", "none"]
    text: str
    target: str | None = None
    to: str | None = None
    clears: tuple[str, ...] = ()


class Reason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a control denies or cannot say; `subject_id` is the vulnerability, file or setting."""

    control: str
    effect: Literal["deny", "unknown", "warn"]
    policy: PolicyIdentity
    message: str
    subject_id: str | None = None
    because: tuple[Because, ...] = ()
    where: Where | None = None
    remedy: Remedy | None = None
    waivable_by: str | None = None


class BodyDigest(msgspec.Struct, frozen=True, kw_only=True):
    """A body the judgement rests on, kept by digest so that it can be replayed."""

    kind: str
    digest: str


class AdvisoryState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The advisory database used: its digest, and each feed with its date."""

    digest: str | None = None
    feeds: tuple[Feed, ...] = ()


class Judgement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The verdict with everything it follows from. `valid_until` is the earliest expiry."""

    subject: Subject
    verdict: Verdict
    policies: tuple[PolicyIdentity, ...]
    reasons: tuple[Reason, ...] = ()
    unknowns: tuple[Reason, ...] = ()
    errors: tuple[str, ...] = ()
    waivers: tuple[str, ...] = ()
    evidence: tuple[BodyDigest, ...] = ()
    advisories: AdvisoryState = AdvisoryState()
    valid_until: str | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A judgement with who, where and when."""

    asked: Question
    judgement: Judgement
    schema: Literal["sealmark/decision/v1"] = "sealmark/decision/v1"
