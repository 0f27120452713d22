"""A mutant of a bundle yields a refusal, or the same statement, subject and signer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.sigstore.bundles import KINDS, as_version, dsse_bundle, message_bundle
from tests.support.sigstore.checking import ANYONE, NOW
from tests.support.sigstore.mutants import (
    bytes_inside,
    flipped,
    flipped_inside,
    lost_or_repeated,
    reshaped,
)
from tests.support.sigstore.tsa import TimestampAuthority
from tests.support.sigstore.world import ARTIFACT, WHEN, World, dump

from sealmark.attest.artifact import Artifact
from sealmark.attest.bundle import parse_bundle
from sealmark.attest.fields import FieldError
from sealmark.attest.keys import VerificationKey
from sealmark.attest.steps import ClaimError, RefusedError
from sealmark.attest.timestamp import timestamp_time
from sealmark.attest.trust_root import parse_trust_root
from sealmark.attest.verify import Expectation, verify

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealmark.attest.verify import Verified

SHARDS = 4
OLD = ("0.1", "0.2")
BUNDLES = 2 * len(KINDS) + 2 + 2 * len(OLD)
ROOTED = (2 * len(KINDS), 2 * len(KINDS) + 1)
"""The bundles whose trust root is changed, too: by promise and by time stamp."""


def outcome(data: bytes, trust: Any, expectation: Expectation) -> Verified | None:
    try:
        return verify(parse_bundle(data), trust, expectation, NOW)
    except ClaimError:
        return None


@dataclass
class Counted:
    mutants: int = 0
    refused: int = 0


class Case:
    """An honest bundle, what is expected of it, and what came of it."""

    def __init__(self, world: World, bundle: dict[str, Any]) -> None:
        by_key = "publicKey" in bundle["verificationMaterial"]
        signer = VerificationKey.wrap(world.key.public_key()) if by_key else ANYONE
        self.data = dump(bundle)
        self.root = dump(world.trusted_root())
        self.expectation = Expectation(Artifact.of_bytes(ARTIFACT), signer)
        honest = outcome(self.data, parse_trust_root(self.root), self.expectation)
        assert honest is not None
        self.honest = honest

    def bundles(self, mutants: Iterable[bytes]) -> Counted:
        """Verify each mutant of the bundle: refused, or the very same."""
        trust = parse_trust_root(self.root)
        return self._count((mutant, trust, mutant) for mutant in mutants)

    def roots(self, mutants: Iterable[bytes]) -> Counted:
        """Verify the bundle against each mutant of the trust root."""
        return self._count((self.data, _root(mutant), mutant) for mutant in mutants)

    def _count(self, tries: Iterable[tuple[bytes, Any, bytes]]) -> Counted:
        counted, honest = Counted(), self.honest
        expected = (honest.statement, honest.artifact, honest.key, honest.identity)
        for data, trust, mutant in tries:
            counted.mutants += 1
            got = outcome(data, trust, self.expectation) if trust else None
            if got is None:
                counted.refused += 1
                continue
            assert (got.statement, got.artifact, got.key, got.identity) == expected, mutant
        return counted


def _root(mutant: bytes) -> Any:
    try:
        return parse_trust_root(mutant)
    except FieldError:
        return None


def shard_of_bits(shard: int) -> range:
    """A part of the eight bits of a byte."""
    return range(8 // SHARDS * shard, 8 // SHARDS * (shard + 1))


def bundles(world: World) -> list[dict[str, Any]]:
    by_kind = [dsse_bundle(world, kind, key=key) for kind in KINDS for key in (False, True)]
    by_kind += [message_bundle(world, version) for version in ("0.0.1", "0.0.2")]
    old = [as_version(make(world), v) for make in (dsse_bundle, message_bundle) for v in OLD]
    return by_kind + old


@pytest.mark.parametrize("number", range(BUNDLES))
def test_fields_dropped_emptied_or_doubled(world: World, number: int) -> None:
    bundle = bundles(world)[number]
    counted = Case(world, bundle).bundles(reshaped(bundle))
    assert counted.mutants > 200
    assert counted.refused > counted.mutants / 2


@pytest.mark.parametrize("number", range(BUNDLES))
def test_some_bytes_flipped(world: World, number: int) -> None:
    bundle = bundles(world)[number]
    wire = flipped(dump(bundle), range(number % 8, number % 8 + 1), step=41, start=number)
    inside = flipped_inside(bundle, range(number % 8, number % 8 + 1), step=41)
    counted = Case(world, bundle).bundles(chain(wire, inside))
    assert counted.refused > counted.mutants * 0.9


@pytest.mark.parametrize("number", ROOTED)
def test_some_bytes_of_the_trust_root_flipped(world: World, number: int) -> None:
    case = Case(world, bundles(world)[number])
    counted = case.roots(flipped(case.root, range(number % 8, number % 8 + 1), step=41))
    assert counted.refused > counted.mutants * 0.5


def test_the_slow_run_makes_more_than_a_million_mutants(world: World) -> None:
    made = bundles(world)
    of_bundles = sum(10 * len(dump(bundle)) + 8 * bytes_inside(bundle) for bundle in made)
    assert of_bundles + len(ROOTED) * 10 * len(dump(world.trusted_root())) > 1_000_000


STAMPERS = ({"sends": True}, {"sends": True, "pieces": True}, {"one_key": True})


def judge_stamps(how: dict[str, Any], step: int) -> None:
    """A stamp that brings its certificate gives more to break."""
    world = World(tsa=TimestampAuthority(**how))
    authorities = parse_trust_root(dump(world.trusted_root())).timestamp_authorities
    stamp, seen = world.tsa.stamp(b"signed", WHEN), set()
    for mutant in chain(flipped(stamp, range(8), step), lost_or_repeated(stamp, step)):
        try:
            seen.add(timestamp_time(mutant, (b"signed",), authorities, "stamp"))
        except RefusedError:
            continue
    assert seen <= {WHEN}


@pytest.mark.parametrize("how", STAMPERS)
def test_some_bytes_of_a_stamp_flipped(how: dict[str, Any]) -> None:
    judge_stamps(how, step=7)


@pytest.mark.slow
@pytest.mark.parametrize("how", STAMPERS)
def test_every_bit_and_byte_of_a_stamp(how: dict[str, Any]) -> None:
    judge_stamps(how, step=1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("number", range(BUNDLES))
def test_every_bit_flipped_and_every_byte_moved(world: World, number: int, shard: int) -> None:
    """Together more than a million mutants, with those of the trust root."""
    bundle = bundles(world)[number]
    case, bits = Case(world, bundle), shard_of_bits(shard)
    moved = lost_or_repeated(case.data, step=SHARDS, start=shard)
    mutants = chain(flipped(case.data, bits), flipped_inside(bundle, bits), moved)
    counted = case.bundles(mutants)
    twice = 2 * len(range(shard, len(case.data), SHARDS))
    assert counted.mutants == len(bits) * (len(case.data) + bytes_inside(bundle)) + twice
    assert counted.refused > counted.mutants * 0.9


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("number", ROOTED)
def test_every_bit_and_byte_of_the_trust_root(world: World, number: int, shard: int) -> None:
    case = Case(world, bundles(world)[number])
    moved = lost_or_repeated(case.root, step=SHARDS, start=shard)
    counted = case.roots(chain(flipped(case.root, shard_of_bits(shard)), moved))
    twice = 2 * len(range(shard, len(case.root), SHARDS))
    assert counted.mutants == 8 // SHARDS * len(case.root) + twice
    assert counted.refused > counted.mutants * 0.5
