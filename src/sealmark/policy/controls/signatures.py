"""Whoever must have signed the image has: every role of the trust file is fulfilled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from sealmark.decision import Because, Remedy
from sealmark.policy.control import About, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealmark.evidence.document import Evidence
    from sealmark.evidence.signatures import Demand, RefusedClaim, Signatures
    from sealmark.policy.control import Context


@dataclass(frozen=True, slots=True)
class Shortcoming:
    """What is missing of what the trust file asks for; `demand` is its number, None for all."""

    effect: Literal["deny", "unknown"]
    message: str
    remedy: str
    demand: int | None = None


def shortcomings(signatures: Signatures) -> Iterator[Shortcoming]:
    """Yield what is missing; nothing means that every role that applies is fulfilled."""
    demands = signatures.demands
    for number, demand in enumerate(demands):
        if demand.applies is None:
            yield Shortcoming(
                "unknown",
                f"role {demand.role} is about certain repositories, and the image has no name",
                "say which repository it is for: --repository HOST/NAME",
                number,
            )
        elif demand.applies and len(demand.signed) < demand.threshold:
            yield _unsigned(demand, number, signatures)
    if not any(demand.applies is not False for demand in demands):
        where = signatures.repository or "this image"
        yield Shortcoming(
            "deny",
            f"nobody is trusted to sign for {where}",
            "add the repository to a role of the trust file",
        )


def _unsigned(demand: Demand, number: int, signatures: Signatures) -> Shortcoming:
    what = f"a statement {demand.predicate_type}" if demand.predicate_type else "a signature"
    needed = f"{demand.threshold} of " if len(demand.signers) > 1 else ""
    found = f"there is one by {', '.join(demand.signed)} only" if demand.signed else "there is none"
    return Shortcoming(
        "deny",
        f"role {demand.role} asks for {what} by {needed}{', '.join(demand.signers)}: {found}",
        "see why claims were refused, or sign again" if signatures.refused else "sign the image",
        number,
    )


class SignedBy:
    """Every role that speaks for the image's repository has signed it."""

    about: ClassVar[About] = About(
        id="signed-by",
        title="The image is signed by those who must sign it",
        rationale="Who can push to a registry can replace an image; who holds the key made it.",
        remedy="Sign the image with a key or identity that the trust file names for its role.",
    )

    def judge(self, evidence: Evidence, context: Context) -> Iterator[Finding]:
        """Yield what is missing; nothing at all where no signer is configured."""
        trust = context.parameters.trust
        if trust is None:
            return
        signatures = evidence.signatures
        if signatures is None:
            message = "signers are configured, and nobody looked for signatures"
            yield Finding(effect="unknown", message=message, remedy=_remedy("name an image"))
            return
        if signatures.trust != trust:
            message = "the signatures were judged by another trust file"
            yield Finding(effect="deny", message=message, remedy=_remedy("check again"))
            return
        for missing in shortcomings(signatures):
            yield Finding(
                effect=missing.effect,
                message=missing.message,
                subject_id=_subject(signatures, missing),
                because=tuple(_because(signatures, missing)),
                remedy=_remedy(missing.remedy),
            )


def _subject(signatures: Signatures, missing: Shortcoming) -> str | None:
    if missing.demand is None:
        return signatures.repository
    return f"role:{signatures.demands[missing.demand].role}"


def _because(signatures: Signatures, missing: Shortcoming) -> Iterator[Because]:
    if missing.demand is not None:
        demand = signatures.demands[missing.demand]
        path = f"signatures.demands[{missing.demand}]"
        yield Because(path=f"{path}.threshold", value=demand.threshold)
        yield Because(path=f"{path}.signed", value=", ".join(demand.signed))
    for number, refused in enumerate(signatures.refused[:3]):
        yield Because(path=f"signatures.refused[{number}].why", value=refusal_text(refused))


def refusal_text(refused: RefusedClaim) -> str:
    """Return the step, the field and the reason as one line."""
    return f"step {refused.step} ({refused.step_name}): {refused.field}: {refused.why}"


def _remedy(text: str) -> Remedy:
    return Remedy(kind="sign", text=text, target="signatures")
