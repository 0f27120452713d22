"""Bundles as honest clients write them, one function per kind of content and log."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import Encoding
from tests.support.sigstore.authority import spki
from tests.support.sigstore.rekor import b64
from tests.support.sigstore.world import ARTIFACT, PAYLOAD_TYPE, WHEN, World, pae, pem, statement

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
KINDS = (
    ("hashedrekord", "0.0.1"), ("dsse", "0.0.1"), ("intoto", "0.0.2"),
    ("hashedrekord", "0.0.2"), ("dsse", "0.0.2"),
)  # fmt: skip


def message_bundle(
    world: World, version: str = "0.0.1", *, key: bool = False, content: bytes = ARTIFACT,
    leaf: x509.Certificate | None = None, when: datetime = WHEN, stamps: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A signature over the artifact itself, logged as hashedrekord."""
    signature = world.sign(content)
    digest = hashlib.sha256(content).digest()
    return _bundle(
        world,
        {"messageSignature": {
            "messageDigest": {"algorithm": "SHA2_256", "digest": b64(digest)},
            "signature": b64(signature),
        }},
        ("hashedrekord", version), signature, digest, b"", key, leaf, when, stamps,
    )  # fmt: skip


def dsse_bundle(
    world: World, kind: tuple[str, str] = ("dsse", "0.0.1"), *, key: bool = False,
    payload: bytes | None = None, leaf: x509.Certificate | None = None,
    when: datetime = WHEN, stamps: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A signed in-toto statement."""
    payload = statement() if payload is None else payload
    signed = pae(PAYLOAD_TYPE, payload)
    signature = world.sign(signed)
    envelope = {
        "payload": b64(payload),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"sig": b64(signature), "keyid": ""}],
    }
    digest = hashlib.sha256(signed).digest()
    return _bundle(
        world, {"dsseEnvelope": envelope}, kind, signature, digest, payload, key, leaf, when, stamps
    )


def _bundle(
    world: World, content: dict[str, Any], kind: tuple[str, str], signature: bytes,
    digest: bytes, payload: bytes, key: bool, leaf: x509.Certificate | None,
    when: datetime, stamps: int | None,
) -> dict[str, Any]:  # fmt: skip
    certificate = None if key else leaf or world.leaf()
    second = kind in (("hashedrekord", "0.0.2"), ("dsse", "0.0.2"))
    log = world.rekor2 if second else world.rekor
    body = _body(world, kind, signature, digest, payload, certificate)
    material: dict[str, Any] = {"tlogEntries": [log.entry(body, when)]}
    if certificate is None:
        material["publicKey"] = {"hint": "any"}
    else:
        material["certificate"] = {"rawBytes": b64(certificate.public_bytes(Encoding.DER))}
    count = (1 if second and not key else 0) if stamps is None else stamps
    stamped = [{"signedTimestamp": b64(world.tsa.stamp(signature, when))} for _ in range(count)]
    material["timestampVerificationData"] = {"rfc3161Timestamps": stamped}
    return {"mediaType": MEDIA_TYPE, "verificationMaterial": material, **content}


def _body(
    world: World, kind: tuple[str, str], signature: bytes, digest: bytes, payload: bytes,
    certificate: x509.Certificate | None,
) -> dict[str, Any]:  # fmt: skip
    public = world.key.public_key()
    block = b64(certificate.public_bytes(Encoding.PEM) if certificate else pem(public))
    hashed = {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}
    # Some clients write keyDetails, some do not.
    verifier: dict[str, Any] = {"keyDetails": "PKIX_ECDSA_P256_SHA_256"} if certificate else {}
    if certificate:
        verifier["x509Certificate"] = {"rawBytes": b64(certificate.public_bytes(Encoding.DER))}
    else:
        verifier["publicKey"] = {"rawBytes": b64(spki(public))}
    second = {"content": b64(signature), "verifier": verifier}
    specs: dict[tuple[str, str], dict[str, Any]] = {
        ("hashedrekord", "0.0.1"): {
            "data": {"hash": {"algorithm": "sha256", "value": digest.hex()}},
            "signature": {"content": b64(signature), "publicKey": {"content": block}},
        },
        ("dsse", "0.0.1"): {
            "envelopeHash": hashed,
            "payloadHash": hashed,
            "signatures": [{"signature": b64(signature), "verifier": block}],
        },
        ("intoto", "0.0.2"): {
            "content": {
                "envelope": {
                    "payloadType": PAYLOAD_TYPE,
                    "signatures": [
                        {
                            "publicKey": block,
                            "sig": base64.b64encode(b64(signature).encode()).decode(),
                        }
                    ],
                },
                "hash": hashed,
                "payloadHash": hashed,
            }
        },
        ("hashedrekord", "0.0.2"): {
            "hashedRekordV002": {
                "data": {"algorithm": "SHA2_256", "digest": b64(digest)},
                "signature": second,
            }
        },
        ("dsse", "0.0.2"): {
            "dsseV002": {
                "payloadHash": {
                    "algorithm": "SHA2_256",
                    "digest": b64(hashlib.sha256(payload).digest()),
                },
                "signatures": [second],
            }
        },
    }
    return {"apiVersion": kind[1], "kind": kind[0], "spec": specs[kind]}


def as_version(bundle: dict[str, Any], version: str) -> dict[str, Any]:
    """Turn a v0.3 bundle by a certificate into an older one."""
    bundle["mediaType"] = f"application/vnd.dev.sigstore.bundle+json;version={version}"
    certificate = bundle["verificationMaterial"].pop("certificate")
    bundle["verificationMaterial"]["x509CertificateChain"] = {"certificates": [certificate]}
    return bundle
