"""Discovered claims held against the trusted signers: what comes out is evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealmark.attest.cosign_layers import layer_field
from sealmark.attest.counting import Vote, count_distinct
from sealmark.attest.steps import IDENTITY, PARSE, ClaimError, RefusedError
from sealmark.attest.verify import Expectation, Verified, verify
from sealmark.evidence.signatures import (
    Demand,
    LeftAlone,
    LoggedAt,
    RefusedClaim,
    SeenAt,
    Signature,
    Signatures,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sealmark.artifact.repository import ImageName
    from sealmark.attest.artifact import Artifact
    from sealmark.attest.claim import Claim
    from sealmark.attest.discovery import Discovery, Found
    from sealmark.attest.trust import Role, Signer, Trust

_LAYERS = ("simple-signing", "envelope")
_OUT_OF_TIME = "the signer's time"


@dataclass(frozen=True, slots=True)
class _Held:
    """A claim that holds, and the signers who make it good."""

    subject: str
    found: Found
    verified: Verified
    signers: tuple[Signer, ...]

    @property
    def marks(self) -> frozenset[str]:
        """By what the signer is known: the key, and every name that the certificate has."""
        identity = self.verified.identity
        names = identity.names if identity else ()
        issuer = identity.issuer if identity else ""
        return frozenset((self.verified.key.fingerprint, *(f"{n} by {issuer}" for n in names)))

    @property
    def predicate_type(self) -> str:
        statement = self.verified.statement
        return statement.predicate_type if statement else ""


def examine(
    discoveries: Sequence[Discovery], trust: Trust, asked: ImageName | None, now: datetime
) -> Signatures:
    """Verify every claim against every signer; keep who signed, and why others were refused.

    `asked` is the repository in which the image was found, None if it came without a name.
    """
    held: list[_Held] = []
    refused: list[RefusedClaim] = []
    for discovery in discoveries:
        subject = str(discovery.digest)
        for found in discovery.found:
            outcome = _outcome(found, discovery.artifact, trust, asked, now)
            if isinstance(outcome, ClaimError):
                refused.append(_refused(subject, found, outcome))
            else:
                held.append(_Held(subject, found, *outcome))
    return Signatures(
        trust=trust.digest,
        repository=f"{asked.registry}/{asked.repository}" if asked else None,
        demands=tuple(_demand(role, held, asked) for role in trust.roles),
        verified=tuple(map(_signature, held)),
        refused=tuple(refused),
        left_alone=tuple(
            LeftAlone(place=skipped.place, why=skipped.why)
            for discovery in discoveries
            for skipped in discovery.skipped
        ),
    )


def _outcome(
    found: Found, artifact: Artifact, trust: Trust, asked: ImageName | None, now: datetime
) -> tuple[Verified, tuple[Signer, ...]] | ClaimError:
    """Return what holds and for whom, or the refusal that came furthest."""
    if isinstance(found.claim, ClaimError):
        return found.claim
    good: list[tuple[Verified, Signer]] = []
    furthest = RefusedError(PARSE, "signers", "nobody is trusted to sign")
    for signer in trust.signers:
        try:
            good.append((_verified(found.claim, artifact, signer, trust, asked, now), signer))
        except ClaimError as error:
            if _came(error) >= _came(furthest):
                furthest = _in_its_words(error, found.claim)
    if not good:
        return furthest
    return good[0][0], tuple(signer for _, signer in good)


def _verified(
    claim: Claim,
    artifact: Artifact,
    signer: Signer,
    trust: Trust,
    asked: ImageName | None,
    now: datetime,
) -> Verified:
    expectation = Expectation(
        artifact,
        signer.by,
        asked,
        unsafe_without_log=signer.unsafe_without_log,
        unsafe_without_sct=signer.unsafe_without_sct,
    )
    verified = verify(claim, trust.root, expectation, now)
    for when in [time.when for time in verified.times] or [now]:
        if not signer.window.covers(when):
            why = f"{signer.name} was not trusted at {when:%Y-%m-%dT%H:%M:%SZ}"
            raise RefusedError(IDENTITY, _OUT_OF_TIME, why)
    return verified


def _came(error: ClaimError) -> tuple[bool, int]:
    """Tell how far an attempt came; one that failed by the signer's time alone came furthest."""
    return error.field == _OUT_OF_TIME, error.step.number


def _in_its_words(error: ClaimError, claim: Claim) -> RefusedError:
    """Call the field what it is called where the claim came from."""
    field = layer_field(error.field) if claim.version in _LAYERS else error.field
    return RefusedError(error.step, field, error.why)


def _demand(role: Role, held: Iterable[_Held], asked: ImageName | None) -> Demand:
    """Say who of a role's signers count, and until when."""
    counting = [one for one in held if role.counts(one.predicate_type)]
    votes = (Vote(one.marks, frozenset(signer.name for signer in one.signers)) for one in counting)
    standing = count_distinct(votes, role.signers)
    ends = [end for name, person in standing.items() for end in _ends(name, person, counting)]
    return Demand(
        role=role.name,
        threshold=role.threshold,
        signers=role.signers,
        applies=role.speaks_for(asked),
        predicate_type=role.predicate_type,
        signed=tuple(sorted(standing)),
        until=_rfc3339(min(ends)) if ends else None,
    )


def _ends(name: str, person: Vote, counting: Iterable[_Held]) -> Iterator[datetime]:
    """Yield when a signer's window ends, unless a claim's own trusted time lies within it."""
    own = [
        (signer, one)
        for one in counting
        for signer in one.signers
        if signer.name == name and one.marks & person.marks
    ]
    if not any(one.verified.times for _, one in own):
        yield from (signer.window.end for signer, _ in own[:1] if signer.window.end)


def _signature(one: _Held) -> Signature:
    verified = one.verified
    identity = verified.identity
    return Signature(
        subject=one.subject,
        signers=tuple(signer.name for signer in one.signers),
        key=verified.key.fingerprint,
        claim=one.found.digest,
        place=one.found.place,
        names=identity.names if identity else (),
        issuer=identity.issuer if identity else "",
        predicate_type=one.predicate_type,
        repository=verified.repository,
        seen=tuple(
            SeenAt(source="log" if time.source == "log" else "rfc3161", at=_rfc3339(time.when))
            for time in verified.times
        ),
        logged=tuple(LoggedAt(log=at.log_id, index=at.index) for at in verified.logged),
    )


def _refused(subject: str, found: Found, error: ClaimError) -> RefusedClaim:
    return RefusedClaim(
        subject=subject,
        place=found.place,
        step=error.step.number,
        step_name=error.step.id,
        field=error.field,
        why=error.why,
        claim=found.digest,
    )


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
