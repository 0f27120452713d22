"""Makes OCI layouts of any kind, sound or forged: whatever a test changes is written as it says."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import zstandard

if TYPE_CHECKING:
    from pathlib import Path

TAR = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"

Descriptor = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Forged:
    """A layer: its descriptor, and the digest its configuration shall claim for the tar."""

    descriptor: Descriptor
    diff_id: str


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def pack(content: bytes, kind: str) -> bytes:
    return gzip.compress(content, 6, mtime=0) if kind == "gzip" else zstandard.compress(content)


def tar(*members: tuple[str | tarfile.TarInfo, bytes]) -> bytes:
    """Return a tar of files by name and content, or of members as described."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name) if isinstance(name, str) else name
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def special(name: str, kind: bytes, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """Return a member that is no file: a link, a device."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, link
    return entry, b""


@dataclass(slots=True)
class Forge:
    """A layout under construction; `image` and `index` return descriptors to be changed at will."""

    layout: Path

    def put(self, content: bytes, media_type: str) -> Descriptor:
        digest = sha256(content)
        self.path(digest).write_bytes(content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def path(self, digest: str) -> Path:
        blobs = self.layout / "blobs" / "sha256"
        blobs.mkdir(parents=True, exist_ok=True)
        return blobs / digest.partition(":")[2]

    def document(self, content: object, media_type: str) -> Descriptor:
        return self.put(json.dumps(content).encode(), media_type)

    def layer(self, content: bytes, kind: str = "gzip", stored: bytes | None = None) -> Forged:
        blob = pack(content, kind) if stored is None else stored
        return Forged(self.put(blob, f"{TAR}+{kind}"), sha256(content))

    def image(self, *layers: Forged, **manifest: Any) -> Descriptor:
        config = {
            "os": "linux",
            "architecture": "amd64",
            "config": {"User": "65532"},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        }
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.document(config, CONFIG),
            "layers": [layer.descriptor for layer in layers],
            **manifest,
        }
        return self.document(document, MANIFEST)

    def index(self, *manifests: Descriptor, **changes: Any) -> Descriptor:
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests, **changes}
        return self.document(document, INDEX)

    def offer(self, *entries: Descriptor) -> None:
        """Make the layout name `entries`."""
        self.layout.mkdir(exist_ok=True)
        (self.layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        document = {"schemaVersion": 2, "manifests": entries}
        (self.layout / "index.json").write_text(json.dumps(document))
