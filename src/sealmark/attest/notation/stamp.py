"""Step 6, where there is a time stamp: an RFC 3161 token over the signature, by someone trusted.

The token brings its authority's certificates; they must lead to a root in the store for stampers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from cryptography import x509
from rfc3161_client import VerificationError, VerifierBuilder

from sealmark.attest.notation.certificates import TIME_STAMPING, check_chain, read_chain
from sealmark.attest.notation.claim import MAX_CERTIFICATES
from sealmark.attest.notation.steps import TIME
from sealmark.attest.steps import ClaimError, RefusedError
from sealmark.attest.timestamp import Stamp, read_stamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rfc3161_client.tsp import Accuracy

    from sealmark.attest.certificate import Certificate

BASELINE_POLICY: Final = "0.4.0.2023.1.1"
_GRANTED = bytes.fromhex("3003020100")


@dataclass(frozen=True, slots=True)
class Span:
    """When a signature was seen, as exactly as its stamp says; both ends included."""

    earliest: datetime
    latest: datetime


def stamped_span(token: bytes, signature: bytes, roots: Sequence[Certificate], field: str) -> Span:
    """Return when `signature` was seen. Raises RefusedError (step 6)."""
    try:
        stamp = read_stamp(_response(token), field)
        if not stamp.is_over(signature):
            raise RefusedError(TIME, field, "it is over something else than this signature")
        chain = _chain(stamp, roots, field)
        check_chain(chain, TIME_STAMPING, f"{field}.certificates")
        _check_made_by(stamp, chain, field)
        span = _span(stamp)
    except ClaimError as error:
        raise RefusedError(TIME, error.field, error.why) from None
    except (ValueError, TypeError, OverflowError, VerificationError) as error:
        raise RefusedError(TIME, field, f"not a time stamp: {error}") from None
    return span


def _response(token: bytes) -> bytes:
    """Put a token where responses have it; the envelope holds no more than the token."""
    return _head(len(_GRANTED) + len(token)) + _GRANTED + token


def _head(length: int) -> bytes:
    if length < 0x80:
        return bytes([0x30, length])
    body = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([0x30, 0x80 | len(body)]) + body


def _chain(stamp: Stamp, roots: Sequence[Certificate], field: str) -> tuple[Certificate, ...]:
    """Return the certificates from whoever signed the stamp up to a root; one must be trusted."""
    brought = sorted(stamp.response.signed_data.certificates)
    if len(brought) > MAX_CERTIFICATES:
        raise RefusedError(TIME, field, f"it brings over {MAX_CERTIFICATES} certificates")
    known = (*read_chain(brought, f"{field}.certificates"), *roots)
    signers = list(stamp.response.signed_data.signer_infos)
    if len(signers) != 1:
        raise RefusedError(TIME, field, f"expected one signer, got {len(signers)}")
    (signer,) = signers
    chain = [
        one
        for one in known
        if one.parsed.issuer == signer.issuer and one.parsed.serial_number == signer.serial_number
    ][:1]
    while chain and not chain[-1].issued(chain[-1]) and len(chain) <= MAX_CERTIFICATES:
        issuers = [one for one in known if one not in chain and one.issued(chain[-1])]
        if not issuers:
            break
        chain.append(next((one for one in issuers if one in roots), issuers[0]))
    if not any(one in roots for one in chain):
        raise RefusedError(TIME, field, "no time-stamping authority of the trust store made it")
    return tuple(chain)


def _check_made_by(stamp: Stamp, chain: Sequence[Certificate], field: str) -> None:
    parsed = [certificate.parsed for certificate in chain]
    builder = VerifierBuilder(roots=parsed[-1:], intermediates=parsed[1:-1])
    builder.tsa_certificate(parsed[0]).build().verify(stamp.response, stamp.imprint)
    for certificate in chain:
        if not certificate.valid_at(stamp.when):
            why = f"its authority's certificates were not valid at {stamp.when:%Y-%m-%dT%H:%M:%SZ}"
            raise RefusedError(TIME, field, why)


def _span(stamp: Stamp) -> Span:
    """RFC 3161, 2.4.2; where no accuracy is said the baseline policy has one second."""
    info = stamp.response.tst_info
    accuracy = cast("Accuracy | None", info.accuracy)
    if accuracy is not None:
        within = timedelta(
            seconds=accuracy.seconds or 0,
            milliseconds=accuracy.millis or 0,
            microseconds=accuracy.micros or 0,
        )
    else:
        baseline = info.policy == x509.ObjectIdentifier(BASELINE_POLICY)
        within = timedelta(seconds=1 if baseline else 0)
    return Span(stamp.when - within, stamp.when + within)
