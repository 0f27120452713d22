"""Honest bundles of every kind are verified; what is wrong is refused at its own step."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.support.sigstore.authority import ISSUER, NAME, Fulcio, p256, spki
from tests.support.sigstore.bundles import KINDS, as_version, dsse_bundle, message_bundle
from tests.support.sigstore.checking import ANYONE, NOW, changed, check, refusal, refused
from tests.support.sigstore.rekor import Rekor, b64
from tests.support.sigstore.tsa import TimestampAuthority
from tests.support.sigstore.world import ARTIFACT, WHEN, World, statement

from sealmark.attest.identity import AllOf, AnyOf, Exactly, Says, Under
from sealmark.attest.keys import VerificationKey
from sealmark.attest.steps import CHAIN, IDENTITY, LOG, PARSE, SCT, SIGNATURE, SUBJECT, TIME

MATERIAL = "verificationMaterial"


def entry_of(bundle: dict[str, Any]) -> Any:
    return bundle[MATERIAL]["tlogEntries"][0]


def key_of(world: World) -> VerificationKey:
    return VerificationKey.wrap(world.key.public_key())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("by_key", [False, True])
def test_a_statement_is_verified_whatever_the_log_calls_it(
    world: World, kind: tuple[str, str], by_key: bool
) -> None:
    bundle = dsse_bundle(world, kind, key=by_key)
    verified = check(bundle, world, signer=key_of(world) if by_key else ANYONE)
    assert verified.statement is not None
    assert verified.statement.raw == statement()
    assert (verified.identity is None) == by_key
    assert verified.key == key_of(world)
    assert len(verified.logged) == 1


@pytest.mark.parametrize("version", ["0.0.1", "0.0.2"])
def test_a_signature_over_the_artifact_is_verified(world: World, version: str) -> None:
    verified = check(message_bundle(world, version), world)
    assert verified.statement is None
    assert verified.identity is not None
    assert verified.identity.names == (NAME,)
    assert verified.identity.issuer == ISSUER
    assert [time.when for time in verified.times] == [WHEN]


def test_another_artifact_is_refused(world: World) -> None:
    refused(SUBJECT, "subject", dsse_bundle(world), world, content=b"another")
    refused(LOG, "canonicalizedBody", message_bundle(world), world, content=b"another")


def test_the_digest_in_the_bundle_must_be_the_artifacts(world: World) -> None:
    bundle = message_bundle(world)
    bundle["messageSignature"]["messageDigest"]["digest"] = b64(bytes(32))
    refused(SIGNATURE, "messageDigest", bundle, world)


@pytest.mark.parametrize("kind", KINDS)
def test_log_entry_not_bound_to_the_artifact(world: World, kind: tuple[str, str]) -> None:
    """CVE-2022-36056: a true entry about something else."""
    other = dsse_bundle(world, kind, key=True, payload=statement(predicate={"passed": False}))
    mine = dsse_bundle(world, kind, key=True)
    mine[MATERIAL]["tlogEntries"] = other[MATERIAL]["tlogEntries"]
    refused(LOG, "canonicalizedBody", mine, world, signer=key_of(world))


@pytest.mark.parametrize("kind", KINDS)
def test_log_entry_of_another_signature_over_the_same_bytes(
    world: World, kind: tuple[str, str]
) -> None:
    """ECDSA signs the same bytes differently each time; the log's must be this one."""
    mine, other = dsse_bundle(world, kind, key=True), dsse_bundle(world, kind, key=True)
    mine[MATERIAL]["tlogEntries"] = other[MATERIAL]["tlogEntries"]
    why = refused(LOG, "canonicalizedBody", mine, world, signer=key_of(world))
    assert "another signature" in why


@pytest.mark.parametrize("kind", KINDS)
def test_log_entry_of_another_certificate_for_the_same_key(
    world: World, kind: tuple[str, str]
) -> None:
    bundle = dsse_bundle(world, kind)
    other = world.leaf().public_bytes(Encoding.DER)
    bundle[MATERIAL]["certificate"]["rawBytes"] = b64(other)
    assert "another key" in refused(LOG, "canonicalizedBody", bundle, world)


def test_key_in_the_certificate_field(world: World) -> None:
    bundle = message_bundle(world)
    bundle[MATERIAL]["certificate"]["rawBytes"] = b64(spki(world.key.public_key()))
    refused(CHAIN, "certificate", bundle, world)


