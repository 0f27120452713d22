"""A time-stamping authority (RFC 3161): root, signing certificate, responses."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.support.sigstore.authority import END, START, builder, ca_certificate, name, p256, usage
from tests.support.sigstore.der import integer, octets, oid, sequence, set_of, tlv

if TYPE_CHECKING:
    from datetime import datetime

_SHA256 = sequence(oid("2.16.840.1.101.3.4.2.1"))
_SHA512 = sequence(oid("2.16.840.1.101.3.4.2.3"))
_ECDSA_SHA256 = sequence(oid("1.2.840.10045.4.3.2"))
_TST_INFO = oid("1.2.840.113549.1.9.16.1.4")


class TimestampAuthority:
    """Stamps with a certificate that lives until `end`, sent along if `sends`.

    With `one_key` root and signer are authorities with the same key, as some test services do it;
    with `pieces` the content is an octet string in pieces, which is BER and not DER.
    """

    def __init__(
        self,
        common: str = "test-tsa",
        end: datetime = END,
        *,
        sends: bool = False,
        one_key: bool = False,
        pieces: bool = False,
    ) -> None:
        root_key, self.sends, self.pieces = p256(), sends, pieces
        self.key = root_key if one_key else p256()
        self.root = ca_certificate(f"{common}-root", root_key, None, root_key, None)
        made = builder(name(common), self.root.subject, self.key.public_key(), START, end)
        made = made.add_extension(usage(signs=True, issues=False), critical=True)
        if one_key:
            made = made.add_extension(x509.BasicConstraints(True, None), critical=True)
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        made = made.add_extension(purpose, critical=True)
        self.leaf = made.sign(root_key, hashes.SHA256())

    def stamp(self, signature: bytes, when: datetime) -> bytes:
        return self.stamp_digest(hashlib.sha256(signature).digest(), when)

    def stamp_digest(self, digest: bytes, when: datetime, nonce: bytes = b"") -> bytes:
        """A stamp over a SHA-256 or SHA-512 digest; `nonce` is DER, as it was asked."""
        info = sequence(
            integer(1),
            oid("1.3.6.1.4.1.57264.2"),
            sequence(_SHA256 if len(digest) == 32 else _SHA512, octets(digest)),
            integer(int(when.timestamp())),
            tlv(0x18, when.strftime("%Y%m%d%H%M%SZ").encode()),
            nonce,
        )
        signed_data = sequence(
            integer(3),
            set_of(_SHA256),
            sequence(
                _TST_INFO, tlv(0xA0, tlv(0x24, octets(info)) if self.pieces else octets(info))
            ),
            tlv(0xA0, self.leaf.public_bytes(Encoding.DER)) if self.sends else b"",
            set_of(self._signer(info)),
        )
        content = sequence(oid("1.2.840.113549.1.7.2"), tlv(0xA0, signed_data))
        return sequence(sequence(integer(0)), content)

    def _signer(self, info: bytes) -> bytes:
        attributes = set_of(
            sequence(oid("1.2.840.113549.1.9.3"), set_of(_TST_INFO)),
            sequence(oid("1.2.840.113549.1.9.4"), set_of(octets(hashlib.sha256(info).digest()))),
            sequence(oid("1.2.840.113549.1.9.16.2.47"), set_of(self._signing_certificate())),
        )
        signature = self.key.sign(attributes, ec.ECDSA(hashes.SHA256()))
        issuer = self.leaf.issuer.public_bytes()
        return sequence(
            integer(1),
            sequence(issuer, integer(self.leaf.serial_number)),
            _SHA256,
            b"\xa0" + attributes[1:],
            _ECDSA_SHA256,
            octets(signature),
        )

    def _signing_certificate(self) -> bytes:
        digest = hashlib.sha256(self.leaf.public_bytes(Encoding.DER)).digest()
        return sequence(sequence(sequence(octets(digest))))
