"""Writes an OCI image layout: layers, configuration, manifest, index (image-layout.md)."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_EPOCH = 0
_CREATED = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class BuiltLayer:
    """A layer that is in the layout: its blob, its unpacked digest, the line that made it."""

    digest: str
    size: int
    diff_id: str
    instruction: str


class _Hashing(io.RawIOBase):
    """Counts and hashes what is written through it."""

    def __init__(self, target: io.BufferedWriter | gzip.GzipFile) -> None:
        self._target = target
        self.sha256 = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, content: bytes) -> int:  # type: ignore[override] # tarfile writes bytes only
        self.sha256.update(content)
        self.size += len(content)
        return self._target.write(content)


def write_layer(
    layout: Path, instruction: str, fill: Callable[[tarfile.TarFile], None]
) -> BuiltLayer:
    """Let `fill` write members into a gzip layer of `layout`; same members, same bytes."""
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    partial = blobs / "partial"
    with partial.open("wb") as file:
        stored = _Hashing(file)
        with gzip.GzipFile(fileobj=stored, mode="wb", compresslevel=6, mtime=_EPOCH) as packed:
            unpacked = _Hashing(packed)
            with tarfile.open(fileobj=unpacked, mode="w|", format=tarfile.PAX_FORMAT) as archive:
                fill(archive)
    partial.rename(blobs / stored.sha256.hexdigest())
    return BuiltLayer(
        f"sha256:{stored.sha256.hexdigest()}",
        stored.size,
        f"sha256:{unpacked.sha256.hexdigest()}",
        instruction,
    )


def write_image(
    layout: Path, tag: str, layers: Sequence[BuiltLayer], architecture: str, user: str
) -> str:
    """Write configuration, manifest and index around `layers`; return the manifest digest."""
    configuration = {
        "created": _CREATED,
        "architecture": architecture,
        "os": "linux",
        "config": {
            **({"User": user} if user else {}),
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"],
            "Cmd": ["/usr/bin/openssl", "version"],
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [{"created": _CREATED, "created_by": layer.instruction} for layer in layers],
    }
    config = _put(layout, configuration, "application/vnd.oci.image.config.v1+json")
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": [
            {
                "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                "digest": layer.digest,
                "size": layer.size,
            }
            for layer in layers
        ],
    }
    entry = _put(layout, manifest, "application/vnd.oci.image.manifest.v1+json")
    entry["annotations"] = {"org.opencontainers.image.ref.name": tag}
    _index(layout, entry, tag)
    return str(entry["digest"])


def _put(layout: Path, document: object, media_type: str) -> dict[str, object]:
    content = json.dumps(document, separators=(",", ":")).encode()
    digest = hashlib.sha256(content).hexdigest()
    (layout / "blobs" / "sha256" / digest).write_bytes(content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def _index(layout: Path, entry: dict[str, object], tag: str) -> None:
    path = layout / "index.json"
    present = json.loads(path.read_text())["manifests"] if path.exists() else []
    others = [
        other
        for other in present
        if other.get("annotations", {}).get("org.opencontainers.image.ref.name") != tag
    ]
    path.write_text(json.dumps({"schemaVersion": 2, "manifests": [*others, entry]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
