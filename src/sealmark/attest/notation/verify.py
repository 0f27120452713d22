"""The verifier for Notation: a claim, who is trusted, which artifact and the time give evidence.

The steps are those of `notation.steps`, in their order. Trust policy's levels are reduced to one:
integrity, authenticity, authentic time and expiry are enforced. Revocation cannot be asked offline;
whose it would have been stands in the result, so that nobody takes silence for an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sealmark.attest.fields import FieldError
from sealmark.attest.notation.algorithms import algorithm_of, holds
from sealmark.attest.notation.certificates import (
    CODE_SIGNING,
    check_chain,
    read_chain,
    revocation_sources,
)
from sealmark.attest.notation.claim import SIGNING_AUTHORITY
from sealmark.attest.notation.payload import check_target, parse_payload
from sealmark.attest.notation.stamp import Span, stamped_span
from sealmark.attest.notation.steps import (
    AUTHENTICITY,
    EXPIRY,
    IDENTITY,
    SIGNATURE,
    SUBJECT,
    TIME,
)
from sealmark.attest.steps import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sealmark.artifact.manifest import Descriptor
    from sealmark.attest.certificate import Certificate
    from sealmark.attest.keys import VerificationKey
    from sealmark.attest.notation.claim import NotationClaim
    from sealmark.attest.notation.trust import X509Signer

CLOCK_SKEW: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class NotationVerified:
    """Evidence: this signer signed this artifact.

    `subject` is who the certificate names, `trusted` the certificate of the trust store that it
    leads to. `seen` is when somebody trusted saw the signature, None where nobody did and the
    certificates are valid now; `until` is when it ceases to hold. `revocation_unknown` names the
    certificates that may have been revoked: they say whom to ask, and nobody was asked.
    """

    artifact: Descriptor
    annotations: Mapping[str, str]
    key: VerificationKey
    subject: str
    trusted: str
    scheme: str
    seen: datetime | None
    until: datetime | None
    revocation_unknown: tuple[str, ...]


def verify_notation(
    claim: NotationClaim, signer: X509Signer, artifact: Descriptor, now: datetime
) -> NotationVerified:
    """Turn a claim into evidence. Raises RefusedError, naming step and field."""
    chain = read_chain(claim.chain, claim.places.chain)  # 2
    check_chain(chain, CODE_SIGNING, claim.places.chain)
    _check_signature(claim, chain[0])  # 3
    trusted = _trusted(claim, chain, signer)  # 4
    _check_identity(claim, chain[0], signer)  # 5
    seen = _seen(claim, chain, signer, now)  # 6
    _check_expiry(claim, now)  # 7
    try:
        target = parse_payload(claim.payload)  # 8
    except FieldError as error:
        raise RefusedError(SUBJECT, error.field, error.why) from None
    check_target(target, artifact)
    return NotationVerified(
        artifact=artifact,
        annotations=target.annotations,
        key=chain[0].key,
        subject=_name(chain[0]),
        trusted=_name(trusted),
        scheme=claim.attributes.scheme,
        seen=seen,
        until=_until(claim, chain, seen),
        revocation_unknown=revocation_sources(chain),
    )


def _check_signature(claim: NotationClaim, leaf: Certificate) -> None:
    algorithm = algorithm_of(leaf)
    if algorithm is None or claim.algorithm != algorithm.name:
        expected = algorithm.name if algorithm else "none"
        why = f"the certificate's key signs with {expected}, not {claim.algorithm[:40]!r}"
        raise RefusedError(SIGNATURE, claim.places.algorithm, why)
    if not holds(leaf, claim.signature, claim.signed):
        raise RefusedError(SIGNATURE, claim.places.signature, "it does not hold")


def _trusted(claim: NotationClaim, chain: Sequence[Certificate], signer: X509Signer) -> Certificate:
    kind, store = "ca", signer.stores.ca
    if claim.attributes.scheme == SIGNING_AUTHORITY:
        kind, store = "signingAuthority", signer.stores.signing_authority
    for certificate in chain:
        if certificate in store:
            return certificate
    why = f"{_name(chain[-1])}, the root, is not in a trust store of the kind {kind}"
    raise RefusedError(AUTHENTICITY, claim.places.chain, why)


def _check_identity(claim: NotationClaim, leaf: Certificate, signer: X509Signer) -> None:
    objection = signer.subject.objection(leaf.parsed.subject)
    if objection:
        raise RefusedError(IDENTITY, f"{claim.places.chain}[0].subject", objection)


def _seen(
    claim: NotationClaim, chain: Sequence[Certificate], signer: X509Signer, now: datetime
) -> datetime | None:
    """Return the authentic time of signing. Where nobody may stamp, stamps are not read."""
    attributes = claim.attributes
    if attributes.scheme == SIGNING_AUTHORITY:
        span = Span(attributes.signing_time, attributes.signing_time)
        field = "protected.io.cncf.notary.authenticSigningTime"
    elif claim.timestamp is not None and signer.stores.tsa:
        field = claim.places.timestamp
        span = stamped_span(claim.timestamp, claim.signature, signer.stores.tsa, field)
    else:
        _check_validity(chain, Span(now, now), claim.places.chain, " and no trusted time stamp")
        return None
    if span.earliest > now + CLOCK_SKEW:
        raise RefusedError(TIME, field, f"{span.earliest:%Y-%m-%dT%H:%M:%SZ} is yet to come")
    _check_validity(chain, span, claim.places.chain, "")
    return span.latest


def _check_validity(chain: Sequence[Certificate], span: Span, field: str, beside: str) -> None:
    for index, certificate in enumerate(chain):
        if not (certificate.valid_at(span.earliest) and certificate.valid_at(span.latest)):
            why = f"{_name(certificate)} is not valid at {span.latest:%Y-%m-%dT%H:%M:%SZ}{beside}"
            raise RefusedError(TIME, f"{field}[{index}]", why)


def _check_expiry(claim: NotationClaim, now: datetime) -> None:
    expiry = claim.attributes.expiry
    if expiry is not None and now >= expiry:
        why = f"the signer let it expire at {expiry:%Y-%m-%dT%H:%M:%SZ}"
        raise RefusedError(EXPIRY, "protected.io.cncf.notary.expiry", why)


def _until(
    claim: NotationClaim, chain: Sequence[Certificate], seen: datetime | None
) -> datetime | None:
    ends = [claim.attributes.expiry] if claim.attributes.expiry else []
    if seen is None:
        ends += [certificate.parsed.not_valid_after_utc for certificate in chain]
    return min(ends, default=None)


def _name(certificate: Certificate) -> str:
    return certificate.parsed.subject.rfc4514_string()
