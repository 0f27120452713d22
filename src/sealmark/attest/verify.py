"""The verifier: a claim, what is trusted, what is expected and the time give evidence or a refusal.

The steps are those of `steps`, in their order; the reference is the Sigstore Client Specification
(https://github.com/sigstore/architecture-docs/blob/main/client-spec.md), section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sealmark.attest.certificate import Certificate, CertificateError
from sealmark.attest.chain import find_authority
from sealmark.attest.claim import MessageSignature, SignedPayload
from sealmark.attest.dsse import Envelope
from sealmark.attest.fields import FieldError
from sealmark.attest.identity import Identity, IdentityPolicy, read_identity
from sealmark.attest.keys import VerificationKey
from sealmark.attest.log_body import Signed, check_body
from sealmark.attest.sct import check_scts
from sealmark.attest.signed_repository import check_name, check_payload
from sealmark.attest.statement import Statement, check_subject, parse_statement
from sealmark.attest.steps import CHAIN, IDENTITY, LOG, SIGNATURE, SUBJECT, TIME, RefusedError
from sealmark.attest.timestamp import timestamp_time
from sealmark.attest.transparency import check_entry, promised_time

if TYPE_CHECKING:
    from datetime import datetime

    from sealmark.artifact.repository import ImageName
    from sealmark.attest.artifact import Artifact
    from sealmark.attest.claim import Claim
    from sealmark.attest.trust_root import TrustRoot

CLOCK_SKEW = timedelta(minutes=5)
_SIGNATURE_FIELDS = {Envelope: "dsseEnvelope.signatures", SignedPayload: "payload.signature"}


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a caller demands: about which artifact, and signed by whom.

    `signer` is a key, or a policy about certificates' identities; a claim of the other kind is
    refused. `repository` is where the artifact was found, None if it came without a name; a claim
    that was signed for another one is refused. What is not demanded must be said: every part that
    is waived has its own name.
    """

    artifact: Artifact
    signer: VerificationKey | IdentityPolicy
    repository: ImageName | None = None
    unsafe_without_log: bool = False
    unsafe_without_sct: bool = False


@dataclass(frozen=True, slots=True)
class TrustedTime:
    """When somebody trusted saw the signature, and who."""

    source: str
    when: datetime


@dataclass(frozen=True, slots=True)
class LoggedAt:
    """A place in a log that was proven."""

    log_id: str
    index: int


@dataclass(frozen=True, slots=True)
class Verified:
    """Evidence: these bytes were signed by this signer, seen at these times, logged there.

    `statement` is absent where the signature is over the artifact itself or over a payload of
    simple signing. `repository` is the one that the signer wrote down, empty if none.
    """

    artifact: Artifact
    statement: Statement | None
    key: VerificationKey
    identity: Identity | None
    times: tuple[TrustedTime, ...]
    logged: tuple[LoggedAt, ...]
    repository: str = ""


@dataclass(frozen=True, slots=True)
class _Signer:
    key: VerificationKey
    identity: Identity | None
    leaf: Certificate | None


def verify(claim: Claim, trust: TrustRoot, expectation: Expectation, now: datetime) -> Verified:
    """Turn a claim into evidence. Raises RefusedError or MalformedError, naming step and field."""
    signer = _read_signer(claim, expectation)  # no trust yet
    times = _trusted_times(claim, trust, now)  # 1
    _check_certificate(signer, trust, expectation, times)  # 2, 3, 4
    logged = _logged(claim, trust, expectation, times)  # 5
    _check_signature(claim, signer.key, expectation.artifact)  # 6
    statement, repository = _subject(claim, expectation)  # 7
    return Verified(
        expectation.artifact,
        statement,
        signer.key,
        signer.identity,
        times,
        logged,
        repository,
    )


def _read_signer(claim: Claim, expectation: Expectation) -> _Signer:
    """What needs no trust to be seen: whose word this claims to be, and what the entries are about.

    It comes first so that a refusal names the reason and not what follows from it: the time of an
    entry about something else is another's time.
    """
    signer = _claimed_signer(claim, expectation)
    _check_others(claim)
    for entry in claim.entries:
        check_body(entry, Signed(claim, signer.key, expectation.artifact))
    return signer


def _claimed_signer(claim: Claim, expectation: Expectation) -> _Signer:
    """A key is the one expected; a certificate is read, and not yet believed."""
    if isinstance(expectation.signer, VerificationKey):
        if claim.certificate is not None:
            why = "expected a signature by a key, got one by a certificate"
            raise RefusedError(IDENTITY, "verificationMaterial", why)
        return _Signer(expectation.signer, None, None)
    if claim.certificate is None:
        why = "expected a signature by a certificate, got one by a key"
        raise RefusedError(IDENTITY, "verificationMaterial", why)
    try:
        leaf = Certificate.parse(claim.certificate)
        return _Signer(leaf.key, read_identity(leaf), leaf)
    except CertificateError as error:
        raise RefusedError(CHAIN, "certificate", str(error)) from None


