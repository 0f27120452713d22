"""Sigstore's services over HTTP: Fulcio, Rekor v1 and v2, and RFC 3161 time stamps.

An identity token is worth the identity while it lives: it goes to the certificate authority alone,
over TLS or to this machine itself, is never followed through a redirect and never printed.
"""

from __future__ import annotations

import base64
import json
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding
from rfc3161_client import TimestampRequestBuilder

from sealmark.attest.certificate import BROKEN
from sealmark.attest.sign import entry_of_v1
from sealmark.errors import ServiceError, UsageError

if TYPE_CHECKING:
    from types import TracebackType

MAX_ANSWER_BYTES = 4_000_000
DEADLINE = 60.0
_JSON = {"Content-Type": "application/json", "Accept": "application/json"}
_TIMESTAMP = {
    "Content-Type": "application/timestamp-query",
    "Accept": "application/timestamp-reply",
}
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class EphemeralKey:
    """A P-256 key that lives as long as this object; only its signatures and request leave it."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    def sign_digest(self, digest: bytes) -> bytes:
        """Return the signature over a message with this SHA-256 digest."""
        return self._key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))

    def certificate_request(self) -> bytes:
        """Return a PKCS #10 request in PEM; its subject is empty, the token says who asks."""
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        return request.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def __repr__(self) -> str:
        return "EphemeralKey()"


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes


class SigstoreServices:
    """Asks services, with deadlines and limits. Raises ServiceError for whatever they fail at."""

    def __init__(self) -> None:
        context = ssl.create_default_context()
        self._client = httpx.Client(verify=context, timeout=30.0, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def certificate(self, url: str, token: str, request: bytes) -> bytes:
        """Return the certificate (DER) that Fulcio issues to the token's bearer."""
        body = {"certificateSigningRequest": base64.b64encode(request).decode()}
        headers = {**_JSON, "Authorization": f"Bearer {token}"}
        answer = self._json(f"{url}/api/v2/signingCert", body, headers)
        try:
            chain = answer["signedCertificateEmbeddedSct"]["chain"]["certificates"]
            leaf = x509.load_pem_x509_certificate(chain[0].encode())
        except (KeyError, IndexError, AttributeError, *BROKEN):
            raise ServiceError(f"{url}: its answer holds no certificate with an SCT") from None
        return leaf.public_bytes(Encoding.DER)

    def entry_v1(self, url: str, proposed: dict[str, Any]) -> dict[str, Any]:
        """Have Rekor v1 log an entry, and return it as a bundle's."""
        try:
            return entry_of_v1(self._json(f"{url}/api/v1/log/entries", proposed, _JSON))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ServiceError(f"{url}: its answer is no log entry") from None

    def entry_v2(self, url: str, proposed: dict[str, Any]) -> dict[str, Any]:
        """Have Rekor v2 log an entry; it answers once the entry is in the tree."""
        return self._json(f"{url}/api/v2/log/entries", proposed, _JSON)

    def timestamp(self, url: str, signature: bytes) -> bytes:
        """Return a time stamp response over a signature."""
        request = TimestampRequestBuilder().data(signature).nonce(nonce=True).build()
        return self._post(url, request.as_bytes(), _TIMESTAMP)

    def _json(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        answer = self._post(url, json.dumps(body).encode(), headers)
        try:
            value = json.loads(answer)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise ServiceError(f"{url}: its answer is no JSON object")
        return value

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> bytes:
        _check_address(url)
        try:
            with self._client.stream("POST", url, content=body, headers=headers) as response:
                answer = _Answer(response.status_code, _bounded(response, url))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceError(f"{url}: {error or type(error).__name__}") from None
        if answer.status not in (200, 201):
            said = answer.body[:MAX_ANSWER_BYTES].decode("utf-8", "replace")
            secret = headers.get("Authorization", "").removeprefix("Bearer ")
            said = said.replace(secret, "[the token]") if secret else said
            raise ServiceError(f"{url}: status {answer.status}: {said[:200]}")
        return answer.body


def _check_address(url: str) -> None:
    try:
        read = httpx.URL(url)
    except httpx.InvalidURL:
        raise UsageError(f"not a URL: {url[:200]!r}") from None
    if read.scheme != "https" and not (read.scheme == "http" and read.host in _LOOPBACK):
        raise UsageError(f"{url[:200]}: services are asked over https only")


def _bounded(response: httpx.Response, url: str) -> bytes:
    body, ends = b"", time.monotonic() + DEADLINE
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise ServiceError(f"{url}: its answer is longer than {MAX_ANSWER_BYTES} bytes")
        if time.monotonic() > ends:
            raise ServiceError(f"{url}: its answer took longer than {DEADLINE:.0f} s")
    return body
