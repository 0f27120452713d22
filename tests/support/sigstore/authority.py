"""A Fulcio-like authority (root, intermediate, short-lived leaves with an SCT) and its CT log."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tests.support.sigstore.der import octets, utf8

ISSUER = "https://issuer.example"
NAME = "https://git.example/team/app/.workflows/release.yml@refs/heads/main"
START = datetime(2024, 1, 1, tzinfo=UTC)
END = datetime(2036, 1, 1, tzinfo=UTC)
ARC = "1.3.6.1.4.1.57264.1."


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def spki(public: Any) -> bytes:
    data: bytes = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return data


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def usage(*, signs: bool, issues: bool) -> x509.KeyUsage:
    return x509.KeyUsage(signs, False, False, False, False, issues, issues, False, False)


def builder(
    subject: x509.Name, issuer: x509.Name, key: Any, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def ca_certificate(
    common: str, key: Any, issuer: x509.Certificate | None, signer: Any, below: int | None
) -> x509.Certificate:
    subject = name(common)
    issued_by = issuer.subject if issuer else subject
    made = builder(subject, issued_by, key.public_key(), START, END)
    made = made.add_extension(x509.BasicConstraints(True, below), critical=True)
    made = made.add_extension(usage(signs=False, issues=True), critical=True)
    made = made.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
    )
    return made.sign(signer, hashes.SHA256())


@dataclass
class CertificateLog:
    key: ec.EllipticCurvePrivateKey = field(default_factory=p256)
    extensions: bytes = b""

    @property
    def log_id(self) -> bytes:
        return hashlib.sha256(spki(self.key.public_key())).digest()

    def sct(self, tbs: bytes, issuer: x509.Certificate, when: datetime) -> bytes:
        """RFC 6962, 3.2: what the log signs, and the structure it hands out."""
        extensions = struct.pack("!H", len(self.extensions)) + self.extensions
        milliseconds = int(when.timestamp() * 1000)
        signed = struct.pack("!BBQH", 0, 0, milliseconds, 1)
        signed += hashlib.sha256(spki(issuer.public_key())).digest()
        signed += len(tbs).to_bytes(3) + tbs + extensions
        signature = self.key.sign(signed, ec.ECDSA(hashes.SHA256()))
        head = struct.pack("!B32sQ", 0, self.log_id, milliseconds)
        return head + extensions + b"\4\3" + struct.pack("!H", len(signature)) + signature


class Fulcio:
    """Issues what Fulcio issues, and also, on request, what it never would."""

    def __init__(self, log: CertificateLog, common: str = "test-intermediate") -> None:
        self.log = log
        root_key = p256()
        self.key = ec.generate_private_key(ec.SECP384R1())
        self.root = ca_certificate("test-root", root_key, None, root_key, 1)
        self.intermediate = ca_certificate(common, self.key, self.root, root_key, 0)

    def leaf(
        self,
        public: Any,
        when: datetime,
        *,
        san: str = NAME,
        issuer: str = ISSUER,
        minutes: int = 10,
        purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.CODE_SIGNING,
        authority: bool = False,
        with_sct: bool = True,
        extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    ) -> x509.Certificate:
        start, end = when - timedelta(seconds=1), when + timedelta(minutes=minutes)
        made = builder(x509.Name([]), self.intermediate.subject, public, start, end)
        subject = x509.RFC822Name(san) if "://" not in san else x509.UniformResourceIdentifier(san)
        for extension, critical in (
            (x509.SubjectAlternativeName([subject]), True),
            (x509.ExtendedKeyUsage([purpose]), False),
            (usage(signs=True, issues=False), True),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False),
            (_own(1, issuer.encode()), False),
            (_own(8, utf8(issuer)), False),
            (_own(12, utf8("https://git.example/team/app")), False),
            *extensions,
        ):
            made = made.add_extension(extension, critical)
        if authority:
            made = made.add_extension(x509.BasicConstraints(True, None), critical=True)
        if not with_sct:
            return made.sign(self.key, hashes.SHA256())
        tbs = made.sign(self.key, hashes.SHA256()).tbs_certificate_bytes
        sct = self.log.sct(tbs, self.intermediate, when)
        listed = struct.pack("!H", len(sct)) + sct
        value = octets(struct.pack("!H", len(listed)) + listed)
        embedded = x509.UnrecognizedExtension(
            x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2"), value
        )
        return made.add_extension(embedded, critical=False).sign(self.key, hashes.SHA256())


def _own(number: int, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(f"{ARC}{number}"), value)
