"""RFC 3161 time stamps over a signature, by the trust root's time-stamping authorities."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

from sealmark.attest.ber import in_one_piece
from sealmark.attest.certificate import BROKEN, allows_time_stamping, is_authority
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


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time stamp, parsed and not believed. `hash` is the OID of the imprint's algorithm."""

    response: TimeStampResponse
    hash: str
    imprint: bytes
    when: datetime

    def is_over(self, content: bytes) -> bool:
        """Tell whether it is about `content`."""
        name = _HASHES.get(self.hash)
        return name is not None and hashlib.new(name, content).digest() == self.imprint


def timestamp_time(
    stamp: bytes, signed: Iterable[bytes], authorities: Iterable[Authority], field: str
) -> datetime:
    """Return when one of `signed` was seen. Raises RefusedError (step 1).

    The authority that signed must have been trusted at that time: another one's window does not
    count for it.
    """
    read = read_stamp(stamp, field)
    if not any(read.is_over(one) for one in signed):
        raise RefusedError(TIME, field, "it is over something else than this signature")
    why = "no time-stamping authority of the trust root made it"
    for authority in authorities:
        if not _made_by(read, authority):
            continue
        if authority.window.covers(read.when):
            return read.when
        why = f"{authority.uri} was not trusted at {read.when:%Y-%m-%dT%H:%M:%SZ}"
    raise RefusedError(TIME, field, why)


def read_stamp(stamp: bytes, field: str) -> Stamp:
    """Read a time stamp response. Raises RefusedError (step 1).

    All that is asked for is read at once: the library parses each part when it is first touched.
    """
    if len(stamp) > MAX_TIMESTAMP_BYTES:
        raise RefusedError(TIME, field, f"expected at most {MAX_TIMESTAMP_BYTES} bytes")
    try:
        response = _decoded(stamp)
        info = response.tst_info
        imprint = info.message_imprint
        when = info.gen_time.astimezone(UTC)
        return Stamp(response, imprint.hash_algorithm.dotted_string, imprint.message, when)
    except (*BROKEN, OverflowError) as error:
        raise RefusedError(TIME, field, f"not a time stamp response: {error}") from None


def _decoded(stamp: bytes) -> TimeStampResponse:
    try:
        return decode_timestamp_response(stamp)
    except ValueError:
        whole = in_one_piece(stamp)
        if whole == stamp:
            raise
        return decode_timestamp_response(whole)


def _made_by(stamp: Stamp, authority: Authority) -> bool:
    if not authority.chain:
        return False
    chain = [certificate.parsed for certificate in authority.chain]
    builder = VerifierBuilder(roots=chain[-1:], intermediates=chain[1:-1])
    # The lowest certificate makes the stamps, whatever else it may do, or names who does.
    if allows_time_stamping(authority.chain[0]) or not is_authority(authority.chain[0]):
        builder = builder.tsa_certificate(chain[0])
    try:
        return builder.build().verify(stamp.response, stamp.imprint)
    except (*BROKEN, VerificationError, OverflowError):
        return False
    except BaseException as error:
        # The library panics over a certificate that cryptography reads and OpenSSL does not.
        if type(error).__name__ != "PanicException":
            raise
        return False
