"""The kinds of case that sigstore-conformance asks about, made with our own keys and services.

Cases that other files have: bundles of each version, windows, swapped entries, policies.
"""

from __future__ import annotations

import json
from base64 import b64decode, encodebytes
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from tests.support.sigstore.authority import ISSUER, CertificateLog
from tests.support.sigstore.bundles import as_version, dsse_bundle, message_bundle
from tests.support.sigstore.checking import changed, check, refusal, refused
from tests.support.sigstore.rekor import Rekor, b64
from tests.support.sigstore.tsa import TimestampAuthority
from tests.support.sigstore.world import ARTIFACT, WHEN, World, dump, statement

from sealmark.artifact.digest import Digest
from sealmark.attest.artifact import Artifact
from sealmark.attest.bundle import parse_bundle
from sealmark.attest.identity import Exactly
from sealmark.attest.keys import SCHEME_NUMBERS, VerificationKey
from sealmark.attest.steps import CHAIN, LOG, PARSE, SCT, SUBJECT, TIME
from sealmark.attest.trust_root import parse_trust_root
from sealmark.attest.verify import Expectation, verify
from sealmark.ledger.note import Note, Signature

if TYPE_CHECKING:
    from collections.abc import Callable

MATERIAL = "verificationMaterial"
LATER = datetime(2099, 1, 1, tzinfo=UTC)


def entry_of(bundle: dict[str, Any]) -> Any:
    return bundle[MATERIAL]["tlogEntries"][0]


def key_of(world: World) -> VerificationKey:
    return VerificationKey.wrap(world.key.public_key())


def with_tsa(world: World, tsa: TimestampAuthority) -> World:
    """The same world with another time-stamping authority."""
    other = World(world.ct_log, world.rekor, world.rekor2, tsa, world.key)
    other.fulcio = world.fulcio
    return other


# Spellings


def test_base64_that_is_broken_into_lines_is_the_same_bundle(world: World) -> None:
    bundle = message_bundle(world, stamps=1)
    stamps = bundle[MATERIAL]["timestampVerificationData"]["rfc3161Timestamps"]
    for holder, name in (
        (bundle["messageSignature"], "signature"),
        (bundle[MATERIAL]["certificate"], "rawBytes"),
        (entry_of(bundle), "canonicalizedBody"),
        (stamps[0], "signedTimestamp"),
    ):
        holder[name] = encodebytes(b64decode(holder[name])).decode()
    assert check(bundle, world).identity


def test_a_signature_that_is_no_base64_is_refused_as_such(world: World) -> None:
    bundle = message_bundle(world)
    bundle["messageSignature"]["signature"] += "!invalid"
    refused(PARSE, "messageSignature.signature", bundle, world)


def test_choices_may_be_written_as_numbers(world: World) -> None:
    bundle = message_bundle(world)
    bundle["messageSignature"]["messageDigest"]["algorithm"] = 1
    root = world.trusted_root()
    numbers = {name: number for number, name in SCHEME_NUMBERS.items()}
    for log in root["tlogs"] + root["ctlogs"]:
        log["hashAlgorithm"] = 1
        log["publicKey"]["keyDetails"] = numbers[log["publicKey"]["keyDetails"]]
    assert check(bundle, world, root=root).identity


def test_a_negative_index_is_named_whatever_else_is_missing(world: World) -> None:
    bundle = message_bundle(world)
    entry_of(bundle)["logIndex"] = "-1"
    del entry_of(bundle)["inclusionProof"]
    refused(PARSE, "tlogEntries[0].logIndex", bundle, world)


def test_an_unknown_version_is_named(world: World) -> None:
    bundle = message_bundle(world)
    bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=99.9"
    refused(PARSE, "mediaType", bundle, world)


def test_an_empty_chain_of_certificates_is_refused(world: World) -> None:
    bundle = as_version(message_bundle(world), "0.1")
    bundle[MATERIAL]["x509CertificateChain"]["certificates"] = []
    refused(PARSE, "x509CertificateChain.certificates", bundle, world)


def test_text_that_is_no_json_is_refused(world: World) -> None:
    refused(PARSE, "bundle", dump(message_bundle(world))[:-1], world)


