"""Whom a verifier trusts: trust stores of three kinds, and the subjects of signers' certificates.

trust-store-trust-policy.md: a store holds root certificates; pinning another one works, too.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sealmark.attest.certificate import Certificate, CertificateError, is_authority
from sealmark.attest.fields import FieldError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_STORE_BYTES: Final = 4_000_000
MAX_STORE_CERTIFICATES: Final = 512
SUBJECT_PREFIX: Final = "x509.subject:"

_TYPES: Mapping[str, x509.ObjectIdentifier] = {
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "STREET": NameOID.STREET_ADDRESS,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
    "SERIALNUMBER": NameOID.SERIAL_NUMBER,
    "POSTALCODE": NameOID.POSTAL_CODE,
}
_NEEDED = ("C", "ST", "O")
_PART = re.compile(r"\s*([A-Za-z]{1,20})\s*=\s*((?:\\[ ,;\\+\"<>#=]|[^\\,;+\"<>])*)", re.ASCII)
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Stores:
    """Trusted certificates: of authorities for signers, of signing authorities, and of stampers."""

    ca: tuple[Certificate, ...] = ()
    signing_authority: tuple[Certificate, ...] = ()
    tsa: tuple[Certificate, ...] = ()


@dataclass(frozen=True, slots=True)
class Anyone:
    """Whoever has a certificate by a trusted authority: Notation's `*`."""

    def objection(self, subject: x509.Name) -> str:
        """Return none."""
        return ""


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject that has these attributes, and maybe more."""

    attributes: tuple[tuple[str, str], ...]

    def objection(self, subject: x509.Name) -> str:
        """Compare each; one that the certificate has twice is not compared but refused."""
        if not self.attributes:
            return "an empty subject accepts nobody"
        for kind, expected in self.attributes:
            got = [str(found.value) for found in subject.get_attributes_for_oid(_TYPES[kind])]
            if got != [expected]:
                said = " and ".join(map(repr, got)) or "none"
                return f"expected {kind}={expected!r}, got {said}"
        return ""


@dataclass(frozen=True, slots=True)
class X509Signer:
    """Somebody whose certificate leads to these stores and has this subject."""

    stores: Stores
    subject: Anyone | Subject

    @property
    def principal(self) -> str:
        """Return who it is, in words that are the same for the same trust."""
        who = self.subject
        named = "*" if isinstance(who, Anyone) else ", ".join(f"{k}={v}" for k, v in who.attributes)
        kinds = (("ca", self.stores.ca), ("signingAuthority", self.stores.signing_authority),
                 ("tsa", self.stores.tsa))  # fmt: skip
        held = (f"{kind}:{_fingerprint(one)}" for kind, some in kinds for one in some)
        return f"{SUBJECT_PREFIX} {named} by {' '.join(sorted(held))}"


def parse_subject(text: str) -> Anyone | Subject:
    """Read a trusted identity: `*`, or attributes as in `C=US, ST=WA, O=acme-rockets.io, CN=ci`.

    Raises FieldError.
    """
    rest = text.removeprefix(SUBJECT_PREFIX)
    if rest.strip() == "*":
        return Anyone()
    found: dict[str, str] = {}
    at = 0
    while at <= len(rest):
        part = _PART.match(rest, at)
        if part is None or (part.end() < len(rest) and rest[part.end()] != ","):
            raise FieldError("subject", f"not a distinguished name at {rest[at : at + 40]!r}")
        kind = part[1].upper()
        if kind not in _TYPES or kind in found:
            raise FieldError("subject", f"{kind}: expected each of {', '.join(_TYPES)} once")
        found[kind] = _value(part[2])
        at = part.end() + 1
    missing = [kind for kind in _NEEDED if not found.get(kind)]
    if missing or not all(found.values()):
        raise FieldError("subject", f"expected {', '.join(_NEEDED)} at least, none of them empty")
    return Subject(tuple(found.items()))


def read_store(data: bytes, field: str) -> tuple[Certificate, ...]:
    """Read the certificates of a trust store's file, PEM or DER. Raises FieldError."""
    if len(data) > MAX_STORE_BYTES:
        raise FieldError(field, f"expected at most {MAX_STORE_BYTES} bytes")
    try:
        ders = [data]
        if b"-----BEGIN" in data:
            read = x509.load_pem_x509_certificates(data)
            ders = [one.public_bytes(Encoding.DER) for one in read]
        if len(ders) > MAX_STORE_CERTIFICATES:
            raise FieldError(field, f"expected at most {MAX_STORE_CERTIFICATES} certificates")
        found = tuple(map(Certificate.parse, ders))
    except (CertificateError, ValueError) as error:
        raise FieldError(field, f"not certificates in PEM or DER: {error}") from None
    for one in found:
        if not is_authority(one) and not one.issued(one):
            raise FieldError(field, f"{_name(one)} is neither an authority nor self-signed")
    return found


def _value(text: str) -> str:
    """Return an attribute's value: spaces around it do not count unless escaped."""
    kept = re.sub(r"(?<!\\)\s+$", "", text)
    return _ESCAPED.sub(r"\1", kept)


def _name(certificate: Certificate) -> str:
    return certificate.parsed.subject.rfc4514_string()


def _fingerprint(certificate: Certificate) -> str:
    return hashlib.sha256(certificate.der).hexdigest()