def test_a_key_never_comes_from_the_bundle(world: World) -> None:
    refused(IDENTITY, MATERIAL, message_bundle(world, key=True), world)
    refused(IDENTITY, MATERIAL, message_bundle(world), world, signer=key_of(world))
    other = VerificationKey.wrap(p256().public_key())
    refused(LOG, "canonicalizedBody", message_bundle(world, key=True), world, signer=other)


def test_expired_certificate_without_trusted_time(world: World) -> None:
    bundle = message_bundle(world, "0.0.2", stamps=0)
    assert "says when" in refused(TIME, MATERIAL, bundle, world)


def test_a_time_the_log_did_not_sign_is_nobodys_word(world: World) -> None:
    bundle = message_bundle(world)
    del entry_of(bundle)["inclusionPromise"]
    refused(TIME, MATERIAL, bundle, world)


def test_certificate_used_after_its_end(world: World) -> None:
    late = message_bundle(world, when=WHEN + timedelta(minutes=20))
    assert "not valid at" in refused(CHAIN, "certificate", late, world)


def test_every_time_must_lie_within_the_certificates_life(world: World) -> None:
    bundle = message_bundle(world, "0.0.2")
    signature = b64decode(bundle["messageSignature"]["signature"])
    late = world.tsa.stamp(signature, WHEN + timedelta(days=1))
    stamps = bundle[MATERIAL]["timestampVerificationData"]["rfc3161Timestamps"]
    stamps.append({"signedTimestamp": b64(late)})
    refused(CHAIN, "certificate", bundle, world)


def test_a_signature_from_the_future_is_refused(world: World) -> None:
    assert "yet to come" in refused(
        TIME, "log", message_bundle(world), world, now=WHEN - timedelta(1)
    )


def test_a_time_stamp_over_something_else_is_refused(world: World) -> None:
    bundle = message_bundle(world, "0.0.2")
    other = message_bundle(world, "0.0.2")
    data = "timestampVerificationData"
    bundle[MATERIAL][data] = other[MATERIAL][data]
    refused(TIME, "rfc3161Timestamps[0]", bundle, world)


def test_a_time_stamp_of_an_unknown_authority_is_refused(world: World) -> None:
    stranger = World(world.ct_log, world.rekor, world.rekor2, TimestampAuthority(), world.key)
    stranger.fulcio = world.fulcio
    refused(TIME, "rfc3161Timestamps[0]", message_bundle(stranger, "0.0.2"), world)


def test_time_stamps_say_nothing_where_no_authority_is_named(world: World) -> None:
    root = {**world.trusted_root(), "timestampAuthorities": []}
    verified = check(message_bundle(world, stamps=1), world, root=root)
    assert [time.source for time in verified.times] == ["log"]
    alone = message_bundle(world, "0.0.2", stamps=1)
    assert "says when" in refused(TIME, MATERIAL, alone, world, root=root)


@pytest.mark.parametrize("logged", [statement(), statement(predicate={})])
def test_an_intoto_entry_may_hold_the_payload_and_then_it_must_be_ours(
    world: World, logged: bytes
) -> None:
    bundle = dsse_bundle(world, ("intoto", "0.0.2"), key=True)
    body = json.loads(b64decode(entry_of(bundle)["canonicalizedBody"]))
    body["spec"]["content"]["envelope"]["payload"] = b64(b64(logged).encode())
    bundle[MATERIAL]["tlogEntries"] = [world.rekor.entry(body, WHEN)]
    if logged == statement():
        check(bundle, world, signer=key_of(world))
    else:
        why = refused(LOG, "canonicalizedBody", bundle, world, signer=key_of(world))
        assert "another payload" in why


def test_a_time_stamp_authority_borrows_no_window(world: World) -> None:
    root = world.trusted_root()
    other = World().trusted_root()["timestampAuthorities"]
    root["timestampAuthorities"][0]["validFor"]["end"] = "2024-05-01T00:00:00Z"
    root["timestampAuthorities"] += other
    bundle = message_bundle(world, "0.0.2")
    assert "not trusted at" in refused(TIME, "rfc3161Timestamps[0]", bundle, world, root=root)


@pytest.mark.parametrize("member", ["tlogs", "timestampAuthorities", "certificateAuthorities"])
def test_windows_include_their_ends(world: World, member: str) -> None:
    for end, holds in (("2024-06-01T12:00:00Z", True), ("2024-06-01T11:59:59Z", False)):
        root = world.trusted_root()
        for item in root[member]:
            item.get("publicKey", item)["validFor"]["end"] = end
        for version in ("0.0.1", "0.0.2"):
            bundle = message_bundle(world, version)
            if holds or (member == "timestampAuthorities" and version == "0.0.1"):
                check(bundle, world, root=root)
            else:
                assert "not trusted" in refusal(bundle, world, root=root).why