# Who signed


def test_a_certificate_for_a_larger_curve_may_sign_sha_256() -> None:
    """Signers of CPython's releases did; nothing but the signature says so."""
    world = World(key=ec.generate_private_key(ec.SECP384R1()))
    trust = parse_trust_root(dump(world.trusted_root()))
    digest = Artifact.of_digest(Digest.parse("sha256:" + sha256(ARTIFACT).hexdigest()))
    expected = Expectation(digest, Exactly("someone@example.org", ISSUER))
    leaf = world.leaf(san="someone@example.org")
    for bundle in (message_bundle(world, leaf=leaf), dsse_bundle(world, leaf=leaf)):
        assert verify(parse_bundle(dump(bundle)), trust, expected, LATER).identity


def test_a_root_in_the_bundle_is_the_reason_even_for_strangers(world: World) -> None:
    bundle = as_version(message_bundle(world), "0.1")
    root = {"rawBytes": b64(world.fulcio.root.public_bytes(Encoding.DER))}
    bundle[MATERIAL]["x509CertificateChain"]["certificates"].append(root)
    why = refused(CHAIN, "certificates[1]", bundle, World())
    assert "must not bring a root" in why


def test_a_bundle_of_another_instance_is_refused(world: World) -> None:
    assert "no log of the trust root" in refused(TIME, "logId", message_bundle(world), World())


def test_an_sct_with_extensions_is_understood() -> None:
    world = World(ct_log=CertificateLog(extensions=b"\0\0\5\1\2\3\4\5"))
    assert check(message_bundle(world), world).identity


def test_an_sct_of_a_log_with_another_key_is_refused(world: World) -> None:
    root = world.trusted_root()
    root["ctlogs"][0]["publicKey"] = World().trusted_root()["ctlogs"][0]["publicKey"]
    with pytest.raises(Exception, match=r"ctlogs\[0\]\.logId: is not the SHA-256 of the key"):
        check(message_bundle(world), world, root=root)
    root["ctlogs"][0]["logId"] = World().trusted_root()["ctlogs"][0]["logId"]
    with pytest.raises(Exception, match=r"ctlogs\[0\]\.logId"):
        check(message_bundle(world), world, root=root)
    root["ctlogs"] = World().trusted_root()["ctlogs"]
    refused(SCT, "scts", message_bundle(world), world, root=root)


# What the entry is about


@pytest.mark.parametrize("version", ["0.0.1", "0.0.2"])
def test_an_entry_about_something_else_is_the_reason_not_its_time(
    world: World, version: str
) -> None:
    late = WHEN + timedelta(days=40)
    other = message_bundle(world, version, content=b"another", when=late)
    bundle = message_bundle(world, version)
    bundle[MATERIAL]["tlogEntries"] = other[MATERIAL]["tlogEntries"]
    refused(LOG, "canonicalizedBody", bundle, world)


def test_an_entry_with_a_changed_key_is_the_reason_not_its_promise(world: World) -> None:
    bundle = message_bundle(world)
    body = json.loads(b64decode(entry_of(bundle)["canonicalizedBody"]))
    body["spec"]["signature"]["publicKey"]["content"] = b64(b"-----BEGIN another")
    entry_of(bundle)["canonicalizedBody"] = b64(dump(body))
    assert "another key" in refused(LOG, "canonicalizedBody", bundle, world)


def test_an_entry_with_a_certificate_of_an_unknown_version_is_refused(world: World) -> None:
    """Cryptography has an error of its own for that."""
    leaf = world.leaf()
    der = leaf.public_bytes(Encoding.DER).replace(
        b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x12", 1
    )
    lines = encodebytes(der).decode()
    pem = f"-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n"
    bundle = message_bundle(world, leaf=leaf)
    body = json.loads(b64decode(entry_of(bundle)["canonicalizedBody"]))
    body["spec"]["signature"]["publicKey"]["content"] = b64(pem.encode())
    entry_of(bundle)["canonicalizedBody"] = b64(dump(body))
    assert "another key" in refused(LOG, "canonicalizedBody", bundle, world)