def _trusted_times(claim: Claim, trust: TrustRoot, now: datetime) -> tuple[TrustedTime, ...]:
    """Step 1: every time the claim brings must hold; one that does not spoils the claim.

    Where the trust root names no time-stamping authority, stamps are nobody's word and not read.
    """
    times = []
    for index, stamp in enumerate(claim.timestamps if trust.timestamp_authorities else ()):
        field = f"verificationMaterial.timestampVerificationData.rfc3161Timestamps[{index}]"
        when = timestamp_time(stamp, claim.stamped, trust.timestamp_authorities, field)
        times.append(TrustedTime("rfc3161", when))
    for entry in claim.entries:
        promised = promised_time(entry, trust.logs)
        if promised is not None:
            times.append(TrustedTime("log", promised))
    for time in times:
        if time.when > now + CLOCK_SKEW:
            raise RefusedError(TIME, time.source, f"{time.when:%Y-%m-%dT%H:%M:%SZ} is yet to come")
    return tuple(times)


def _check_certificate(
    signer: _Signer, trust: TrustRoot, expectation: Expectation, times: tuple[TrustedTime, ...]
) -> None:
    """Steps 2 to 4, for certificates; a key is known or not, there is nothing to follow."""
    if signer.leaf is None or signer.identity is None:
        return
    if not times:
        why = "neither a log nor a time-stamping authority says when it was signed"
        raise RefusedError(TIME, "verificationMaterial", why)
    whens = [time.when for time in times]
    authority = find_authority(signer.leaf, trust.certificate_authorities, whens)
    if not expectation.unsafe_without_sct:
        check_scts(signer.leaf, authority.chain[0], trust.certificate_logs)
    assert not isinstance(expectation.signer, VerificationKey)
    objection = expectation.signer.objection(signer.identity)
    if objection:
        raise RefusedError(IDENTITY, "certificate", objection)


def _check_others(claim: Claim) -> None:
    """A bundle brings no root (sigstore_bundle.proto): whoever looks to it for one is misled."""
    for index, der in enumerate(claim.others, 1):
        try:
            other = Certificate.parse(der)
        except CertificateError as error:
            raise RefusedError(CHAIN, f"certificates[{index}]", str(error)) from None
        if other.issued(other):
            raise RefusedError(CHAIN, f"certificates[{index}]", "a bundle must not bring a root")


def _logged(
    claim: Claim,
    trust: TrustRoot,
    expectation: Expectation,
    times: tuple[TrustedTime, ...],
) -> tuple[LoggedAt, ...]:
    """Step 5: all entries the claim brings must hold.

    There must be one, but for a key's claim where the trust root names no log at all.
    """
    demanded = bool(trust.logs) or claim.certificate is not None
    if not claim.entries and demanded and not expectation.unsafe_without_log:
        raise RefusedError(LOG, "verificationMaterial.tlogEntries", "there is none")
    logged = []
    for entry in claim.entries:
        check_entry(entry, trust.logs, [time.when for time in times])
        index = entry.proof.index if entry.proof else entry.index
        logged.append(LoggedAt(entry.log_id.hex(), index))
    return tuple(logged)


def _check_signature(claim: Claim, key: VerificationKey, artifact: Artifact) -> None:
    """Step 6: over the envelope's pre-authentication encoding, the payload, or the artifact."""
    content = claim.content
    if not isinstance(content, MessageSignature):
        if not key.holds(content.signature, content.signed_bytes()):
            raise RefusedError(SIGNATURE, _SIGNATURE_FIELDS[type(content)], "it does not hold")
        return
    digest = artifact.digests.get(content.algorithm)
    if content.algorithm and content.digest != digest:
        field = "messageSignature.messageDigest"
        raise RefusedError(SIGNATURE, field, f"is another artifact's, not that of {artifact}")
    if not _holds_over(artifact, key, content.signature):
        raise RefusedError(SIGNATURE, "messageSignature.signature", "it does not hold")


def _holds_over(artifact: Artifact, key: VerificationKey, signature: bytes) -> bool:
    known = [artifact.digests[name] for name in key.hashes if name in artifact.digests]
    if known:
        return any(key.holds_digest(signature, digest) for digest in known)
    if artifact.content is None:
        why = f"keys of the scheme {key.scheme} need the artifact's bytes, not a digest alone"
        raise RefusedError(SIGNATURE, "messageSignature.signature", why)
    return key.holds(signature, artifact.content)


def _subject(claim: Claim, expectation: Expectation) -> tuple[Statement | None, str]:
    """Step 7: only now are the signed bytes read, as a statement or as simple signing."""
    content, artifact = claim.content, expectation.artifact
    if isinstance(content, MessageSignature):
        return None, ""
    try:
        if isinstance(content, SignedPayload):
            return None, check_payload(content.payload, artifact, expectation.repository)
        statement = parse_statement(content.payload_type, content.payload)
    except FieldError as error:
        where = "payload" if isinstance(content, SignedPayload) else "dsseEnvelope"
        raise RefusedError(SUBJECT, f"{where}.{error.field}", error.why) from None
    subject = check_subject(statement, artifact)
    return statement, check_name(subject.name, expectation.repository)
