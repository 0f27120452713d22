"""Whatever is altered in cosign's older layout leads to a refusal, or to the very same evidence."""

from __future__ import annotations

import random
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from tests.attest.test_discovery import by_identity, examined
from tests.support.sigstore.images import Store, about, attested, payload, simple

if TYPE_CHECKING:
    from tests.support.sigstore.images import Layer
    from tests.support.sigstore.world import World

SEED = 20261125
CERTIFICATE = "dev.sigstore.cosign/certificate"


def mutants(layer: Layer, count: int) -> list[tuple[str, Layer]]:
    """Layers with one byte flipped, removed or doubled, in the content or in an annotation."""
    chance = random.Random(SEED)
    kind, content, notes = layer
    made = []
    for _ in range(count):
        name = chance.choice(["", *sorted(notes)])
        data = notes[name].encode() if name else content
        if not data:
            continue
        at, how = chance.randrange(len(data)), chance.randrange(3)
        piece = (bytes([data[at] ^ 1 << chance.randrange(7)]), b"", data[at : at + 1] * 2)[how]
        changed = data[:at] + piece + data[at + 1 :]
        what = f"{name or 'content'}[{at}] {how}"
        if name:
            made.append(
                (what, (kind, content, {**notes, name: changed.decode("utf-8", "replace")}))
            )
        else:
            made.append((what, (kind, changed, notes)))
    return made


def holds(world: World, layer: Layer) -> tuple[object, ...] | None:
    """The evidence without the place where it lay, and without the digest of its bytes."""
    store = Store()
    store.image()
    store.sign(store.named, layer)
    found = examined(store, world, by_identity()).verified
    return tuple(
        (one.subject, one.signers, one.key, one.names, one.predicate_type, one.repository, one.seen)
        for one in found
    )


@pytest.mark.parametrize("kind", ["simple signing", "envelope"])
@pytest.mark.parametrize("count", [400, pytest.param(20_000, marks=pytest.mark.slow)])
def test_an_altered_layer_is_refused_or_says_the_very_same(
    world: World, kind: str, count: int
) -> None:
    store = Store()
    image = store.image()
    whole = (
        simple(world, payload(image), stamps=True)
        if kind == "simple signing"
        else attested(world, about(image), stamps=True)
    )
    honest = holds(world, whole)
    assert honest
    unharmed = 0
    for what, mutant in mutants(whole, count):
        outcome = holds(world, mutant)
        assert outcome in ((), honest), what
        unharmed += outcome == honest
    assert unharmed < count / 2


def test_a_certificate_of_no_known_version_is_refused(world: World) -> None:
    store = Store()
    kind, content, notes = simple(world, payload(store.image()))
    der = x509.load_pem_x509_certificate(notes[CERTIFICATE].encode()).public_bytes(Encoding.DER)
    version = b"\xa0\x03\x02\x01"
    changed = der.replace(version + b"\x02", version + b"\x12", 1)
    text = (
        f"-----BEGIN CERTIFICATE-----\n{b64encode(changed).decode()}\n-----END CERTIFICATE-----\n"
    )
    assert holds(world, (kind, content, {**notes, CERTIFICATE: text})) == ()