def test_another_key_than_the_expected_one_is_refused(world: World) -> None:
    bundle = message_bundle(world, key=True)
    assert "another key" in refused(LOG, "canonicalizedBody", bundle, world, signer=key_of(World()))


def test_a_statement_by_a_key_without_type_is_refused(world: World) -> None:
    payload = statement(_type=None)
    bundle = dsse_bundle(world, ("hashedrekord", "0.0.2"), key=True, payload=payload)
    refused(SUBJECT, "_type", bundle, world, signer=key_of(world))


def test_a_log_of_the_second_version_may_have_an_ecdsa_key(world: World) -> None:
    rekor = Rekor(1, "rekor.example")
    other = World(world.ct_log, world.rekor, rekor, world.tsa, world.key)
    bundle = dsse_bundle(other, ("hashedrekord", "0.0.2"), key=True)
    entry = entry_of(bundle)
    proof = entry["inclusionProof"]
    size, root = int(proof["treeSize"]), b64decode(proof["rootHash"])
    proof["checkpoint"]["envelope"] = rekor.checkpoint(size, root, origin=rekor.host)
    entry.pop("inclusionPromise", None)
    entry.pop("integratedTime", None)
    assert check(bundle, other, signer=key_of(world)).logged


# Proofs and checkpoints


def test_a_proof_of_version_0_1_without_checkpoint_must_still_be_a_proof(world: World) -> None:
    bundle = as_version(message_bundle(world), "0.1")
    proof = entry_of(bundle)["inclusionProof"]
    del proof["checkpoint"]
    assert check(bundle, world).identity
    proof["rootHash"] = b64(bytes(32))
    refused(LOG, "inclusionProof.hashes", bundle, world)
    bundle["mediaType"] = bundle["mediaType"].replace("0.1", "0.2")
    refused(PARSE, "checkpoint", bundle, world)


def renoted(bundle: dict[str, Any], change: Callable[[Note], Note]) -> dict[str, Any]:
    def replace(value: dict[str, Any]) -> None:
        checkpoint = entry_of(value)["inclusionProof"]["checkpoint"]
        note = change(Note.parse(checkpoint["envelope"].encode()))
        checkpoint["envelope"] = note.encode().decode()

    return changed(bundle, replace)


def other_signature(name: str, text: str) -> Signature:
    log = Rekor(2, name)
    return Signature(name, log.log_id[:4], log.sign(text.encode()))


COSIGNED: dict[str, Callable[[Note], tuple[Signature, ...]]] = {
    "a witness": lambda n: (*n.signatures, other_signature("witness.example", n.text)),
    "a witness first": lambda n: (other_signature("witness.example", n.text), *n.signatures),
    "two witnesses": lambda n: (
        *n.signatures,
        other_signature("witness.example", n.text),
        other_signature("second.example", n.text),
    ),
    "a further key of the log": lambda n: (
        *n.signatures,
        other_signature(n.signatures[0].name, n.text),
    ),
    "a further key of the log and a witness": lambda n: (
        other_signature(n.signatures[0].name, n.text),
        other_signature("witness.example", n.text),
        *n.signatures,
    ),
    "the log twice": lambda n: n.signatures * 2,
}


@pytest.mark.parametrize("version", ["0.0.1", "0.0.2"])
@pytest.mark.parametrize("who", COSIGNED)
def test_others_may_sign_the_checkpoint_too(world: World, who: str, version: str) -> None:
    bundle = message_bundle(world, version)
    signed = renoted(bundle, lambda note: Note(note.text, COSIGNED[who](note)))
    assert check(signed, world).logged


ALONE: dict[str, Callable[[Note], Signature]] = {
    "a witness": lambda n: other_signature("witness.example", n.text),
    "the log's name with another key": lambda n: other_signature(n.signatures[0].name, n.text),
    "the log's key in another name": lambda n: Signature(
        "other.example", n.signatures[0].key_id, n.signatures[0].value
    ),
    "the log's signature under another hint": lambda n: Signature(
        n.signatures[0].name, b"\1\2\3\4", n.signatures[0].value
    ),
}


