"""Everything that belongs to an image is found once; what is odd is said, and spoils nothing."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.sigstore.authority import ISSUER, NAME, p256
from tests.support.sigstore.bundles import dsse_bundle, message_bundle
from tests.support.sigstore.checking import NOW
from tests.support.sigstore.images import (
    REPOSITORY,
    SIGN,
    Store,
    about,
    attested,
    payload,
    simple,
)
from tests.support.sigstore.rekor import b64
from tests.support.sigstore.world import World, dump

from sealmark.artifact.digest import Digest
from sealmark.artifact.manifest import RawManifest
from sealmark.artifact.repository import parse_image_name
from sealmark.attest import discovery as room
from sealmark.attest.discovery import discover
from sealmark.attest.examine import examine
from sealmark.attest.identity import Exactly
from sealmark.attest.keys import VerificationKey
from sealmark.attest.steps import ClaimError
from sealmark.attest.trust import Role, Signer, Trust
from sealmark.attest.trust_root import parse_trust_root

if TYPE_CHECKING:
    from sealmark.evidence.signatures import Signatures

TESTED = "https://example.org/tested/v1"


def by_identity() -> Signer:
    return Signer("ci", Exactly(NAME, ISSUER))


def by_key(world: World, name: str = "alice", **more: Any) -> Signer:
    return Signer(name, VerificationKey.wrap(world.key.public_key()), **more)


def trust(world: World, *signers: Signer, predicate_type: str = "", threshold: int = 1) -> Trust:
    names = tuple(signer.name for signer in signers)
    roles = (Role("release", names, threshold, predicate_type=predicate_type),)
    return Trust(signers, roles, parse_trust_root(dump(world.trusted_root())))


def examined(
    store: Store, world: World, *signers: Signer, asked: str = REPOSITORY, **more: Any
) -> Signatures:
    found = discover(store, store.named)
    name = parse_image_name(asked) if asked else None
    return examine([found], trust(world, *(signers or (by_identity(),)), **more), name, NOW)


def refusal(signatures: Signatures) -> tuple[int, str, str]:
    assert signatures.verified == ()
    (refused,) = signatures.refused
    return refused.step, refused.field, refused.why


@pytest.fixture
def store() -> Store:
    made = Store()
    made.image()
    return made


def place(store: Store, what: str, world: World, **more: Any) -> None:
    """Put a signature or a statement where each layout has it."""
    image = store.named
    if what == "simple signing":
        store.sign(image, simple(world, payload(image), **more))
    elif what == "envelope":
        store.sign(image, attested(world, about(image), **more))
    elif what == "statement":
        store.refer(image, dump(dsse_bundle(world, payload=about(image), **more)))
    else:
        store.refer(image, dump(message_bundle(world, content=image.content, **more)))


KINDS = ["simple signing", "envelope", "statement", "message"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", [False, True])
def test_a_signature_is_found_and_verified_wherever_it_lies(
    world: World, store: Store, kind: str, key: bool
) -> None:
    place(store, kind, world, key=key)
    signer = by_key(world) if key else by_identity()
    seen = examined(store, world, signer)
    (one,) = seen.verified
    assert (one.signers, one.subject) == ((signer.name,), str(store.named.digest))
    assert one.names == (() if key else (NAME,))
    assert [stamp.at for stamp in one.seen] == ["2024-06-01T12:00:00Z"]
    assert len(one.logged) == 1
    assert seen.demands[0].signed == (signer.name,)
    assert (seen.refused, seen.left_alone) == ((), ())


@pytest.mark.parametrize("kind", ["simple signing", "envelope"])
def test_a_time_stamp_in_an_annotation_gives_the_time_and_a_foreign_one_spoils_the_claim(
    world: World, store: Store, kind: str
) -> None:
    stamped, other = Store(), Store()
    for one, how in ((stamped, "signature"), (other, True)):
        one.image()
        place(one, kind, world, stamps=how)
    assert len(examined(other, world).verified[0].seen) == 2
    (seen,) = examined(stamped, world).verified
    assert [stamp.source for stamp in seen.seen] == ["rfc3161", "log"]
    layer, foreign = (
        (simple(world, payload(store.named), stamps=True), simple(world, payload(store.named)))
        if kind == "simple signing"
        else (attested(world, about(store.named), stamps=True), attested(world, about(store.named)))
    )
    note = "dev.sigstore.cosign/rfc3161timestamp"
    store.sign(store.named, (foreign[0], foreign[1], {**foreign[2], note: layer[2][note]}))
    step, field, why = refusal(examined(store, world))
    assert (step, field) == (1, f"annotation {note}.rfc3161Timestamps[0]")
    assert "something else" in why


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_swapped_in_from_another_image_is_refused(
    world: World, store: Store, kind: str
) -> None:
    other = Store()
    image, mine = other.image("another"), store.named
    place(other, kind, world)
    if other.tags:
        tag = next(iter(other.tags))
        store.tags[tag.replace(image.digest.hex, mine.digest.hex)] = other.tags[tag]
        store.blobs |= other.blobs
    else:
        content = next(c for c in other.blobs.values() if c.startswith(b'{"mediaType"'))
        store.refer(mine, content)
    step, field, why = refusal(examined(store, world))
    assert step in (5, 7), (field, why)


@pytest.mark.parametrize(
    ("layer", "field"),
    [
        (lambda w, i: simple(w, payload(i)), "payload.critical.identity.docker-reference"),
        (lambda w, i: attested(w, about(i, TESTED, name=REPOSITORY)), "subject.name"),
    ],
)
def test_signature_of_another_repository(
    world: World, store: Store, layer: Any, field: str
) -> None:
    store.sign(store.named, layer(world, store.named))
    for asked in ("registry.example/other/app", "other.example/team/app", "team/app"):
        step, named, why = refusal(examined(store, world, asked=asked))
        assert (step, named) == (7, field)
        assert why == f"signed for {REPOSITORY}, not for {parse_image_name(asked)}"
    for asked in (REPOSITORY, f"{REPOSITORY}:1.0", f"{REPOSITORY}@{store.named.digest}", ""):
        assert examined(store, world, asked=asked).verified[0].repository == REPOSITORY


def test_a_signed_tag_counts_where_a_tag_was_asked_for(world: World, store: Store) -> None:
    store.sign(store.named, simple(world, payload(store.named, f"{REPOSITORY}:1.0")))
    assert examined(store, world, asked=f"{REPOSITORY}:1.0").verified
    assert examined(store, world, asked=f"{REPOSITORY}@{store.named.digest}").verified
    assert "app:1.0, not for" in refusal(examined(store, world, asked=f"{REPOSITORY}:2.0"))[2]


def test_docker_hub_has_one_name(world: World, store: Store) -> None:
    store.sign(store.named, simple(world, payload(store.named, "index.docker.io/library/debian")))
    assert examined(store, world, asked="debian:12").verified


def test_a_name_that_is_no_repository_binds_nothing(world: World, store: Store) -> None:
    for name in ("app", "pkg:docker/app@1.0", "dist/app.tar", "https://example.org/app"):
        store.refer(store.named, dump(dsse_bundle(world, payload=about(store.named, name=name))))
    assert [one.repository for one in examined(store, world).verified] == [""] * 4


def test_an_identity_that_is_no_repository_is_refused(world: World, store: Store) -> None:
    store.sign(store.named, simple(world, payload(store.named, "Not A Repository")))
    assert "no repository name" in refusal(examined(store, world))[2]


@pytest.mark.parametrize(
    ("change", "step", "field"),
    [
        ({"dev.sigstore.cosign/bundle": ""}, 1, "annotations dev.sigstore.cosign/certificate"),
        ({"dev.sigstore.cosign/bundle": "{}"}, 0, "annotation dev.sigstore.cosign/bundle.Payload"),
        ({"dev.sigstore.cosign/bundle": "x"}, 0, "annotation dev.sigstore.cosign/bundle"),
        ({"dev.sigstore.cosign/certificate": "x"}, 0, "annotation dev.sigstore.cosign/certificate"),
        ({"dev.sigstore.cosign/certificate": ""}, 4, "annotations dev.sigstore.cosign/certificate"),
        ({"dev.cosignproject.cosign/signature": ""}, 0, "dev.cosignproject.cosign/signature"),
        ({"dev.cosignproject.cosign/signature": "A?"}, 0, "dev.cosignproject.cosign/signature"),
        (
            {"dev.cosignproject.cosign/signature": b64(b"another")},
            5,
            "annotation dev.sigstore.cosign/bundle.canonicalizedBody",
        ),
        ({"dev.sigstore.cosign/rfc3161timestamp": "[]"}, 0, "rfc3161timestamp"),
    ],
)
def test_a_corrupted_annotation_is_refused_by_its_name(
    world: World, store: Store, change: dict[str, str], step: int, field: str
) -> None:
    kind, content, notes = simple(world, payload(store.named))
    store.sign(store.named, (kind, content, {**notes, **change}))
    got_step, got_field, why = refusal(examined(store, world))
    assert (got_step, field in got_field) == (step, True), (got_step, got_field, why)


def test_a_signature_without_log_or_time_counts_only_where_that_was_waived(
    world: World, store: Store
) -> None:
    store.sign(store.named, simple(world, payload(store.named), key=True, logged=False))
    assert refusal(examined(store, world, by_key(world)))[:2] == (
        5,
        "annotation dev.sigstore.cosign/bundle",
    )
    assert examined(store, world, by_key(world, unsafe_without_log=True)).verified


def test_an_attestation_is_no_signature_and_a_signature_no_attestation(
    world: World, store: Store
) -> None:
    store.refer(store.named, dump(dsse_bundle(world, payload=about(store.named, TESTED))))
    seen = examined(store, world)
    assert seen.verified[0].predicate_type == TESTED
    assert seen.demands[0].signed == ()
    assert examined(store, world, predicate_type=TESTED).demands[0].signed == ("ci",)
    assert examined(store, world, predicate_type="https://x.example").demands[0].signed == ()
    assert examined(store, world, predicate_type=SIGN).demands[0].signed == ()


def test_fifteen_keys_and_three_signatures_are_one_discovery_and_no_repeated_fetch(
    world: World, store: Store
) -> None:
    image = store.named
    store.sign(image, *(simple(world, payload(image), key=True) for _ in range(3)))
    others = [Signer(f"k{n}", VerificationKey.wrap(p256().public_key())) for n in range(14)]
    seen = examined(store, world, *others, by_key(world))
    assert [one.signers for one in seen.verified] == [("alice",)] * 3
    assert seen.demands[0].signed == ("alice",)
    assert set(store.asked.values()) == {1}
    assert len(store.asked) == 4


def test_a_claim_that_lies_in_two_places_is_one(world: World, store: Store) -> None:
    image = store.named
    bundle = dump(dsse_bundle(world, payload=about(image)))
    store.refer(image, bundle)
    store.refer(image, bundle, said="")
    layer = simple(world, payload(image))
    store.sign(image, layer, layer)
    assert len(discover(store, image).found) == 2


def test_a_copy_with_a_broken_annotation_does_not_hide_the_good_one(
    world: World, store: Store
) -> None:
    kind, content, notes = simple(world, payload(store.named))
    broken = {**notes, "dev.sigstore.cosign/bundle": "{}"}
    store.sign(store.named, (kind, content, broken), (kind, content, notes))
    seen = examined(store, world)
    assert (len(seen.verified), len(seen.refused)) == (1, 1)


def test_garbage_beside_a_signature_is_refused_alone(world: World, store: Store) -> None:
    image = store.named
    garbage = store.refer(image, b"no bundle")
    missing = store.refer(image, b"gone")
    del store.manifests[missing.digest]
    lost = store.refer(image, b"lost")
    del store.blobs[Digest.of(b"lost")]
    other = store.refer(store.image("other"), b"about another")
    store.named = image
    store.listed[image.digest].append(
        {"mediaType": "x", "digest": str(other.digest), "size": len(other.content)}
    )
    store.sign(image, simple(world, payload(image)))
    seen = examined(store, world)
    assert len(seen.verified) == 1
    assert {(one.place, one.step) for one in seen.refused} == {
        (f"referrer {raw.digest}", 0) for raw in (garbage, missing, lost, other)
    }


def test_other_kinds_of_referrers_are_named_and_not_fetched(world: World, store: Store) -> None:
    notation = store.refer(store.named, b"x", "application/vnd.cncf.notary.signature")
    empty = "application/vnd.oci.empty.v1+json"
    bundle = store.refer(store.named, b"{}", said=empty)
    hidden = store.refer(store.named, b"y", "application/spdx+json", said="")
    store.tags[f"sha256-{store.named.digest.hex}.sig"] = store.layers(("text/plain", b"z", {}))
    found = discover(store, store.named)
    assert [one.place for one in found.found] == [f"referrer {bundle.digest}"]
    assert [(one.place, one.why) for one in found.skipped] == [
        (f"referrer {notation.digest}", "of another kind, 'application/vnd.cncf.notary.signature'"),
        (f"referrer {hidden.digest}", "of another kind, 'application/spdx+json'"),
        (f"tag sha256-{store.named.digest.hex}.sig", "a layer of another kind, 'text/plain'"),
    ]
    assert str(notation.digest) not in store.asked
    assert str(Digest.of(b"z")) not in store.asked


def test_cosigns_signature_as_a_referrer_is_read(world: World, store: Store) -> None:
    image = store.named
    raw = store.layers(simple(world, payload(image)))
    document = json.loads(raw.content)
    document["artifactType"] = kind = "application/vnd.dev.cosign.artifact.sig.v1+json"
    document["subject"] = {"mediaType": "x", "digest": str(image.digest), "size": 1}
    put = store.put(document)
    entry = {"mediaType": "x", "digest": str(put.digest), "size": 1, "artifactType": kind}
    store.listed[image.digest] = [entry]
    assert len(examined(store, world).verified) == 1


def test_no_more_than_so_many_claims_are_looked_at(
    world: World, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MOST_CLAIMS", 3)
    monkeypatch.setattr(room, "MOST_SKIPPED", 2)
    for number in range(6):
        store.refer(store.named, b"%d" % number)
    found = discover(store, store.named)
    assert (len(found.found), len(found.skipped)) == (3, 2)
    assert "over 3 claims" in found.skipped[0].why


def test_no_more_than_so_many_bytes_are_read(
    world: World, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MOST_BYTES", 100)
    store.refer(store.named, b"x" * 90)
    store.refer(store.named, b"y" * 11)
    store.refer(store.named, b"z" * 10)
    why = [
        one.claim.why
        for one in discover(store, store.named).found
        if isinstance(one.claim, ClaimError)
    ]
    assert "has 11 bytes, over 10" in why[1]
    assert "over" not in why[2]


def test_nothing_at_all_is_no_error(world: World, store: Store) -> None:
    seen = examined(store, world)
    assert (seen.verified, seen.refused, seen.demands[0].signed) == ((), (), ())


@pytest.mark.parametrize("content", [b"", b"[]", b'{"layers":7}', b'{"layers":[{}]}', b"\xff"])
def test_a_tag_that_names_no_manifest_is_a_refusal(
    world: World, store: Store, content: bytes
) -> None:
    store.tags[f"sha256-{store.named.digest.hex}.sig"] = RawManifest(content, "")
    assert len(examined(store, world).refused) == 1


def test_a_referrers_list_that_cannot_be_read_does_not_hide_the_tags(
    world: World, store: Store
) -> None:
    store.listed[store.named.digest] = [{"digest": "sha256:x"}]
    store.sign(store.named, simple(world, payload(store.named)))
    seen = examined(store, world)
    assert (len(seen.verified), [one.place for one in seen.refused]) == (1, ["referrers"])


def test_the_digest_of_a_claim_is_that_of_its_bytes(world: World, store: Store) -> None:
    bundle = dump(dsse_bundle(world, payload=about(store.named)))
    store.refer(store.named, bundle)
    (one,) = examined(store, world).verified
    assert one.claim == f"sha256:{hashlib.sha256(bundle).hexdigest()}"
