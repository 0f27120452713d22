"""Notation's signatures: accepted where they hold, refused by step and field where they do not."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.support.notation.world import (
    AGENT,
    ARTIFACT,
    AUTHENTIC,
    EXPIRY,
    NOW,
    SCHEME,
    TIME,
    Notary,
    ders,
    descriptor,
    later,
    payload,
    stamped,
    token,
)
from tests.support.sigstore.authority import usage
from tests.support.sigstore.tsa import TimestampAuthority

from sealmark.attest.certificate import Certificate
from sealmark.attest.fields import FieldError
from sealmark.attest.notation.cbor import CborError, Tagged, decode_cbor, encode_cbor
from sealmark.attest.notation.cose import parse_cose
from sealmark.attest.notation.jws import parse_jws
from sealmark.attest.notation.trust import Anyone, Subject, parse_subject, read_store
from sealmark.attest.notation.verify import NotationVerified, verify_notation
from sealmark.attest.steps import ClaimError

if TYPE_CHECKING:
    from sealmark.attest.notation.trust import X509Signer

PEER = Path(__file__).resolve().parents[2] / ".peers" / "bin" / "go-notation"
JWS, COSE = "application/jose+json", "application/cose"
CA = "notary.x509"
SA = "notary.x509.signingAuthority"


@pytest.fixture(scope="module")
def notary() -> Notary:
    return Notary()


def check(
    envelope: bytes, signer: X509Signer, *, now: datetime = NOW, artifact: Any = ARTIFACT
) -> NotationVerified:
    parse = parse_jws if envelope[:1] == b"{" else parse_cose
    return verify_notation(parse(envelope), signer, artifact, now)


def refused(step: str, field: str, *arguments: Any, **named: Any) -> str:
    with pytest.raises(ClaimError) as caught:
        check(*arguments, **named)
    error = caught.value
    assert (error.step.id, field in error.field) == (step, True), str(error)
    return error.why


@pytest.mark.parametrize("kind", ["jws", "cose"])
def test_a_signature_by_a_trusted_authority_is_accepted(notary: Notary, kind: str) -> None:
    verified = check(getattr(notary, kind)(), notary.trusted())
    assert verified.artifact == ARTIFACT
    assert verified.subject == "CN=ci,O=acme,ST=WA,C=US"
    assert verified.trusted == "CN=root,O=acme,ST=WA,C=US"
    assert (verified.seen, verified.until) == (None, notary.end)
    assert verified.revocation_unknown == ()


@pytest.mark.parametrize("kind", ["jws", "cose"])
def test_another_artifact_size_or_media_type_is_refused(notary: Notary, kind: str) -> None:
    make, who = getattr(notary, kind), notary.trusted()
    for field, value in (
        ("digest", f"sha256:{'0' * 64}"),
        ("size", 1),
        ("mediaType", "application/vnd.oci.image.index.v1+json"),
    ):
        why = refused(
            "subject", f"targetArtifact.{field}", make(content=payload(**{field: value})), who
        )
        assert "not about" in why
    refused("subject", "payload", make(content=b"{}"), who)
    refused(
        "subject", "annotations", make(content=payload(annotations={"io.cncf.notary.x": ""})), who
    )


def test_unknown_critical_attributes_and_plug_ins_are_refused(notary: Notary) -> None:
    who = notary.trusted()
    refused("attributes", "new", notary.jws(crit=[SCHEME, "new"], new=1), who)
    plugin = "io.cncf.notary.verificationPlugin"
    assert "plug-in" in refused("attributes", plugin, notary.jws(**{plugin: "x"}), who)
    refused("attributes", "crit", notary.jws(crit=[]), who)
    refused("attributes", SCHEME, notary.jws(**{SCHEME: "other"}), who)
    refused("attributes", "cty", notary.jws(cty="text/plain"), who)
    refused("parse", "crit", notary.jws(crit=[SCHEME, "absent"]), who)
    refused("parse", TIME, notary.jws(**{TIME: None}), who)
    assert check(notary.jws(note="not critical"), who)
    refused("attributes", "new", notary.cose(changes={2: [SCHEME, "new"], "new": 1}), who)
    refused("attributes", "258", notary.cose(changes={258: -16, 3: None}), who)
    refused("attributes", "alg", notary.cose(changes={1: 5}), who)


def test_the_key_decides_the_algorithm_not_the_envelope(notary: Notary) -> None:
    for name in ("none", "HS256", "PS256", "ES384"):
        refused("signature", "alg", notary.jws(alg=name), notary.trusted())


def test_a_changed_payload_does_not_hold(notary: Notary) -> None:
    whole = json.loads(notary.jws())
    whole["payload"] = json.loads(notary.jws(content=payload(size=1)))["payload"]
    refused("signature", "signature", json.dumps(whole).encode(), notary.trusted())


def test_an_authority_in_no_store_or_in_that_of_another_kind_is_refused(notary: Notary) -> None:
    refused("authenticity", "x5c", notary.jws(), Notary().trusted())
    (root,) = notary.trusted().stores.ca
    refused("authenticity", "x5c", notary.jws(), notary.trusted(signing_authority=(root,)))
    refused("authenticity", "x5c", notary.jws(), notary.trusted(tsa=(root,)))


def test_a_signing_authoritys_word_on_the_time_counts_in_its_scheme(notary: Notary) -> None:
    (root,) = notary.trusted().stores.ca
    who = notary.trusted(signing_authority=(root,))
    changes: dict[str, Any] = {SCHEME: SA, TIME: None, AUTHENTIC: "2024-07-01T11:00:00Z"}
    good = notary.jws(crit=[SCHEME, AUTHENTIC], **changes)
    much_later = datetime(2040, 1, 1, tzinfo=UTC)
    assert check(good, who, now=much_later).seen == datetime(2024, 7, 1, 11, tzinfo=UTC)
    refused("authenticity", "x5c", good, notary.trusted())
    refused("attributes", "crit", notary.jws(**changes), who)
    refused("time", AUTHENTIC, good, who, now=datetime(2024, 6, 1, tzinfo=UTC))


def test_expired_certificates_need_a_stamp_by_a_trusted_authority(notary: Notary) -> None:
    tsa, other = TimestampAuthority(), TimestampAuthority("other")
    (root,) = notary.trusted().stores.ca
    stores: dict[str, Any] = {
        "ca": (root,),
        "tsa": tuple(map(Certificate.parse, ders(tsa.leaf, tsa.root))),
    }
    who, much_later = notary.trusted(**stores), datetime(2040, 1, 1, tzinfo=UTC)
    for make in (notary.jws, notary.cose):
        refused("time", "x5c", make(), notary.trusted(), now=much_later)
        good = stamped(make, lambda signature: token(tsa.stamp(signature, NOW)))
        assert check(good, who, now=much_later).seen == NOW
        assert check(good, who, now=much_later).until is None
        refused("time", "x5c", good, notary.trusted(), now=much_later)
        for stamp in (
            lambda signature: token(other.stamp(signature, NOW)),
            lambda signature: token(tsa.stamp(signature + b"x", NOW)),
            lambda signature: token(tsa.stamp(signature, later(days=20000))),
            lambda signature: b"rubbish",
        ):
            refused("time", "timestampSignature", stamped(make, stamp), who)


def test_what_its_signer_let_expire_is_refused(notary: Notary) -> None:
    envelope = notary.jws(crit=[SCHEME, EXPIRY], **{EXPIRY: "2024-07-02T00:00:00Z"})
    assert check(envelope, notary.trusted()).until == datetime(2024, 7, 2, tzinfo=UTC)
    refused("expiry", EXPIRY, envelope, notary.trusted(), now=later(days=1))
    early = notary.jws(crit=[SCHEME, EXPIRY], **{EXPIRY: "2024-07-01T11:00:00Z"})
    refused("attributes", EXPIRY, early, notary.trusted())


@pytest.mark.parametrize(
    ("leaf", "why"),
    [
        ({"plain": False}, "key usage"),
        ({"purpose": ExtendedKeyUsageOID.SERVER_AUTH}, "TLS servers"),
        ({"purpose": ExtendedKeyUsageOID.TIME_STAMPING}, "time stamping"),
        ({"purpose": x509.ObjectIdentifier("1.2.3.4")}, "not code signing"),
        ({"extensions": [(x509.BasicConstraints(True, None), True)]}, "authority"),
        ({"plain": False, "extensions": [(usage(signs=True, issues=True), True)]}, "key usage"),
        ({"plain": False, "extensions": [(usage(signs=True, issues=False), False)]}, "critical"),
    ],
)
def test_a_certificate_for_another_purpose_is_refused(
    notary: Notary, leaf: dict[str, Any], why: str
) -> None:
    made = notary.signer(*leaf.pop("extensions", ()), **leaf)
    chain = ders(made, notary.intermediate, notary.root)
    assert why in refused("certificates", "x5c[0]", notary.jws(chain=chain), notary.trusted())


def test_a_chain_out_of_order_cut_short_or_with_strangers_is_refused(notary: Notary) -> None:
    leaf, middle, root = notary.chain
    stranger = Notary().chain[2]
    for chain in ([leaf, root, middle], [leaf, middle], [leaf], [leaf, middle, root, root],
                  [leaf, middle, root, stranger], [leaf, middle, stranger], [middle, root],
                  ):  # fmt: skip
        refused("certificates", "x5c", notary.jws(chain=chain), notary.trusted())


def test_whom_nobody_asked_for_revocation_is_said(notary: Notary) -> None:
    point = x509.DistributionPoint(
        [x509.UniformResourceIdentifier("http://crl.example/ca.crl")], None, None, None
    )
    leaf = notary.signer((x509.CRLDistributionPoints([point]), False))
    chain = ders(leaf, notary.intermediate, notary.root)
    verified = check(notary.jws(chain=chain), notary.trusted())
    assert verified.revocation_unknown == ("CN=ci,O=acme,ST=WA,C=US",)


def test_the_subject_must_be_who_was_expected(notary: Notary) -> None:
    who = parse_subject("x509.subject: C=US, ST=WA, O=acme")
    assert check(notary.jws(), notary.trusted(who))
    for text in ("C=US,ST=WA,O=other", "C=US, ST=WA, O=acme, CN=cd", "C=US,ST=WA,O=acme,OU=x"):
        refused("identity", "subject", notary.jws(), notary.trusted(parse_subject(text)))
    refused("identity", "subject", notary.jws(), notary.trusted(Subject(())))


def test_subjects_are_read_as_notation_reads_them() -> None:
    assert parse_subject("*") == Anyone()
    assert parse_subject(r"C=US, ST=W\,A, O=a\ ") == Subject(
        (("C", "US"), ("ST", "W,A"), ("O", "a "))
    )
    for text in ("", "C=US", "C=US,ST=WA", "C=US,ST=WA,O=", "C=US,C=US,ST=WA,O=a", "X=1",
                 "C=US,ST=WA,O=a+OU=b", "C=US,ST=WA,O=a,"):  # fmt: skip
        with pytest.raises(FieldError):
            parse_subject(text)


def test_a_store_holds_authorities_in_pem_or_der(notary: Notary) -> None:
    pems = b"".join(c.public_bytes(Encoding.PEM) for c in (notary.root, notary.intermediate))
    assert len(read_store(pems, "store")) == 2
    assert len(read_store(notary.chain[2], "store")) == 1
    for data in (b"", b"rubbish", notary.chain[0]):
        with pytest.raises(FieldError):
            read_store(data, "store")


def test_flipping_any_byte_is_refused_or_means_the_same(notary: Notary) -> None:
    who = notary.trusted()
    for envelope in (notary.jws(header={AGENT: "test/1"}), notary.cose(unprotected={AGENT: "t"})):
        expected = check(envelope, who)
        for at in range(len(envelope)):
            for flip in (0x01, 0x20, 0x80):
                mutant = bytearray(envelope)
                mutant[at] ^= flip
                parse = parse_jws if envelope[:1] == b"{" else parse_cose
                try:
                    got = verify_notation(parse(bytes(mutant)), who, ARTIFACT, NOW)
                except ClaimError:
                    continue
                assert got == expected, at


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"\x18\x01", b"\x9f\xff", b"\xa2\x01\x01\x01\x01", b"\x42a", b"\x61\xff",
     b"\xf9\x00\x00",     b"\x81" * 100, b"\x9a\xff\xff\xff\xff", b"\x01\x01", b"\xa1\x80\x01"],
)  # fmt: skip
def test_cbor_in_another_spelling_is_refused(data: bytes) -> None:
    with pytest.raises(CborError):
        decode_cbor(data)


def test_cbor_is_read_as_it_was_written() -> None:
    item = Tagged(18, [0, 23, 24, 255, 256, 65536, 2**40, -1, -300, b"x", "é", {1: [], "a": {}}])
    assert decode_cbor(encode_cbor(item)) == item


def peer(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    if not PEER.exists():
        pytest.skip("go-notation is not built: run `make peers`")
    return subprocess.run([PEER, *arguments], input=data, capture_output=True, timeout=60)


def present() -> Notary:
    """The peer has no clock but its own."""
    return Notary(datetime(2020, 1, 1, tzinfo=UTC))


@pytest.mark.peers
@pytest.mark.parametrize("kind", [JWS, COSE])
def test_what_notation_go_signs_is_accepted_and_refused_where_it_should(
    tmp_path: Path, kind: str
) -> None:
    notary = present()
    pem = notary.keys[0].private_bytes(
        Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key, chain = tmp_path / "key", tmp_path / "chain"
    key.write_bytes(pem)
    made = (notary.leaf, notary.intermediate, notary.root)
    chain.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in made))
    signed = peer("sign", str(key), str(chain), kind, json.dumps(descriptor()), "3600")
    assert signed.returncode == 0, signed.stderr
    now = datetime.now(UTC)
    verified = check(signed.stdout, notary.trusted(), now=now)
    assert verified.artifact == ARTIFACT
    assert verified.until is not None
    refused("expiry", EXPIRY, signed.stdout, notary.trusted(), now=verified.until)
    refused("authenticity", "x5c", signed.stdout, Notary().trusted(), now=now)


@pytest.mark.peers
def test_notation_go_agrees_on_what_we_accept_and_refuse(tmp_path: Path) -> None:
    notary, other = present(), present()
    store = tmp_path / "truststore" / "x509" / "ca" / "test"
    store.mkdir(parents=True)
    (store / "root.crt").write_bytes(notary.chain[2])
    old = {EXPIRY: "2024-07-02T00:00:00Z"}
    crit = [SCHEME, EXPIRY]
    cose_old = {2: crit, EXPIRY: Tagged(1, 1719878400)}
    for kind, good, bad in (
        (JWS, notary.jws(), [notary.jws(crit=crit, **old), other.jws(),
                             notary.jws(content=payload(size=1)), notary.jws(alg="ES384")]),
        (COSE, notary.cose(), [notary.cose(changes=cose_old), other.cose(),
                               notary.cose(content=payload(size=1)),
                               notary.cose()[:-1] + b"\x00"]),
    ):  # fmt: skip
        wanted = ("verify", str(tmp_path), kind, json.dumps(descriptor()))
        answer = peer(*wanted, data=good)
        assert answer.returncode == 0, answer.stderr
        check(good, notary.trusted(), now=datetime.now(UTC))
        for envelope in bad:
            assert peer(*wanted, data=envelope).returncode == 1, envelope
            with pytest.raises(ClaimError):
                check(envelope, notary.trusted(), now=datetime.now(UTC))