@pytest.mark.parametrize("version", ["0.0.1", "0.0.2"])
@pytest.mark.parametrize("who", ALONE)
def test_a_checkpoint_without_the_logs_signature_is_refused(
    world: World, who: str, version: str
) -> None:
    bundle = message_bundle(world, version)
    signed = renoted(bundle, lambda note: Note(note.text, (ALONE[who](note),)))
    assert "no valid signature" in refused(LOG, "checkpoint", signed, world)


@pytest.mark.parametrize("line", [0, 1, 2])
@pytest.mark.parametrize("left", [(), ("",)])
def test_a_checkpoint_that_lacks_a_line_is_refused(
    world: World, line: int, left: tuple[str, ...]
) -> None:
    def without(note: Note) -> Note:
        lines = note.text.split("\n")
        lines[line : line + 1] = left
        return Note("\n".join(lines), note.signatures)

    bundle = message_bundle(world, "0.0.2")
    refused(LOG, "checkpoint", renoted(bundle, without), world)
    unsigned = changed(
        bundle,
        lambda b: entry_of(b)["inclusionProof"]["checkpoint"].update(
            envelope=Note.parse(
                entry_of(b)["inclusionProof"]["checkpoint"]["envelope"].encode()
            ).text
            + "\n"
        ),
    )
    refused(LOG, "checkpoint", unsigned, world)


def test_a_checkpoint_of_another_tree_is_refused(world: World) -> None:
    bundle = message_bundle(world)
    proof = entry_of(bundle)["inclusionProof"]
    other = world.rekor.checkpoint(int(proof["treeSize"]), bytes(range(32)))
    proof["checkpoint"]["envelope"] = other
    assert "root of the checkpoint" in refused(LOG, "rootHash", bundle, world)


# Times


@pytest.mark.parametrize("sends", [True, False])
def test_a_stamp_is_believed_with_and_without_its_certificate(world: World, sends: bool) -> None:
    stamped = with_tsa(world, TimestampAuthority(sends=sends))
    verified = check(message_bundle(stamped, "0.0.2"), stamped)
    assert [time.source for time in verified.times] == ["rfc3161"]


@pytest.mark.parametrize("sends", [True, False])
def test_a_stamp_of_a_stranger_is_refused_with_and_without_its_certificate(
    world: World, sends: bool
) -> None:
    stranger = with_tsa(world, TimestampAuthority(sends=sends))
    why = refused(TIME, "rfc3161Timestamps[0]", message_bundle(stranger, "0.0.2"), world)
    assert "no time-stamping authority" in why


def test_a_stamp_outlives_the_certificate_that_made_it(world: World) -> None:
    stamped = with_tsa(world, TimestampAuthority(end=WHEN + timedelta(days=1)))
    assert check(message_bundle(stamped, "0.0.2"), stamped, now=LATER).times


@pytest.mark.parametrize("sends", [True, False])
def test_a_stamp_from_after_the_end_of_its_certificate_is_refused(
    world: World, sends: bool
) -> None:
    ended = TimestampAuthority(end=WHEN - timedelta(seconds=1), sends=sends)
    stamped = with_tsa(world, ended)
    refused(TIME, "rfc3161Timestamps[0]", message_bundle(stamped, "0.0.2"), stamped)


@pytest.mark.parametrize("sends", [True, False])
def test_an_authority_that_stamps_with_an_authoritys_certificate_is_believed(
    world: World, sends: bool
) -> None:
    stamped = with_tsa(world, TimestampAuthority(one_key=True, sends=sends))
    bundle = as_version(dsse_bundle(stamped, ("intoto", "0.0.2"), stamps=1), "0.2")
    assert len(check(bundle, stamped).times) == 2


def test_a_stamp_with_its_content_in_pieces_is_believed(world: World) -> None:
    """BER, as CMS allows it; the reader of time stamps wants DER."""
    stamped = with_tsa(world, TimestampAuthority(one_key=True, pieces=True))
    bundle = as_version(dsse_bundle(stamped, ("intoto", "0.0.2"), stamps=1), "0.2")
    assert len(check(bundle, stamped).times) == 2
    late = with_tsa(world, TimestampAuthority(end=WHEN - timedelta(days=1), pieces=True))
    refused(TIME, "rfc3161Timestamps[0]", message_bundle(late, "0.0.2"), late)


