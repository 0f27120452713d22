"""Everything that a bundle needs, wired up, with its `trusted_root.json`."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from tests.support.sigstore.authority import CertificateLog, Fulcio, p256, spki
from tests.support.sigstore.rekor import Rekor, b64, canonical
from tests.support.sigstore.tsa import TimestampAuthority

if TYPE_CHECKING:
    from cryptography import x509

WHEN = datetime(2024, 6, 1, 12, 0, 0, tzinfo=UTC)
ARTIFACT = b"an artifact\n"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
START = "2024-01-01T00:00:00Z"


def pae(kind: str, payload: bytes) -> bytes:
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def statement(content: bytes = ARTIFACT, **changes: Any) -> bytes:
    digest = hashlib.sha256(content).hexdigest()
    return canonical(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "artifact", "digest": {"sha256": digest}}],
            "predicateType": "https://example.org/tested/v1",
            "predicate": {"passed": True},
            **changes,
        }
    )


def pem(public: Any) -> bytes:
    data: bytes = public.public_bytes(Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return data


@dataclass
class World:
    ct_log: CertificateLog = field(default_factory=CertificateLog)
    rekor: Rekor = field(default_factory=lambda: Rekor(1, "rekor.example"))
    rekor2: Rekor = field(default_factory=lambda: Rekor(2, "log2024.rekor.example"))
    tsa: TimestampAuthority = field(default_factory=TimestampAuthority)
    key: ec.EllipticCurvePrivateKey = field(default_factory=p256)

    def __post_init__(self) -> None:
        self.fulcio = Fulcio(self.ct_log)

    def with_another_key(self) -> World:
        """Return the same authorities and logs, with somebody else as the signer."""
        other = copy.copy(self)
        other.key = p256()
        return other

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message, ec.ECDSA(hashes.SHA256()))

    def leaf(self, **changes: Any) -> x509.Certificate:
        return self.fulcio.leaf(self.key.public_key(), WHEN, **changes)

    def trusted_root(self) -> dict[str, Any]:
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [_log(log, log.host) for log in (self.rekor, self.rekor2)],
            "certificateAuthorities": [
                _chain(self.fulcio.intermediate, self.fulcio.root, uri="https://fulcio.example")
            ],
            "ctlogs": [_log(self.ct_log, "ctlog.example")],
            "timestampAuthorities": [
                _chain(self.tsa.leaf, self.tsa.root, uri="https://tsa.example")
            ],
        }


def _log(log: Rekor | CertificateLog, host: str) -> dict[str, Any]:
    edwards = not isinstance(log.key, ec.EllipticCurvePrivateKey)
    return {
        "baseUrl": f"https://{host}",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": b64(spki(log.key.public_key())),
            "keyDetails": "PKIX_ED25519" if edwards else "PKIX_ECDSA_P256_SHA_256",
            "validFor": {"start": START},
        },
        "logId": {"keyId": b64(log.log_id)},
    }


def _chain(*certificates: x509.Certificate, uri: str) -> dict[str, Any]:
    return {
        "subject": {"organization": "example", "commonName": "test"},
        "uri": uri,
        "certChain": {
            "certificates": [{"rawBytes": b64(c.public_bytes(Encoding.DER))} for c in certificates]
        },
        "validFor": {"start": START},
    }


def dump(value: Any) -> bytes:
    return json.dumps(value).encode()
