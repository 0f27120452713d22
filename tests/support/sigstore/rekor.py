"""Two transparency logs with real trees: Rekor v1 (promises, ECDSA) and v2 (checkpoints only)."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from tests.support.sigstore.authority import p256, spki

from sealmark.ledger.merkle import complete_root, inclusion_proof, leaf_hash, tree_root
from sealmark.ledger.note import Note, Signature

if TYPE_CHECKING:
    from datetime import datetime


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


@dataclass
class Rekor:
    """A log with some entries before ours, so that proofs have a path."""

    version: int
    host: str
    key: Any = None
    leaves: list[bytes] = field(
        default_factory=lambda: [b"one", b"two", b"three", b"four", b"five"]
    )

    def __post_init__(self) -> None:
        self.key = self.key or (
            p256() if self.version == 1 else ed25519.Ed25519PrivateKey.generate()
        )

    @property
    def log_id(self) -> bytes:
        public = self.key.public_key()
        if self.version == 1:
            return hashlib.sha256(spki(public)).digest()
        material = self.host.encode() + b"\n\x01" + public.public_bytes_raw()
        return hashlib.sha256(material).digest()

    def sign(self, message: bytes) -> bytes:
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(message, ec.ECDSA(hashes.SHA256()))
        signature: bytes = self.key.sign(message)
        return signature

    def entry(self, body: dict[str, Any], when: datetime | None) -> dict[str, Any]:
        """Append a body and return the entry as a bundle carries it."""
        logged = canonical(body)
        self.leaves.append(logged)
        index = len(self.leaves) - 1
        entry: dict[str, Any] = {
            "logIndex": str(index),
            "logId": {"keyId": b64(self.log_id)},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "canonicalizedBody": b64(logged),
            "inclusionProof": self.proof(index),
        }
        if self.version == 1 and when is not None:
            entry["integratedTime"] = str(int(when.timestamp()))
            entry["inclusionPromise"] = {"signedEntryTimestamp": b64(self.promise(entry, logged))}
        return entry

    def promise(self, entry: dict[str, Any], logged: bytes) -> bytes:
        return self.sign(
            canonical(
                {
                    "body": b64(logged),
                    "integratedTime": int(entry["integratedTime"]),
                    "logID": self.log_id.hex(),
                    "logIndex": int(entry["logIndex"]),
                }
            )
        )

    def proof(self, index: int) -> dict[str, Any]:
        size = len(self.leaves)
        root = tree_root(self.node, size)
        return {
            "logIndex": str(index),
            "rootHash": b64(root),
            "treeSize": str(size),
            "hashes": [b64(item) for item in inclusion_proof(self.node, index, size)],
            "checkpoint": {"envelope": self.checkpoint(size, root)},
        }

    def checkpoint(self, size: int, root: bytes, origin: str | None = None) -> str:
        origin = origin or (self.host if self.version == 2 else f"{self.host} - 1234")
        text = f"{origin}\n{size}\n{b64(root)}\n"
        value = self.sign(text.encode())
        return Note(text, (Signature(self.host, self.log_id[:4], value),)).encode().decode()

    def node(self, level: int, index: int) -> bytes:
        width = 1 << level
        leaves = self.leaves[index * width : (index + 1) * width]
        return complete_root([leaf_hash(leaf) for leaf in leaves])
