"""Keys verify their own scheme and no other; the scheme is the key's, not the message's."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, mldsa, padding, rsa, x25519

from sealmark.attest.keys import SCHEME_NUMBERS, SCHEMES, KeyMaterialError, VerificationKey

MESSAGE = b"a message"
RSA = rsa.generate_private_key(65537, 2048)
FORMAT = serialization.PublicFormat.SubjectPublicKeyInfo


def ecdsa(curve: ec.EllipticCurve, algorithm: hashes.HashAlgorithm) -> tuple[Any, bytes]:
    key = ec.generate_private_key(curve)
    return key.public_key(), key.sign(MESSAGE, ec.ECDSA(algorithm))


def own(key: Any) -> tuple[Any, bytes]:
    return key.public_key(), key.sign(MESSAGE)


def pss(salt: int) -> tuple[Any, bytes]:
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
    return RSA.public_key(), RSA.sign(MESSAGE, scheme, hashes.SHA256())


SIGNED = {
    "PKIX_ECDSA_P256_SHA_256": ecdsa(ec.SECP256R1(), hashes.SHA256()),
    "PKIX_ECDSA_P384_SHA_384": ecdsa(ec.SECP384R1(), hashes.SHA384()),
    "PKIX_ECDSA_P521_SHA_512": ecdsa(ec.SECP521R1(), hashes.SHA512()),
    "PKIX_ECDSA_P384_SHA_256": ecdsa(ec.SECP384R1(), hashes.SHA256()),
    "PKIX_ED25519": own(ed25519.Ed25519PrivateKey.generate()),
    "PKIX_RSA_PKCS1V5": (
        RSA.public_key(),
        RSA.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA256()),
    ),
    "PKIX_RSA_PSS": pss(32),
    "PKIX_RSA_PSS_2048_SHA256": pss(222),
    "ML_DSA_44": own(mldsa.MLDSA44PrivateKey.generate()),
    "ML_DSA_65": own(mldsa.MLDSA65PrivateKey.generate()),
    "ML_DSA_87": own(mldsa.MLDSA87PrivateKey.generate()),
}


@pytest.mark.parametrize("scheme", SIGNED)
@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_a_signature_holds_in_its_scheme(scheme: str, encoding: serialization.Encoding) -> None:
    public, signature = SIGNED[scheme]
    key = VerificationKey.load(public.public_bytes(encoding, FORMAT), scheme)
    assert key.holds(signature, MESSAGE)
    assert not key.holds(signature, MESSAGE + b"!")
    assert not key.holds(signature[:-1], MESSAGE)
    assert not key.holds(b"", MESSAGE)


@pytest.mark.parametrize("scheme", SIGNED)
@pytest.mark.parametrize("other", SIGNED)
def test_a_signature_holds_in_no_other_scheme(scheme: str, other: str) -> None:
    public, signature = SIGNED[scheme]
    family = other.rpartition("_2048")[0] or other
    if family == (scheme.rpartition("_2048")[0] or scheme):
        return
    try:
        key = VerificationKey.wrap(public, other)
    except KeyMaterialError:
        return
    assert not key.holds(signature, MESSAGE)


def test_the_usual_scheme_is_taken_where_none_is_named() -> None:
    for scheme in ("PKIX_ECDSA_P384_SHA_384", "PKIX_ED25519", "PKIX_RSA_PKCS1V5", "ML_DSA_65"):
        assert VerificationKey.wrap(SIGNED[scheme][0]).scheme == scheme


def test_sha_256_is_believed_of_a_larger_curve_where_nothing_names_the_hash() -> None:
    public, signature = SIGNED["PKIX_ECDSA_P384_SHA_256"]
    assert VerificationKey.wrap(public).holds(signature, MESSAGE)
    assert not VerificationKey.wrap(public, "PKIX_ECDSA_P384_SHA_384").holds(signature, MESSAGE)


def test_no_signature_holds_of_a_key_that_is_not_understood() -> None:
    key = VerificationKey.of_unknown_scheme(b"some bytes", "PKIX_ED25519_PH")
    assert not key.holds(b"", MESSAGE)
    assert not key.holds_digest(b"", bytes(32))


def test_every_scheme_has_its_number() -> None:
    assert set(SCHEMES) <= set(SCHEME_NUMBERS.values())


def test_rsa_in_pkcs1_is_read() -> None:
    pkcs1 = RSA.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.PKCS1
    )
    key = VerificationKey.load(pkcs1, "PKCS1_RSA_PKCS1V5")
    assert key.holds(SIGNED["PKIX_RSA_PKCS1V5"][1], MESSAGE)


@pytest.mark.parametrize(
    "public",
    [
        rsa.generate_private_key(65537, 1024).public_key(),
        ec.generate_private_key(ec.SECP224R1()).public_key(),
        ec.generate_private_key(ec.SECP256K1()).public_key(),
        dsa.generate_private_key(2048).public_key(),
        x25519.X25519PrivateKey.generate().public_key(),
    ],
    ids=["rsa-1024", "p224", "k256", "dsa", "x25519"],
)
def test_weak_and_foreign_keys_are_refused(public: Any) -> None:
    with pytest.raises(KeyMaterialError):
        VerificationKey.load(public.public_bytes(serialization.Encoding.PEM, FORMAT))


@pytest.mark.parametrize("data", [b"", b"-----BEGIN PUBLIC KEY-----\n", b"0" * 100_000])
def test_bytes_that_are_no_key_are_refused(data: bytes) -> None:
    with pytest.raises(KeyMaterialError):
        VerificationKey.load(data)


def test_a_private_key_is_refused() -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with pytest.raises(KeyMaterialError) as caught:
        VerificationKey.load(pem)
    assert "PRIVATE" not in str(caught.value)


def test_a_digest_is_enough_where_the_scheme_hashes_first() -> None:
    public, signature = SIGNED["PKIX_ECDSA_P256_SHA_256"]
    key = VerificationKey.wrap(public)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(MESSAGE)
    assert key.holds_digest(signature, digest.finalize())
    assert not key.holds_digest(signature, bytes(32))
    assert not key.holds_digest(signature, bytes(31))
    assert not VerificationKey.wrap(SIGNED["PKIX_ED25519"][0]).holds_digest(b"", bytes(32))
