"""Step 3: the certificate's embedded SCTs (RFC 6962, sections 3.2 and 3.3)."""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.certificate_transparency import LogEntryType, Version

from sealmark.attest.steps import SCT, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.x509.certificate_transparency import SignedCertificateTimestamp

    from sealmark.attest.certificate import Certificate
    from sealmark.attest.trust_root import TrustedLog

MAX_SCTS = 16
_FIELD = "certificate.scts"


def check_scts(leaf: Certificate, issuer: Certificate, logs: Iterable[TrustedLog]) -> None:
    """Raise RefusedError unless a log of the trust root promised to publish `leaf`.

    `issuer` is the certificate that the chain was verified with, not one found by name. SCTs of
    unknown logs are ignored; one of a known log that does not hold is refused.
    """
    known = tuple(logs)
    promised = False
    for sct in _scts(leaf):
        of_log = [log for log in known if log.log_id == sct.log_id]
        if not of_log:
            continue
        if not any(_holds(sct, leaf, issuer, log) for log in of_log):
            raise RefusedError(SCT, _FIELD, "the log's signature does not hold")
        promised = True
    if not promised:
        raise RefusedError(SCT, _FIELD, "no certificate log of the trust root promised it")


def _scts(leaf: Certificate) -> list[SignedCertificateTimestamp]:
    kind = x509.PrecertificateSignedCertificateTimestamps
    try:
        scts = list(leaf.extensions.get_extension_for_class(kind).value)
    except x509.ExtensionNotFound:
        raise RefusedError(SCT, _FIELD, "the certificate has none") from None
    if len(scts) > MAX_SCTS:
        raise RefusedError(SCT, _FIELD, f"expected at most {MAX_SCTS}")
    return scts


def _holds(
    sct: SignedCertificateTimestamp, leaf: Certificate, issuer: Certificate, log: TrustedLog
) -> bool:
    if sct.version is not Version.v1 or sct.entry_type is not LogEntryType.PRE_CERTIFICATE:
        return False
    if not log.window.covers(sct.timestamp.replace(tzinfo=UTC)):
        return False
    return log.key.holds(sct.signature, signed_bytes(sct, leaf, issuer))


def signed_bytes(sct: SignedCertificateTimestamp, leaf: Certificate, issuer: Certificate) -> bytes:
    """Return what the log signed: the precertificate without its SCTs, bound to its issuer."""
    tbs = leaf.parsed.tbs_precertificate_bytes
    when = sct.timestamp.replace(tzinfo=UTC)
    milliseconds = int(when.timestamp()) * 1000 + when.microsecond // 1000
    return b"".join(
        (
            struct.pack("!BBQH", 0, 0, milliseconds, 1),
            hashlib.sha256(issuer.key.spki).digest(),
            len(tbs).to_bytes(3),
            tbs,
            struct.pack("!H", len(sct.extension_bytes)),
            sct.extension_bytes,
        )
    )
