"""A mutant of a bundle yields a refusal, or the same statement, subject and signer."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.sigstore.bundles import KINDS, as_version, dsse_bundle, message_bundle
from tests.support.sigstore.checking import ANYONE, NOW
from tests.support.sigstore.mutants import flipped, flipped_inside, lost_or_repeated, reshaped
from tests.support.sigstore.world import ARTIFACT, World, dump

from sealmark.attest.artifact import Artifact
from sealmark.attest.bundle import parse_bundle
from sealmark.attest.keys import VerificationKey
from sealmark.attest.steps import ClaimError
from sealmark.attest.trust_root import parse_trust_root
from sealmark.attest.verify import Expectation, verify

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealmark.attest.verify import Verified

SHARDS = 4
OLD = ("0.1", "0.2")
BUNDLES = 2 * len(KINDS) + 2 + 2 * len(OLD)


def outcome(data: bytes, trust: Any, expectation: Expectation) -> Verified | None:
    try:
        return verify(parse_bundle(data), trust, expectation, NOW)
    except ClaimError:
        return None


def run(world: World, bundle: dict[str, Any], mutants: Iterable[bytes]) -> tuple[int, int]:
    """Return how many mutants there were and how many of them were refused."""
    trust = parse_trust_root(dump(world.trusted_root()))
    by_key = "publicKey" in bundle["verificationMaterial"]
    signer = VerificationKey.wrap(world.key.public_key()) if by_key else ANYONE
    expectation = Expectation(Artifact.of_bytes(ARTIFACT), signer)
    honest = outcome(dump(bundle), trust, expectation)
    assert honest is not None
    count = refused = 0
    for mutant in mutants:
        count += 1
        got = outcome(mutant, trust, expectation)
        if got is None:
            refused += 1
            continue
        same = (got.statement, got.artifact, got.key, got.identity)
        assert same == (honest.statement, honest.artifact, honest.key, honest.identity), mutant
    return count, refused


def bundles(world: World) -> list[dict[str, Any]]:
    by_kind = [dsse_bundle(world, kind, key=key) for kind in KINDS for key in (False, True)]
    by_kind += [message_bundle(world, version) for version in ("0.0.1", "0.0.2")]
    old = [as_version(make(world), v) for make in (dsse_bundle, message_bundle) for v in OLD]
    return by_kind + old


@pytest.mark.parametrize("number", range(BUNDLES))
def test_fields_dropped_emptied_or_doubled(world: World, number: int) -> None:
    bundle = bundles(world)[number]
    count, refused = run(world, bundle, reshaped(bundle))
    assert count > 200
    assert refused > count / 2


@pytest.mark.parametrize("number", range(BUNDLES))
def test_some_bytes_flipped(world: World, number: int) -> None:
    bundle = bundles(world)[number]
    wire = flipped(dump(bundle), range(number % 8, number % 8 + 1), step=41, start=number)
    inside = flipped_inside(bundle, range(number % 8, number % 8 + 1), step=41)
    count, refused = run(world, bundle, chain(wire, inside))
    assert refused > count * 0.9


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("number", range(BUNDLES))
def test_every_bit_flipped_and_every_byte_moved(world: World, number: int, shard: int) -> None:
    """Together more than a million mutants."""
    bundle = bundles(world)[number]
    bits = range(8 // SHARDS * shard, 8 // SHARDS * (shard + 1))
    wire = dump(bundle)
    moved = lost_or_repeated(wire, step=SHARDS, start=shard)
    mutants = chain(flipped(wire, bits), flipped_inside(bundle, bits), moved)
    count, refused = run(world, bundle, mutants)
    assert count > 5_000
    assert refused > count * 0.9
