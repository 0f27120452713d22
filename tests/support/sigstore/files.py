"""Signed things for examples: an archive with its bundle, and an image in a layout."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.sigstore.authority import ISSUER, NAME
from tests.support.sigstore.bundles import dsse_bundle
from tests.support.sigstore.images import REPOSITORY, Store, about, payload, simple
from tests.support.sigstore.laid_out import lay_out
from tests.support.sigstore.world import ARTIFACT, World, dump, pem

if TYPE_CHECKING:
    from pathlib import Path

TESTED = "https://example.org/tested/v1"
CONFIG = {
    "os": "linux",
    "architecture": "amd64",
    "config": {"User": "65532"},
    "rootfs": {"type": "layers", "diff_ids": []},
}
TRUST = f"""
trusted-root = "trusted_root.json"

[signers.alice]
key = "release.pub"

[signers.ci]
identity = "{NAME}"
issuer = "{ISSUER}"

[roles.release]
signers = ["alice", "ci"]
threshold = 2
repositories = ["registry.example/team/*"]
"""


def write_signed(directory: Path) -> None:
    world = World()
    (directory / "app.tar").write_bytes(ARTIFACT)
    (directory / "app.tar.sigstore.json").write_bytes(dump(dsse_bundle(world)))
    (directory / "trusted_root.json").write_bytes(dump(world.trusted_root()))
    alice = world.with_another_key()
    (directory / "release.pub").write_bytes(pem(alice.key.public_key()))
    (directory / "trust.toml").write_text(TRUST)
    lay_out(signed_image(world, alice), directory / "app", "1.0")


def signed_image(world: World, alice: World) -> Store:
    """An image signed by Alice's key and by an identity for its repository, and tested."""
    store = Store()
    image = store.image(json.dumps(CONFIG))
    store.sign(image, simple(alice, payload(image), key=True))
    store.refer(image, dump(dsse_bundle(world, payload=about(image, name=REPOSITORY))))
    store.refer(image, dump(dsse_bundle(alice, payload=about(image, TESTED), key=True)))
    return store