def test_a_stranger_among_authorities_is_refused(world: World) -> None:
    stranger = Fulcio(world.ct_log).leaf(world.key.public_key(), WHEN)
    refused(CHAIN, "certificate", message_bundle(world, leaf=stranger), world)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"purpose": ExtendedKeyUsageOID.SERVER_AUTH}, "extended key usage"),
        ({"authority": True}, "certificate authority"),
        (
            {
                "extensions": (
                    (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0"), True),
                )
            },
            "critical extension 1.2.3.4",
        ),
    ],
)
def test_a_certificate_for_something_else_is_refused(
    world: World, changes: dict[str, Any], why: str
) -> None:
    leaf = world.leaf(**changes)
    assert why in refused(CHAIN, "certificate", message_bundle(world, leaf=leaf), world)


def test_truncated_chain(world: World) -> None:
    root = world.trusted_root()
    del root["certificateAuthorities"][0]["certChain"]["certificates"][0]
    refused(CHAIN, "certificate", message_bundle(world), world, root=root)


def test_a_certificate_without_sct_or_with_a_foreign_one_is_refused(world: World) -> None:
    bare = world.leaf(with_sct=False)
    refused(SCT, "scts", message_bundle(world, leaf=bare), world)
    root = world.trusted_root()
    root["ctlogs"] = World().trusted_root()["ctlogs"]
    refused(SCT, "scts", message_bundle(world), world, root=root)


def test_an_authority_of_the_same_name_does_not_confuse_the_sct(world: World) -> None:
    root = world.trusted_root()
    decoy = World().trusted_root()["certificateAuthorities"]
    root["certificateAuthorities"] = decoy + root["certificateAuthorities"]
    check(message_bundle(world), world, root=root)


@pytest.mark.parametrize(
    "policy",
    [
        Exactly(NAME, "https://other.example"),
        Exactly("someone@example.org", ISSUER),
        Exactly("", ""),
        AllOf(()),
        AnyOf(()),
        AllOf((Exactly(NAME, ISSUER), Says("sourceRepositoryURI", "https://git.example/other"))),
        Says("buildSignerURI", ""),
        Under("https://git.example/te", ISSUER),
        Under("https://git.example/other/", ISSUER),
    ],
)
def test_a_policy_that_does_not_accept_refuses(world: World, policy: Any) -> None:
    refused(IDENTITY, "certificate", message_bundle(world), world, signer=policy)


@pytest.mark.parametrize(
    "policy",
    [
        Under("https://git.example/team/", ISSUER),
        AnyOf((Exactly("x", "y"), Exactly(NAME, ISSUER))),
        AllOf((Exactly(NAME, ISSUER), Says("sourceRepositoryURI", "https://git.example/team/app"))),
    ],
)
def test_a_policy_that_accepts_accepts(world: World, policy: Any) -> None:
    check(message_bundle(world), world, signer=policy)


@pytest.mark.parametrize("version", ["0.0.1", "0.0.2"])
def test_a_broken_proof_is_refused(world: World, version: str) -> None:
    good = message_bundle(world, version)
    proof = entry_of(good)["inclusionProof"]
    other = proof["hashes"][::-1] or ["AAAA"]

    def with_proof(name: str, value: object) -> dict[str, Any]:
        return changed(good, lambda b: entry_of(b)["inclusionProof"].update({name: value}))

    refused(LOG, "hashes", with_proof("hashes", proof["hashes"][1:]), world)
    refused(LOG, "hashes", with_proof("hashes", [*other, b64(bytes(32))]), world)
    refused(LOG, "rootHash", with_proof("rootHash", b64(bytes(32))), world)
    refused(LOG, "treeSize", with_proof("treeSize", "99999"), world)
    stranger = Rekor(world.rekor.version, world.rekor.host)
    foreign = stranger.checkpoint(int(proof["treeSize"]), b64decode(proof["rootHash"]))
    refused(LOG, "checkpoint", with_proof("checkpoint", {"envelope": foreign}), world)


def test_a_checkpoint_in_anothers_name_is_refused(world: World) -> None:
    bundle = message_bundle(world, "0.0.2")
    proof = entry_of(bundle)["inclusionProof"]
    root = b64decode(proof["rootHash"])
    other = world.rekor2.checkpoint(int(proof["treeSize"]), root, origin="other.example")
    proof["checkpoint"]["envelope"] = other
    assert "another log" in refused(LOG, "checkpoint", bundle, world)


