"""The test's Sigstore behind HTTP on loopback: Fulcio, Rekor v1 and v2, a TSA."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key

from sealmark.ledger.merkle import inclusion_proof

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.sigstore.world import World

UUID = "24296fb24b8ad77a"
TOKEN = "header.payload.signature"


class Services:
    """What the services do, and what they were asked; `failing` names paths that fail."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.failing: dict[str, tuple[int, bytes]] = {}

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        if path in self.failing:
            return self.failing[path]
        if path == "/stamp":
            return 200, self.stamp(body)
        asked = json.loads(body)
        answers = {
            "/api/v2/signingCert": self.certificate,
            "/api/v1/log/entries": self.logged_v1,
            "/api/v2/log/entries": self.logged_v2,
        }
        status = 200 if path == "/api/v2/signingCert" else 201
        return status, json.dumps(answers[path](asked)).encode()

    def certificate(self, asked: dict[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC).replace(microsecond=0)
        leaf = self.world.fulcio.leaf(_public_key(asked), now)
        chain = [leaf, self.world.fulcio.intermediate]
        listed = [item.public_bytes(Encoding.PEM).decode() for item in chain]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": listed}}}

    def stamp(self, request: bytes) -> bytes:
        """The imprint is the first OCTET STRING of the size of a hash; a nonce may follow it."""
        size = 64 if b"\x04\x40" in request else 32
        place = request.index(bytes([4, size])) + 2
        imprint, rest = request[place : place + size], request[place + size :]
        nonce = rest[: rest[1] + 2] if rest[:1] == b"\x02" else b""
        return self.world.tsa.stamp_digest(imprint, datetime.now(UTC), nonce)

    def logged_v1(self, asked: dict[str, Any]) -> dict[str, Any]:
        spec = asked["spec"]
        if asked["kind"] == "dsse":
            proposed = spec["proposedContent"]
            envelope = json.loads(proposed["envelope"])
            payload = {"algorithm": "sha256", "value": _sha256(envelope["payload"])}
            signature = {"signature": envelope["signatures"][0]["sig"]}
            signature["verifier"] = proposed["verifiers"][0]
            whole = {"algorithm": "sha256", "value": "00" * 32}
            spec = {"envelopeHash": whole, "payloadHash": payload, "signatures": [signature]}
        entry = self.world.rekor.entry({**asked, "spec": spec}, datetime.now(UTC))
        index = int(entry["logIndex"])
        proof = entry["inclusionProof"]
        hashes = inclusion_proof(self.world.rekor.node, index, len(self.world.rekor.leaves))
        logged = {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(entry["integratedTime"]),
            "logID": self.world.rekor.log_id.hex(),
            "logIndex": index,
            "verification": {
                "signedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
                "inclusionProof": {
                    "checkpoint": proof["checkpoint"]["envelope"],
                    "hashes": [item.hex() for item in hashes],
                    "logIndex": index,
                    "rootHash": base64.b64decode(proof["rootHash"]).hex(),
                    "treeSize": int(proof["treeSize"]),
                },
            },
        }
        return {UUID: logged}

    def logged_v2(self, asked: dict[str, Any]) -> dict[str, Any]:
        request = asked["hashedRekordRequestV002"]
        spec = {
            "hashedRekordV002": {
                "data": {"algorithm": "SHA2_256", "digest": request["digest"]},
                "signature": request["signature"],
            }
        }
        body = {"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": spec}
        return self.world.rekor2.entry(body, None)


def _public_key(asked: dict[str, Any]) -> Any:
    """The key to certify: in a signing request, or as it is with a proof nobody looks at here."""
    if "certificateSigningRequest" in asked:
        pem = base64.b64decode(asked["certificateSigningRequest"])
        request = x509.load_pem_x509_csr(pem)
        assert request.is_signature_valid
        return request.public_key()
    return load_pem_public_key(asked["publicKeyRequest"]["publicKey"]["content"].encode())


def _sha256(payload: str) -> str:
    return hashlib.sha256(base64.b64decode(payload)).hexdigest()


@contextmanager
def serving(services: Services) -> Iterator[str]:
    """Serve on loopback; yields the base address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            services.asked.append((self.path, dict(self.headers)))
            status, answer = services.answer(self.path, body)
            self.send_response(status)
            kind = "application/timestamp-reply" if self.path == "/stamp" else "application/json"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(answer)))
            self.send_header("ETag", UUID)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def signing_config(base: str, version: int, stamps: str = "ANY") -> dict[str, Any]:
    def service(url: str, api: int) -> dict[str, Any]:
        window = {"start": "2024-01-01T00:00:00Z"}
        return {"url": url, "majorApiVersion": api, "validFor": window, "operator": "test"}

    return {
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": [service(base, 1)],
        "oidcUrls": [],
        "rekorTlogUrls": [service(base, version)],
        "tsaUrls": [service(f"{base}/stamp", 1)],
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaConfig": {"selector": stamps},
    }
