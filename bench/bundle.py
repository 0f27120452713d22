"""Verification of one bundle in process, against the bare signatures that it cannot do without."""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import TYPE_CHECKING

from tests.support.sigstore.bundles import dsse_bundle, message_bundle
from tests.support.sigstore.checking import ANYONE, NOW
from tests.support.sigstore.world import ARTIFACT, World, dump

from sealmark.attest.artifact import Artifact
from sealmark.attest.bundle import parse_bundle
from sealmark.attest.keys import VerificationKey
from sealmark.attest.trust_root import parse_trust_root
from sealmark.attest.verify import Expectation, verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sealmark.attest.trust_root import TrustRoot
    from sealmark.attest.verify import Verified

TIMES = 500


def milliseconds(work: Callable[[], object]) -> list[float]:
    taken = []
    for _ in range(TIMES):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1e3)
    return taken


def row(name: str, taken: list[float], against: list[float]) -> str:
    median, least = statistics.median(taken), min(taken)
    return f"| {name} | {median:.2f} | {least:.2f} | {least / min(against):.1f} |"


def verify_bundle(_: Path) -> None:
    world = World()
    trust = parse_trust_root(dump(world.trusted_root()))
    key = VerificationKey.wrap(world.key.public_key())
    artifact = Artifact.of_bytes(ARTIFACT)
    signature = world.sign(ARTIFACT)
    one = milliseconds(lambda: key.holds(signature, ARTIFACT))
    print("\nOne bundle, parsed and verified in process; one P-256 verification is the measure\n")
    print("| what | median ms | min ms | ratio |\n|---|---|---|---|")
    print(row("one P-256 signature", one, one))
    for name, bundle, signer in (
        ("statement by a key, Rekor v1", dsse_bundle(world, key=True), key),
        ("artifact by a certificate, Rekor v1", message_bundle(world), ANYONE),
        ("statement by a certificate, Rekor v1", dsse_bundle(world), ANYONE),
        (
            "statement by a certificate, Rekor v2, time stamp",
            dsse_bundle(world, ("dsse", "0.0.2")),
            ANYONE,
        ),
    ):
        data, expected = dump(bundle), Expectation(artifact, signer)
        work = partial(verified, data, trust, expected)
        print(row(name, milliseconds(work), one))


def verified(data: bytes, trust: TrustRoot, expected: Expectation) -> Verified:
    return verify(parse_bundle(data), trust, expected, NOW)
