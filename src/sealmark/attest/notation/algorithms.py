"""Which algorithm a certificate's key signs with, and whether a signature is its own.

The key decides, not the envelope (signature-specification.md, Algorithm Selection).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealmark.attest.certificate import Certificate


@dataclass(frozen=True, slots=True)
class Algorithm:
    """An algorithm by JWS's name. `width` is that of a number in a signature on a curve, else 0."""

    name: str
    hash: hashes.HashAlgorithm
    width: int = 0


_BY_SIZE: Mapping[int, Algorithm] = {
    2048: Algorithm("PS256", hashes.SHA256()),
    3072: Algorithm("PS384", hashes.SHA384()),
    4096: Algorithm("PS512", hashes.SHA512()),
}
_BY_CURVE: Mapping[str, Algorithm] = {
    "secp256r1": Algorithm("ES256", hashes.SHA256(), 32),
    "secp384r1": Algorithm("ES384", hashes.SHA384(), 48),
    "secp521r1": Algorithm("ES512", hashes.SHA512(), 66),
}


def algorithm_of(certificate: Certificate) -> Algorithm | None:
    """Return what the certificate's key signs with; None for keys that do not sign for Notation."""
    return _algorithm(certificate.parsed.public_key())


def holds(certificate: Certificate, signature: bytes, message: bytes) -> bool:
    """Tell whether `signature`, as JWS and COSE write it, is the certificate's over `message`."""
    public: Any = certificate.parsed.public_key()
    algorithm = _algorithm(public)
    if algorithm is None:
        return False
    try:
        if algorithm.width:
            public.verify(_der(signature, algorithm.width), message, ec.ECDSA(algorithm.hash))
        else:
            public.verify(signature, message, pss(algorithm), algorithm.hash)
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def pss(algorithm: Algorithm) -> padding.PSS:
    """Return RSASSA-PSS with a salt as long as the hash (RFC 7518, 3.5; RFC 8230, 2)."""
    return padding.PSS(padding.MGF1(algorithm.hash), algorithm.hash.digest_size)


def raw_signature(der: bytes, width: int) -> bytes:
    """Turn an ECDSA signature in DER into the two numbers that JWS and COSE want."""
    first, second = decode_dss_signature(der)
    return first.to_bytes(width) + second.to_bytes(width)


def _algorithm(public: object) -> Algorithm | None:
    if isinstance(public, rsa.RSAPublicKey):
        return _BY_SIZE.get(public.key_size)
    if isinstance(public, ec.EllipticCurvePublicKey):
        return _BY_CURVE.get(public.curve.name)
    return None


def _der(signature: bytes, width: int) -> bytes:
    if len(signature) != 2 * width:
        raise ValueError("not two numbers of the curve's size")
    halves = signature[:width], signature[width:]
    return encode_dss_signature(int.from_bytes(halves[0]), int.from_bytes(halves[1]))
