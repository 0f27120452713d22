"""The steps of a verification, in their order, and the two ways in which one ends early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sealmark.errors import SealmarkError


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its place, its name, what it makes sure of, and where that is specified."""

    number: int
    id: str
    about: str
    cites: str


PARSE = Step(
    0, "parse", "the claim is well formed", "sigstore_bundle.proto; ProtoJSON; DSSE v1.0.2"
)
TIME = Step(
    1, "time", "somebody trusted saw the signature, and when", "Sigstore Client Spec 4.2; RFC 3161"
)
CHAIN = Step(
    2, "chain", "a trusted authority issued the certificate", "RFC 5280 6.1; Client Spec 4.3"
)
SCT = Step(3, "sct", "the certificate was published in a CT log", "RFC 6962 3.2; Client Spec 4.3")
IDENTITY = Step(4, "identity", "the signer is who was expected", "Client Spec 4.3; Fulcio oid-info")
LOG = Step(5, "log", "this very signature is in the log", "RFC 9162 2.1.3.2; C2SP tlog-checkpoint")
SIGNATURE = Step(6, "signature", "the key signed these bytes", "DSSE v1.0.2; Client Spec 4.5")
SUBJECT = Step(7, "subject", "the signed statement is about this artifact", "in-toto Statement v1")

STEPS = (PARSE, TIME, CHAIN, SCT, IDENTITY, LOG, SIGNATURE, SUBJECT)


class ClaimError(SealmarkError):
    """A claim did not become evidence: at which step, because of which field, and why."""

    def __init__(self, step: Step, field: str, why: str) -> None:
        super().__init__(f"step {step.number} ({step.id}): {field}: {why}")
        self.step = step
        self.field = field
        self.why = why


class RefusedError(ClaimError):
    """The claim was understood and does not hold."""

    exit_code: ClassVar[int] = 1


class MalformedError(ClaimError):
    """The claim breaks its own format, so nothing is known from it."""

    exit_code: ClassVar[int] = 4
