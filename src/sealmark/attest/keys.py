"""Public keys bound to one algorithm each. The algorithm comes with the key, never with a message.

Names of schemes are those of `PublicKeyDetails` in sigstore_common.proto.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from sealmark.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_KEY_BYTES = 64_000
_RSA_BITS = range(2048, 8193)
_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_NOT_A_SIGNATURE = (InvalidSignature, ValueError, UnsupportedAlgorithm)


class KeyMaterialError(UnreadableError):
    """Bytes that are no public key, or one that is not accepted."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a key signs: family, hashes (none where the family hashes by itself), and its curve."""

    family: str
    hashes: tuple[str, ...] = ()
    curve: str = ""


SCHEMES: Mapping[str, Scheme] = {
    "PKIX_ECDSA_P256_SHA_256": Scheme("ecdsa", ("sha256",), "secp256r1"),
    "PKIX_ECDSA_P384_SHA_384": Scheme("ecdsa", ("sha384",), "secp384r1"),
    "PKIX_ECDSA_P521_SHA_512": Scheme("ecdsa", ("sha512",), "secp521r1"),
    "PKIX_ECDSA_P384_SHA_256": Scheme("ecdsa", ("sha256",), "secp384r1"),
    "PKIX_ECDSA_P521_SHA_256": Scheme("ecdsa", ("sha256",), "secp521r1"),
    "PKIX_ED25519": Scheme("ed25519"),
    "PKIX_RSA_PKCS1V15_2048_SHA256": Scheme("rsa-pkcs1", ("sha256",)),
    "PKIX_RSA_PKCS1V15_3072_SHA256": Scheme("rsa-pkcs1", ("sha256",)),
    "PKIX_RSA_PKCS1V15_4096_SHA256": Scheme("rsa-pkcs1", ("sha256",)),
    "PKIX_RSA_PSS_2048_SHA256": Scheme("rsa-pss", ("sha256",)),
    "PKIX_RSA_PSS_3072_SHA256": Scheme("rsa-pss", ("sha256",)),
    "PKIX_RSA_PSS_4096_SHA256": Scheme("rsa-pss", ("sha256",)),
    "PKIX_RSA_PKCS1V5": Scheme("rsa-pkcs1", ("sha256",)),
    "PKIX_RSA_PSS": Scheme("rsa-pss", ("sha256",)),
    "PKCS1_RSA_PKCS1V5": Scheme("rsa-pkcs1", ("sha256",)),
    "PKCS1_RSA_PSS": Scheme("rsa-pss", ("sha256",)),
    "ML_DSA_44": Scheme("MLDSA44PublicKey"),
    "ML_DSA_65": Scheme("MLDSA65PublicKey"),
    "ML_DSA_87": Scheme("MLDSA87PublicKey"),
}
SCHEME_NUMBERS: Mapping[int, str] = {
    1: "PKCS1_RSA_PKCS1V5", 2: "PKCS1_RSA_PSS", 3: "PKIX_RSA_PKCS1V5", 4: "PKIX_RSA_PSS",
    5: "PKIX_ECDSA_P256_SHA_256", 6: "PKIX_ECDSA_P256_HMAC_SHA_256", 7: "PKIX_ED25519",
    8: "PKIX_ED25519_PH", 9: "PKIX_RSA_PKCS1V15_2048_SHA256", 10: "PKIX_RSA_PKCS1V15_3072_SHA256",
    11: "PKIX_RSA_PKCS1V15_4096_SHA256", 12: "PKIX_ECDSA_P384_SHA_384",
    13: "PKIX_ECDSA_P521_SHA_512", 14: "LMS_SHA256", 15: "LMOTS_SHA256",
    16: "PKIX_RSA_PSS_2048_SHA256", 17: "PKIX_RSA_PSS_3072_SHA256", 18: "PKIX_RSA_PSS_4096_SHA256",
    19: "PKIX_ECDSA_P384_SHA_256", 20: "PKIX_ECDSA_P521_SHA_256",
    21: "ML_DSA_65", 22: "ML_DSA_87", 23: "ML_DSA_44",
}  # fmt: skip
"""PublicKeyDetails (sigstore_common.proto), which ProtoJSON may write as numbers."""
_BY_CURVE = {
    "secp256r1": "PKIX_ECDSA_P256_SHA_256",
    "secp384r1": "PKIX_ECDSA_P384_SHA_384",
    "secp521r1": "PKIX_ECDSA_P521_SHA_512",
}
_BY_CLASS = {
    "MLDSA44PublicKey": "ML_DSA_44",
    "MLDSA65PublicKey": "ML_DSA_65",
    "MLDSA87PublicKey": "ML_DSA_87",
}


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key and the one scheme in which its signatures are believed.

    `hashes` are those that the scheme may apply to a message; none where it hashes by itself.
    """

    spki: bytes
    scheme: str
    hashes: tuple[str, ...]
    _public: Any = field(repr=False, compare=False)

    @classmethod
    def load(cls, data: bytes, scheme: str | None = None) -> VerificationKey:
        """Read PEM or DER (SubjectPublicKeyInfo, or RSA's PKCS #1).

        Without `scheme` the key's usual one is taken; clients sign SHA-256 with the larger curves,
        too, and no certificate says so, so there that is believed as well. Raises KeyMaterialError.
        """
        if len(data) > MAX_KEY_BYTES:
            raise KeyMaterialError(f"a public key has at most {MAX_KEY_BYTES} bytes")
        pem = data.lstrip().startswith(b"-----BEGIN")
        read = serialization.load_pem_public_key if pem else serialization.load_der_public_key
        try:
            return cls.wrap(read(data), scheme)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeyMaterialError(f"not a public key in PEM or DER: {error}") from None

    @classmethod
    def wrap(cls, public: Any, scheme: str | None = None) -> VerificationKey:
        """Bind a key object to a scheme. Raises KeyMaterialError if they do not fit."""
        usual = _usual_scheme(public)
        chosen = SCHEMES.get(scheme or usual)
        if chosen is None:
            raise KeyMaterialError(f"keys of the kind {(scheme or usual)[:80]!r} are not supported")
        if not _fits(public, chosen):
            raise KeyMaterialError(f"the key is of the kind {usual}, not {scheme}")
        spki = public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        more = ("sha256",) if scheme is None and chosen.family == "ecdsa" else ()
        hashes_of = tuple(dict.fromkeys(chosen.hashes + more))
        return cls(spki, scheme or usual, hashes_of, public)

    @classmethod
    def of_unknown_scheme(cls, data: bytes, scheme: str) -> VerificationKey:
        """Return a key that is named and not understood: no signature of it holds."""
        return cls(data, scheme, (), None)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the SubjectPublicKeyInfo, as `sha256:hex`."""
        return f"sha256:{hashlib.sha256(self.spki).hexdigest()}"

    def holds(self, signature: bytes, message: bytes) -> bool:
        """Tell whether `signature` is this key's over `message`."""
        if self._public is None:
            return False
        if self.hashes:
            digests = [hashlib.new(name, message).digest() for name in self.hashes]
            return any(self.holds_digest(signature, digest) for digest in digests)
        try:
            self._public.verify(signature, message)
        except _NOT_A_SIGNATURE:
            return False
        return True

    def holds_digest(self, signature: bytes, digest: bytes) -> bool:
        """Tell whether `signature` is this key's over a message with this digest.

        Always false for schemes without a separate hash.
        """
        algorithms = [_HASHES[name] for name in self.hashes]
        fitting = [one for one in algorithms if one.digest_size == len(digest)]
        if not fitting:
            return False
        hashed = utils.Prehashed(fitting[0])
        try:
            if SCHEMES[self.scheme].family == "ecdsa":
                self._public.verify(signature, digest, ec.ECDSA(hashed))
            else:
                padded = _padding(SCHEMES[self.scheme], fitting[0])
                self._public.verify(signature, digest, padded, hashed)
        except _NOT_A_SIGNATURE:
            return False
        return True


def _padding(scheme: Scheme, algorithm: hashes.HashAlgorithm) -> padding.AsymmetricPadding:
    if scheme.family == "rsa-pkcs1":
        return padding.PKCS1v15()
    # Signers choose the salt's length (Go's library the longest, the RFC the hash's): any is valid.
    return padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO)


def _usual_scheme(public: Any) -> str:
    if isinstance(public, ec.EllipticCurvePublicKey):
        return _BY_CURVE.get(public.curve.name, public.curve.name)
    if isinstance(public, ed25519.Ed25519PublicKey):
        return "PKIX_ED25519"
    if isinstance(public, rsa.RSAPublicKey):
        return "PKIX_RSA_PKCS1V5"
    name = type(public).__name__
    return _BY_CLASS.get(name, name)


def _fits(public: Any, scheme: Scheme) -> bool:
    if scheme.family == "ecdsa":
        return isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name == scheme.curve
    if scheme.family == "ed25519":
        return isinstance(public, ed25519.Ed25519PublicKey)
    if scheme.family.startswith("rsa"):
        return isinstance(public, rsa.RSAPublicKey) and public.key_size in _RSA_BITS
    return type(public).__name__ == scheme.family
