"""Step 2: what an envelope's certificates must be (signature-specification.md, its requirements).

They are checked on their own, whomever they lead to; whether anybody trusts them is step 4's. Where
an extended key usage is there it must name the purpose, and a critical extension that is not known
is refused (RFC 5280, 4.2); the specification would let both pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from sealmark.attest.certificate import (
    Certificate,
    CertificateError,
    check_authority,
    is_authority,
)
from sealmark.attest.notation.algorithms import algorithm_of
from sealmark.attest.notation.steps import CERTIFICATES
from sealmark.attest.steps import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

CODE_SIGNING: Final = ExtendedKeyUsageOID.CODE_SIGNING
TIME_STAMPING: Final = ExtendedKeyUsageOID.TIME_STAMPING

_Kind = TypeVar("_Kind", bound=x509.ExtensionType)

_OTHER_PURPOSES = {
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "any",
    ExtendedKeyUsageOID.SERVER_AUTH: "TLS servers",
    ExtendedKeyUsageOID.CLIENT_AUTH: "TLS clients",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "mail",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSP",
    CODE_SIGNING: "code signing",
    TIME_STAMPING: "time stamping",
}
_HASHES = ("sha256", "sha384", "sha512")


def read_chain(chain: Sequence[bytes], field: str) -> tuple[Certificate, ...]:
    """Parse the certificates of an envelope. Raises RefusedError (step 2)."""
    found = []
    for index, der in enumerate(chain):
        try:
            found.append(Certificate.parse(der))
        except CertificateError as error:
            raise RefusedError(CERTIFICATES, f"{field}[{index}]", str(error)) from None
    return tuple(found)


def check_chain(chain: Sequence[Certificate], purpose: x509.ObjectIdentifier, field: str) -> None:
    """Raise RefusedError (step 2) unless the first may sign for `purpose` and leads to a root."""
    for index, certificate in enumerate(chain):
        try:
            _check_one(certificate, index, purpose)
            _check_issuer(chain, index)
        except CertificateError as error:
            raise RefusedError(CERTIFICATES, f"{field}[{index}]", str(error)) from None


def _check_one(certificate: Certificate, index: int, purpose: x509.ObjectIdentifier) -> None:
    _check_hash(certificate)
    if index == 0:
        _check_leaf(certificate, purpose)
        return
    check_authority(certificate, index - 1)
    if not _critical(certificate, x509.BasicConstraints):
        raise CertificateError("its basic constraints are not critical")
    if not _critical(certificate, x509.KeyUsage):
        raise CertificateError("its key usage is missing or not critical")


def _check_issuer(chain: Sequence[Certificate], index: int) -> None:
    certificate = chain[index]
    last = index == len(chain) - 1
    if certificate.issued(certificate) != last:
        raise CertificateError("the last one, and no other, must be a self-signed root")
    if not last and not chain[index + 1].issued(certificate):
        raise CertificateError("the next one did not issue it")


def _check_leaf(certificate: Certificate, purpose: x509.ObjectIdentifier) -> None:
    if is_authority(certificate):
        raise CertificateError("is a certificate authority, not a signer")
    usage = _extension(certificate, x509.KeyUsage)
    if usage is None or not usage.critical:
        raise CertificateError("its key usage is missing or not critical")
    if not _signs_only(usage.value):
        raise CertificateError("its key usage must be digital signature and nothing like it")
    _check_purposes(certificate, purpose)
    if algorithm_of(certificate) is None:
        raise CertificateError("its key is none of RSA 2048, 3072, 4096, or EC 256, 384, 521")


def _signs_only(usage: x509.KeyUsage) -> bool:
    others = (
        usage.key_encipherment,
        usage.data_encipherment,
        usage.key_agreement,
        usage.key_cert_sign,
        usage.crl_sign,
    )
    return usage.digital_signature and not any(others)


def _check_purposes(certificate: Certificate, purpose: x509.ObjectIdentifier) -> None:
    extension = _extension(certificate, x509.ExtendedKeyUsage)
    if extension is None:
        return
    for other in extension.value:
        if other != purpose and other in _OTHER_PURPOSES:
            raise CertificateError(f"its extended key usage allows {_OTHER_PURPOSES[other]}")
    if purpose not in extension.value:
        raise CertificateError(f"its extended key usage is not {_OTHER_PURPOSES[purpose]}")


def _check_hash(certificate: Certificate) -> None:
    """SHA-1, and what is older, signs nothing here."""
    try:
        used = certificate.parsed.signature_hash_algorithm
    except UnsupportedAlgorithm:
        used = None
    if used is None or used.name not in _HASHES:
        raise CertificateError("it is not signed over SHA-256, SHA-384 or SHA-512")


def _extension(certificate: Certificate, kind: type[_Kind]) -> x509.Extension[_Kind] | None:
    try:
        return certificate.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def _critical(certificate: Certificate, kind: type[x509.ExtensionType]) -> bool:
    extension = _extension(certificate, kind)
    return extension is not None and extension.critical


def revocation_sources(chain: Sequence[Certificate]) -> tuple[str, ...]:
    """Name the certificates that say where to ask for their revocation; nobody is asked here."""
    return tuple(
        certificate.parsed.subject.rfc4514_string()
        for certificate in chain
        if _extension(certificate, x509.CRLDistributionPoints) or _names_ocsp(certificate)
    )


def _names_ocsp(certificate: Certificate) -> bool:
    access = _extension(certificate, x509.AuthorityInformationAccess)
    ocsp = AuthorityInformationAccessOID.OCSP
    return access is not None and any(one.access_method == ocsp for one in access.value)