@pytest.mark.parametrize("place", range(0, 60, 3))
def test_a_broken_stamp_in_pieces_is_refused(world: World, place: int) -> None:
    stamped = with_tsa(world, TimestampAuthority(pieces=True))
    bundle = message_bundle(stamped, "0.0.2")
    stamps = bundle[MATERIAL]["timestampVerificationData"]["rfc3161Timestamps"]
    whole = b64decode(stamps[0]["signedTimestamp"])
    for broken in (
        whole[: len(whole) - 1 - place],
        whole[:place] + b"\xff\xff" + whole[place + 2 :],
        whole[:place] + b"\x1f\x80" + whole[place + 2 :],
    ):
        stamps[0]["signedTimestamp"] = b64(broken)
        refused(TIME, "rfc3161Timestamps[0]", bundle, stamped)


def test_a_stamp_from_outside_the_signers_certificate_is_refused(world: World) -> None:
    bundle = as_version(dsse_bundle(world, ("intoto", "0.0.2")), "0.2")
    signature = b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"])
    late = {"signedTimestamp": b64(world.tsa.stamp(signature, WHEN + timedelta(hours=1)))}
    bundle[MATERIAL]["timestampVerificationData"]["rfc3161Timestamps"] = [late]
    assert "was not valid at" in refused(CHAIN, "certificate", bundle, world)


def test_an_authority_without_certificates_lends_its_window_to_nobody(world: World) -> None:
    root = world.trusted_root()
    root["timestampAuthorities"][0]["validFor"]["end"] = "2024-05-01T00:00:00Z"
    nobody = {
        "uri": "https://nobody.example",
        "certChain": {"certificates": []},
        "validFor": {"start": "2024-01-01T00:00:00Z"},
    }
    root["timestampAuthorities"].append(nobody)
    root["certificateAuthorities"].insert(0, nobody)
    why = refused(TIME, "rfc3161Timestamps[0]", message_bundle(world, "0.0.2"), world, root=root)
    assert "was not trusted at" in why
    assert check(message_bundle(world), world, root=root).identity
    root["timestampAuthorities"] = [nobody]
    refused(TIME, "rfc3161Timestamps[0]", message_bundle(world, "0.0.2"), world, root=root)


# Trust roots


def test_an_authority_without_a_window_is_bound_by_its_certificates(world: World) -> None:
    root = world.trusted_root()
    for member in ("certificateAuthorities", "timestampAuthorities"):
        del root[member][0]["validFor"]
    assert check(message_bundle(world, "0.0.2"), world, root=root).identity
    ended = with_tsa(world, TimestampAuthority(end=WHEN - timedelta(days=1)))
    late = ended.trusted_root()
    del late["timestampAuthorities"][0]["validFor"]
    refused(TIME, "rfc3161Timestamps[0]", message_bundle(ended, "0.0.2"), ended, root=late)


@pytest.mark.parametrize("details", ["PKIX_ED25519_PH", "SOMETHING_NEW", 8])
def test_a_log_with_a_key_of_an_unknown_kind_is_named_and_not_believed(
    world: World, details: str | int
) -> None:
    root = world.trusted_root()
    strange = changed(root["tlogs"][1], lambda log: log["publicKey"].update(keyDetails=details))
    root["tlogs"] = [root["tlogs"][0], strange]
    assert check(message_bundle(world), world, root=root).identity
    unknown = message_bundle(world, "0.0.2")
    assert "no valid signature" in refused(LOG, "checkpoint", unknown, world, root=root)
    root["tlogs"] = [strange]
    bundle = message_bundle(world, key=True)
    bundle[MATERIAL]["tlogEntries"] = []
    refused(LOG, "tlogEntries", bundle, world, root=root, signer=key_of(world))


def test_a_promise_from_the_future_is_refused(world: World) -> None:
    soon = datetime.now(UTC) + timedelta(days=400)
    bundle = message_bundle(world, when=soon)
    assert refusal(bundle, world, now=datetime.now(UTC)).step is TIME