def test_a_promise_that_was_not_given_is_refused(world: World) -> None:
    bundle = message_bundle(world)
    entry_of(bundle)["integratedTime"] = str(int(WHEN.timestamp()) + 1)
    refused(TIME, "inclusionPromise", bundle, world)


def test_a_bundle_that_is_not_logged_is_refused(world: World) -> None:
    bundle = message_bundle(world, key=True)
    bundle[MATERIAL]["tlogEntries"] = []
    refused(LOG, "tlogEntries", bundle, world, signer=key_of(world))


def test_a_keys_bundle_needs_no_log_where_the_trust_root_names_none(world: World) -> None:
    nobody = {"mediaType": world.trusted_root()["mediaType"]}
    bundle = message_bundle(world, key=True)
    refused(TIME, "logId", bundle, world, root=nobody, signer=key_of(world))
    bundle[MATERIAL] = {"publicKey": {"hint": "any"}}
    assert check(bundle, world, root=nobody, signer=key_of(world)).logged == ()


def test_a_certificates_bundle_needs_a_log_whatever_the_trust_root_names(world: World) -> None:
    root = {**world.trusted_root(), "tlogs": []}
    bundle = message_bundle(world, "0.0.2")
    bundle[MATERIAL]["tlogEntries"] = []
    refused(LOG, "tlogEntries", bundle, world, root=root)


def test_a_signature_that_does_not_hold_is_refused(world: World) -> None:
    other = World(world.ct_log, world.rekor, world.rekor2, world.tsa)
    other.fulcio = world.fulcio
    leaf = world.leaf()
    refused(SIGNATURE, "signature", message_bundle(other, leaf=leaf), world)
    refused(SIGNATURE, "signatures", dsse_bundle(other, leaf=leaf), world)


@pytest.mark.parametrize("type_", ["https://in-toto.io/Statement/v2", None])
def test_a_statement_of_an_unknown_type_is_refused(world: World, type_: str | None) -> None:
    bundle = dsse_bundle(world, payload=statement(_type=type_))
    refused(SUBJECT, "_type", bundle, world)


def test_the_same_time_stamp_twice_is_refused(world: World) -> None:
    bundle = message_bundle(world, "0.0.2")
    stamps = bundle[MATERIAL]["timestampVerificationData"]["rfc3161Timestamps"]
    stamps.append(stamps[0])
    refused(PARSE, "rfc3161Timestamps", bundle, world)


def test_now_is_an_argument(world: World) -> None:
    assert check(message_bundle(world), world, now=NOW.replace(year=2099)).identity


def test_a_bundle_that_brings_a_root_is_refused(world: World) -> None:
    bundle = as_version(message_bundle(world), "0.2")
    chain = bundle[MATERIAL]["x509CertificateChain"]["certificates"]
    chain.append({"rawBytes": b64(world.fulcio.intermediate.public_bytes(Encoding.DER))})
    check(bundle, world)
    chain.append({"rawBytes": b64(world.fulcio.root.public_bytes(Encoding.DER))})
    refused(CHAIN, "certificates[2]", bundle, world)


@pytest.mark.parametrize("version", ["0.1", "0.2"])
def test_bundles_of_earlier_versions_are_verified(world: World, version: str) -> None:
    check(as_version(dsse_bundle(world), version), world)


def test_a_promise_is_enough_for_version_0_1_alone(world: World) -> None:
    bundle = as_version(dsse_bundle(world), "0.1")
    del entry_of(bundle)["inclusionProof"]
    check(bundle, world)
    bundle["mediaType"] = bundle["mediaType"].replace("0.1", "0.2")
    refused(PARSE, "inclusionProof", bundle, world)
    bundle["mediaType"] = bundle["mediaType"].replace("0.2", "0.1")
    entry_of(bundle)["inclusionPromise"] = None
    refused(PARSE, "inclusionPromise", bundle, world)


def test_digests_of_unknown_algorithms_neither_help_nor_hurt(world: World) -> None:
    digest = {"sha256": sha256(ARTIFACT).hexdigest(), "dirHash": "h1:47DEQpj8HBSa+/TI="}
    check(dsse_bundle(world, payload=statement(subject=[{"digest": digest}])), world)
    del digest["sha256"]
    alone = dsse_bundle(world, payload=statement(subject=[{"digest": digest}]))
    refused(SUBJECT, "subject", alone, world)


def test_a_subject_with_one_right_and_one_wrong_digest_is_refused(world: World) -> None:
    digest = {"sha256": sha256(ARTIFACT).hexdigest(), "sha512": "00" * 64}
    bundle = dsse_bundle(world, payload=statement(subject=[{"digest": digest}]))
    refused(SUBJECT, "subject", bundle, world)
