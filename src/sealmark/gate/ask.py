"""The one door: evidence in, policy asked, decision recorded, answer out.

No answer leaves before the ledger has it; whoever calls this gets the index it has there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from sealmark.decision import BodyDigest, Decision
from sealmark.evidence.canonical import canonical_json, digest_of_bytes
from sealmark.evidence.document import Evidence, EvidencePart, Subject
from sealmark.gate.entry import decision_entry, refusal_entry
from sealmark.policy.decide import decide

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sealmark.decision import Question
    from sealmark.evidence.inventory import Inventory
    from sealmark.policy.packs import Pack


class Log(Protocol):
    """Where decisions are kept: bodies by digest, statements in order."""

    def put_body(self, content: bytes) -> str:
        """Keep a body durably; return its digest."""
        ...

    def append(self, entries: Sequence[bytes]) -> tuple[int, ...]:
        """Append statements durably; return their indices."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision, the evidence behind it, and where the ledger has it."""

    decision: Decision
    evidence: Evidence
    index: int


def ask(
    question: Question, evidence: Evidence, packs: Sequence[Pack], now: datetime, log: Log
) -> Answer:
    """Decide about `evidence` and record the decision before returning it.

    Raises whatever `log` raises when it cannot keep the record: then there is no answer.
    """
    bodies = dict(evidence_bodies(evidence))
    kept = tuple(
        BodyDigest(kind=kind, digest=digest_of_bytes(body)) for kind, body in bodies.items()
    )
    judgement = decide(evidence, kept, packs, now)
    decision = Decision(asked=question, judgement=judgement)
    for body in bodies.values():
        log.put_body(body)
    stored = log.put_body(canonical_json(decision))
    judged = digest_of_bytes(canonical_json(judgement))
    entry = canonical_json(decision_entry(decision, judged, stored))
    (index,) = log.append([entry])
    return Answer(decision, evidence, index)


def refuse(question: Question, error: str, log: Log) -> int:
    """Record that input could not be read; no evidence is kept. Return the ledger index."""
    (index,) = log.append([canonical_json(refusal_entry(question, error))])
    return index


def evidence_bodies(evidence: Evidence) -> Iterator[tuple[str, bytes]]:
    """Yield each part of the evidence as the bytes the ledger keeps."""
    if evidence.inventory is not None:
        yield "inventory", canonical_json(EvidencePart(inventory=evidence.inventory))
    if evidence.settings is not None:
        yield "settings", canonical_json(EvidencePart(settings=evidence.settings))
    if evidence.vulnerabilities is not None:
        known = EvidencePart(vulnerabilities=evidence.vulnerabilities)
        yield "vulnerabilities", canonical_json(known)
    if evidence.signatures is not None:
        yield "signatures", canonical_json(EvidencePart(signatures=evidence.signatures))


def rootfs_subject(inventory: Inventory) -> Subject:
    """A root file system without an image is named by the digest of its inventory."""
    return Subject(kind="rootfs", digest=digest_of_bytes(canonical_json(inventory)))


def with_subject(evidence: Evidence, subject: Subject) -> Evidence:
    """Return the same evidence about `subject`."""
    return msgspec.structs.replace(evidence, subject=subject)
