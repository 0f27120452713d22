"""X.509 certificates (RFC 5280) as read, and the checks of one certificate on its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from sealmark.attest.keys import KeyMaterialError, VerificationKey
from sealmark.errors import UnreadableError

if TYPE_CHECKING:
    from datetime import datetime

MAX_CERTIFICATE_BYTES = 64_000

_Kind = TypeVar("_Kind", bound=x509.ExtensionType)

_UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS,
    }
)
BROKEN = (
    ValueError,
    TypeError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
    CryptographyDeprecationWarning,  # where a program makes errors of warnings
)
"""What reading a broken certificate raises."""


class CertificateError(UnreadableError):
    """Bytes that are no certificate, or a certificate that may not be used for this."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate, its key bound to the key's usual scheme."""

    der: bytes
    key: VerificationKey
    parsed: x509.Certificate = field(repr=False, compare=False)
    extensions: x509.Extensions = field(repr=False, compare=False)

    @classmethod
    def parse(cls, der: bytes) -> Certificate:
        """Read DER. Raises CertificateError."""
        if len(der) > MAX_CERTIFICATE_BYTES:
            raise CertificateError(f"a certificate has at most {MAX_CERTIFICATE_BYTES} bytes")
        try:
            read = x509.load_der_x509_certificate(der)
            if read.version is not x509.Version.v3 or read.serial_number <= 0:
                raise CertificateError("expected X.509 v3 with a positive serial number")
            key = VerificationKey.wrap(read.public_key())
            found = cls(der, key, read, read.extensions)
            _check_extensions(found)
        except (*BROKEN, KeyMaterialError) as error:
            raise CertificateError(f"not a certificate: {error}") from None
        if read.public_bytes(serialization.Encoding.DER) != der:
            raise CertificateError("not DER")
        return found

    def valid_at(self, when: datetime) -> bool:
        """Tell whether the validity period, both ends included, covers `when`."""
        return self.parsed.not_valid_before_utc <= when <= self.parsed.not_valid_after_utc

    def issued(self, child: Certificate) -> bool:
        """Tell whether this certificate's name and key issued `child`."""
        try:
            child.parsed.verify_directly_issued_by(self.parsed)
        except (InvalidSignature, *BROKEN):
            return False
        return True


def check_authority(certificate: Certificate, below: int) -> None:
    """Raise CertificateError unless this may issue with `below` authorities under it.

    RFC 5280, 6.1.4 (k) to (o): basic constraints, path length, key usage.
    """
    constraints = _value(certificate, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        raise CertificateError("is no certificate authority")
    if constraints.path_length is not None and constraints.path_length < below:
        raise CertificateError(f"allows {constraints.path_length} authorities below it")
    usage = _value(certificate, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        raise CertificateError("may not sign certificates")


def check_signer(certificate: Certificate) -> None:
    """Raise CertificateError unless this is an end entity that signs code (Client Spec 4.3)."""
    if is_authority(certificate):
        raise CertificateError("is a certificate authority, not a signer")
    usage = _value(certificate, x509.KeyUsage)
    if usage is None or not usage.digital_signature or usage.key_cert_sign:
        raise CertificateError("its key usage is not digital signature")
    if not allows_code_signing(certificate, absent=False):
        raise CertificateError("its extended key usage is not code signing")


def is_authority(certificate: Certificate) -> bool:
    """Tell whether the certificate says it is an authority."""
    constraints = _value(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def allows_code_signing(certificate: Certificate, *, absent: bool) -> bool:
    """Tell whether the extended key usage has code signing; `absent` if there is none."""
    usage = _value(certificate, x509.ExtendedKeyUsage)
    return absent if usage is None else ExtendedKeyUsageOID.CODE_SIGNING in usage


def allows_time_stamping(certificate: Certificate) -> bool:
    """Tell whether the extended key usage has time stamping (RFC 3161, 2.3)."""
    usage = _value(certificate, x509.ExtendedKeyUsage)
    return usage is not None and ExtendedKeyUsageOID.TIME_STAMPING in usage


def _check_extensions(certificate: Certificate) -> None:
    """RFC 5280, 4.2: a critical extension that is not understood makes the certificate useless."""
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in _UNDERSTOOD:
            raise CertificateError(f"critical extension {extension.oid.dotted_string} not known")


def _value(certificate: Certificate, kind: type[_Kind]) -> _Kind | None:
    try:
        value: _Kind = certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
    return value
