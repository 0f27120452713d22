"""Who a certificate says the signer is, and policies about it.

Names of extensions: https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from sealmark.attest.certificate import CertificateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealmark.attest.certificate import Certificate

_ARC = "1.3.6.1.4.1.57264.1."
_OTHER_NAME = _ARC + "7"
_ISSUER_V1, _ISSUER_V2 = 1, 8
_RAW = {
    2: "githubWorkflowTrigger",
    3: "githubWorkflowSHA",
    4: "githubWorkflowName",
    5: "githubWorkflowRepository",
    6: "githubWorkflowRef",
}
_UTF8 = {
    9: "buildSignerURI",
    10: "buildSignerDigest",
    11: "runnerEnvironment",
    12: "sourceRepositoryURI",
    13: "sourceRepositoryDigest",
    14: "sourceRepositoryRef",
    15: "sourceRepositoryIdentifier",
    16: "sourceRepositoryOwnerURI",
    17: "sourceRepositoryOwnerIdentifier",
    18: "buildConfigURI",
    19: "buildConfigDigest",
    20: "buildTrigger",
    21: "runInvocationURI",
    22: "sourceRepositoryVisibilityAtSigning",
    23: "deploymentEnvironment",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Names from a certificate: its alternative names, who vouched for them, what else it says."""

    names: tuple[str, ...]
    issuer: str
    claims: Mapping[str, str]

    def __str__(self) -> str:
        return f"{', '.join(self.names)} by {self.issuer or 'no OIDC issuer'}"


class IdentityPolicy(Protocol):
    """Says who is accepted."""

    def objection(self, identity: Identity) -> str:
        """Return why this identity is not accepted, empty if it is."""


@dataclass(frozen=True, slots=True)
class Exactly:
    """One of the names and the issuer are these, letter for letter."""

    name: str
    issuer: str

    def objection(self, identity: Identity) -> str:
        """Compare both."""
        if not self.name or self.name not in identity.names:
            return f"expected {self.name!r}, got {', '.join(map(repr, identity.names))}"
        if not self.issuer or self.issuer != identity.issuer:
            return f"expected the issuer {self.issuer!r}, got {identity.issuer!r}"
        return ""


@dataclass(frozen=True, slots=True)
class Under:
    """All names begin with a prefix that ends in `/` or `@`, and the issuer is this one."""

    prefix: str
    issuer: str

    def objection(self, identity: Identity) -> str:
        """Compare both."""
        if not self.prefix.endswith(("/", "@")):
            return f"a prefix ends in / or @, {self.prefix!r} does not"
        if not identity.names or not all(n.startswith(self.prefix) for n in identity.names):
            return f"expected names under {self.prefix!r}, got {', '.join(identity.names)}"
        return "" if self.issuer and self.issuer == identity.issuer else "another issuer"


@dataclass(frozen=True, slots=True)
class Says:
    """The certificate has this claim with this value, such as sourceRepositoryURI."""

    claim: str
    value: str

    def objection(self, identity: Identity) -> str:
        """Compare the claim; one that is absent is not accepted."""
        got = identity.claims.get(self.claim)
        expected = f"expected {self.claim} {self.value!r}"
        return "" if got is not None and got == self.value else f"{expected}, got {got!r}"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every policy accepts; none at all accepts nobody."""

    policies: tuple[IdentityPolicy, ...]

    def objection(self, identity: Identity) -> str:
        """Return the first objection."""
        if not self.policies:
            return "an empty policy accepts nobody"
        return next(filter(None, (p.objection(identity) for p in self.policies)), "")


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One policy accepts; none at all accepts nobody."""

    policies: tuple[IdentityPolicy, ...]

    def objection(self, identity: Identity) -> str:
        """Return all objections if there is no policy without."""
        objections = [policy.objection(identity) for policy in self.policies]
        if not objections:
            return "an empty policy accepts nobody"
        return "; ".join(objections) if all(objections) else ""


def read_identity(certificate: Certificate) -> Identity:
    """Return who the certificate names. Raises CertificateError if it contradicts itself."""
    values = _fulcio_values(certificate)
    first = _raw(values[_ISSUER_V1]) if _ISSUER_V1 in values else ""
    second = _utf8(values[_ISSUER_V2]) if _ISSUER_V2 in values else ""
    if first and second and first != second:
        raise CertificateError("it names two different issuers")
    claims = {name: _raw(values[n]) for n, name in _RAW.items() if n in values}
    claims |= {name: _utf8(values[n]) for n, name in _UTF8.items() if n in values}
    return Identity(_names(certificate), second or first, claims)


def _fulcio_values(certificate: Certificate) -> dict[int, bytes]:
    found = {}
    for extension in certificate.extensions:
        suffix = extension.oid.dotted_string.removeprefix(_ARC)
        if suffix.isdecimal() and isinstance(extension.value, x509.UnrecognizedExtension):
            found[int(suffix)] = extension.value.value
    return found


def _names(certificate: Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_oid(
            ExtensionOID.SUBJECT_ALTERNATIVE_NAME
        )
    except x509.ExtensionNotFound:
        raise CertificateError("it names nobody: no subject alternative name") from None
    assert isinstance(extension.value, x509.SubjectAlternativeName)
    names = []
    for name in extension.value:
        if isinstance(name, x509.OtherName) and name.type_id.dotted_string == _OTHER_NAME:
            names.append(_utf8(name.value))
        elif isinstance(name, x509.RFC822Name | x509.UniformResourceIdentifier | x509.DNSName):
            names.append(name.value)
        else:
            raise CertificateError("it has a subject alternative name of an unknown kind")
    return tuple(names)


def _raw(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise CertificateError("an extension is not UTF-8") from None


def _utf8(value: bytes) -> str:
    """Return a DER UTF8String (X.690, 8.1 and 10.1), which must be all there is."""
    length = value[1] if len(value) > 1 else 0x80
    start = 2
    if length > 0x80:
        start += length & 0x7F
        length = int.from_bytes(value[2:start])
    if value[:1] != b"\x0c" or len(value) != start + length or start > 4:
        raise CertificateError("an extension is not a UTF8String in DER")
    return _raw(value[start:])
