"""A store's content as an OCI layout, with what refers to its image."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.sigstore.images import Store

    from sealmark.artifact.manifest import RawManifest

NAME = "org.opencontainers.image.ref.name"


def lay_out(store: Store, layout: Path, tag: str) -> None:
    """Write everything; the named image gets `tag`, cosign's older layout its tags."""
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for digest, content in store.blobs.items():
        (blobs / digest.hex).write_bytes(content)
    for raw in store.manifests.values():
        (blobs / raw.digest.hex).write_bytes(raw.content)
    tagged = {tag: store.named, **store.tags}
    entries = [_entry(raw, annotations={NAME: name}) for name, raw in tagged.items()]
    entries += [entry for listed in store.listed.values() for entry in listed]
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    index = {"schemaVersion": 2, "manifests": entries}
    (layout / "index.json").write_text(json.dumps(index))


def _entry(raw: RawManifest, **more: Any) -> dict[str, Any]:
    size = len(raw.content)
    return {"mediaType": raw.media_type, "digest": str(raw.digest), "size": size, **more}
