"""Signing, the pure half: what is signed, what a log is asked to take in, and the bundle of it all.

Whoever holds a key implements `Signer`; whoever speaks to services hands in what they answered.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sealmark.attest.claim import MessageSignature
from sealmark.attest.dsse import Envelope
from sealmark.attest.statement import PAYLOAD_TYPE, parse_statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealmark.attest.artifact import Artifact

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
KEY_DETAILS = "PKIX_ECDSA_P256_SHA_256"


class Signer(Protocol):
    """Holds a P-256 key."""

    def sign_digest(self, digest: bytes) -> bytes:
        """Return the signature over a message with this SHA-256 digest."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Content with its signature, the digest of what was signed, and the signer's certificate."""

    content: Envelope | MessageSignature
    digest: bytes
    certificate: bytes

    def pem(self) -> bytes:
        """Return the certificate as logs of version 1 want it."""
        return x509.load_der_x509_certificate(self.certificate).public_bytes(Encoding.PEM)


def sign_artifact(signer: Signer, certificate: bytes, artifact: Artifact) -> Signed:
    """Sign the artifact itself."""
    digest = artifact.digests["sha256"]
    content = MessageSignature("sha256", digest, signer.sign_digest(digest))
    return Signed(content, digest, certificate)


def sign_statement(signer: Signer, certificate: bytes, payload: bytes) -> Signed:
    """Sign an in-toto statement in a DSSE envelope. Raises FieldError if it is none."""
    parse_statement(PAYLOAD_TYPE, payload)
    unsigned = Envelope(PAYLOAD_TYPE, payload, b"")
    digest = hashlib.sha256(unsigned.signed_bytes()).digest()
    content = Envelope(PAYLOAD_TYPE, payload, signer.sign_digest(digest))
    return Signed(content, digest, certificate)


def proposed_v1(signed: Signed) -> dict[str, Any]:
    """Return what a Rekor v1 is asked to log (rekor, `hashedrekord` and `dsse` schemas)."""
    pem = _b64(signed.pem())
    if isinstance(signed.content, Envelope):
        envelope = json.dumps(_content(signed)["dsseEnvelope"])
        spec: dict[str, Any] = {"proposedContent": {"envelope": envelope, "verifiers": [pem]}}
        return {"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}
    spec = {
        "data": {"hash": {"algorithm": "sha256", "value": signed.digest.hex()}},
        "signature": {"content": _b64(signed.content.signature), "publicKey": {"content": pem}},
    }
    return {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": spec}


def proposed_v2(signed: Signed) -> dict[str, Any]:
    """Return what a Rekor v2 is asked to log: always a hashedrekord, of the PAE for statements."""
    verifier = {
        "x509Certificate": {"rawBytes": _b64(signed.certificate)},
        "keyDetails": KEY_DETAILS,
    }
    signature = {"content": _b64(signed.content.signature), "verifier": verifier}
    return {"hashedRekordRequestV002": {"digest": _b64(signed.digest), "signature": signature}}


def entry_of_v1(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a Rekor v1's answer, one entry by its UUID, into a bundle's entry.

    Raises KeyError, TypeError or ValueError where the answer is not of that shape.
    """
    (logged,) = answer.values()
    body = json.loads(base64.b64decode(logged["body"]))
    proof = logged["verification"]["inclusionProof"]
    return {
        "logIndex": str(logged["logIndex"]),
        "logId": {"keyId": _b64(bytes.fromhex(logged["logID"]))},
        "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
        "integratedTime": str(logged["integratedTime"]),
        "inclusionPromise": {
            "signedEntryTimestamp": logged["verification"]["signedEntryTimestamp"]
        },
        "inclusionProof": {
            "logIndex": str(proof["logIndex"]),
            "rootHash": _b64(bytes.fromhex(proof["rootHash"])),
            "treeSize": str(proof["treeSize"]),
            "hashes": [_b64(bytes.fromhex(item)) for item in proof["hashes"]],
            "checkpoint": {"envelope": proof["checkpoint"]},
        },
        "canonicalizedBody": logged["body"],
    }


def bundle_of(
    signed: Signed, entries: Sequence[Mapping[str, Any]], timestamps: Sequence[bytes]
) -> bytes:
    """Return the bundle, version 0.3."""
    material = {
        "certificate": {"rawBytes": _b64(signed.certificate)},
        "tlogEntries": list(entries),
        "timestampVerificationData": {
            "rfc3161Timestamps": [{"signedTimestamp": _b64(stamp)} for stamp in timestamps]
        },
    }
    whole = {"mediaType": MEDIA_TYPE, "verificationMaterial": material, **_content(signed)}
    return json.dumps(whole).encode()


def _content(signed: Signed) -> dict[str, Any]:
    content = signed.content
    if isinstance(content, MessageSignature):
        noted = {"algorithm": "SHA2_256", "digest": _b64(content.digest)}
        message = {"messageDigest": noted, "signature": _b64(content.signature)}
        return {"messageSignature": message}
    signatures = [{"sig": _b64(content.signature)}]
    envelope = {
        "payload": _b64(content.payload),
        "payloadType": content.payload_type,
        "signatures": signatures,
    }
    return {"dsseEnvelope": envelope}


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
