"""RFC 3161 time stamps over a signature, by the trust root's time-stamping authorities."""

from __future__ import annotations

import hashlib
from datetime import UTC
from typing import TYPE_CHECKING

from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

from sealmark.attest.certificate import is_authority
from sealmark.attest.steps import TIME, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from rfc3161_client import TimeStampResponse

    from sealmark.attest.trust_root import Authority

MAX_TIMESTAMP_BYTES = 64_000
_HASHES = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}


def timestamp_time(
    stamp: bytes, signature: bytes, authorities: Iterable[Authority], field: str
) -> datetime:
    """Return when `signature` was seen. Raises RefusedError (step 1).

    The authority that signed must have been trusted at that time: another one's window does not
    count for it.
    """
    response = _decode(stamp, field)
    when = response.tst_info.gen_time.astimezone(UTC)
    if not _is_over(response, signature):
        raise RefusedError(TIME, field, "it is over something else than this signature")
    why = "no time-stamping authority of the trust root made it"
    for authority in authorities:
        if not _made_by(response, authority):
            continue
        if authority.window.covers(when):
            return when
        why = f"{authority.uri} was not trusted at {when:%Y-%m-%dT%H:%M:%SZ}"
    raise RefusedError(TIME, field, why)


def _decode(stamp: bytes, field: str) -> TimeStampResponse:
    if len(stamp) > MAX_TIMESTAMP_BYTES:
        raise RefusedError(TIME, field, f"expected at most {MAX_TIMESTAMP_BYTES} bytes")
    try:
        response = decode_timestamp_response(stamp)
        if response.as_bytes() != stamp:
            raise RefusedError(TIME, field, "not a time stamp response in DER")
    except ValueError:
        raise RefusedError(TIME, field, "not a time stamp response") from None
    return response


def _is_over(response: TimeStampResponse, signature: bytes) -> bool:
    imprint = response.tst_info.message_imprint
    name = _HASHES.get(imprint.hash_algorithm.dotted_string)
    return name is not None and hashlib.new(name, signature).digest() == imprint.message


def _made_by(response: TimeStampResponse, authority: Authority) -> bool:
    chain = [certificate.parsed for certificate in authority.chain]
    builder = VerifierBuilder(roots=chain[-1:], intermediates=chain[1:-1])
    if not is_authority(authority.chain[0]):
        builder = builder.tsa_certificate(chain[0])
    try:
        return builder.build().verify(response, response.tst_info.message_imprint.message)
    except (VerificationError, ValueError):
        return False
