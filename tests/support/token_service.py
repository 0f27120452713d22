"""A token service as registries have them (distribution, spec/auth/jwt.md), on loopback."""

from __future__ import annotations

import base64
import json
import secrets
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import trustme
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from tests.support.lying_registry import Answer, Peer, Request, lying_registry
from tests.support.registry import TokenService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Issuer:
    """Gives everybody `pull`, and `push` too to who knows the login."""

    def __init__(self, login: tuple[str, str], seconds: int) -> None:
        self._basic = "Basic " + base64.b64encode(":".join(login).encode()).decode()
        self._seconds = seconds
        self._pair = trustme.CA().issue_cert("tokens.example")
        key = load_pem_private_key(self._pair.private_key_pem.bytes(), None)
        assert isinstance(key, EllipticCurvePrivateKey)
        self._key = key
        self.certificate = self._pair.cert_chain_pems[0].bytes()

    def __call__(self, request: Request) -> Answer:
        """Answer a request for a token."""
        known = request.headers.get("authorization", "") == self._basic
        if "authorization" in request.headers and not known:
            return Answer(401)
        kind, name, actions = parse_qs(urlsplit(request.path).query)["scope"][0].split(":")
        allowed = [one for one in actions.split(",") if one == "pull" or known]
        token = self._token({"type": kind, "name": name, "actions": allowed})
        return Answer(body=json.dumps({"token": token}).encode())

    def _token(self, access: dict[str, Any]) -> str:
        der = load_pem_x509_certificate(self.certificate).public_bytes(Encoding.DER)
        header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(der).decode()]}
        now = int(time.time())
        claims = {
            "iss": "tokens",
            "sub": "",
            "aud": "shop",
            "nbf": now - 100,
            "iat": now - 100,
            "exp": now + self._seconds,
            "jti": secrets.token_hex(8),
            "access": [access],
        }
        signed = f"{_encoded(json.dumps(header))}.{_encoded(json.dumps(claims))}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ECDSA(SHA256())))
        return f"{signed}.{_encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _encoded(content: str | bytes) -> str:
    plain = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(plain).decode().rstrip("=")


@contextmanager
def token_service(
    directory: Path, login: tuple[str, str], seconds: int = 300
) -> Iterator[tuple[Peer, TokenService]]:
    """Serve tokens that are good for so many seconds."""
    issuer = Issuer(login, seconds)
    certificate = directory / "tokens.pem"
    certificate.write_bytes(issuer.certificate)
    with lying_registry(issuer) as peer:
        yield peer, TokenService(f"http://{peer.address}/token", certificate)
