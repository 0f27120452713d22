"""A signed archive for examples: `app.tar`, its bundle, and the trust root to verify it with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.sigstore.bundles import dsse_bundle
from tests.support.sigstore.world import ARTIFACT, World, dump

if TYPE_CHECKING:
    from pathlib import Path


def write_signed(directory: Path) -> None:
    world = World()
    (directory / "app.tar").write_bytes(ARTIFACT)
    (directory / "app.tar.sigstore.json").write_bytes(dump(dsse_bundle(world)))
    (directory / "trusted_root.json").write_bytes(dump(world.trusted_root()))
