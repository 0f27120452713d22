"""Layers with their annotations, for manifests whose layers are documents and not file systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from sealmark.artifact.digest import Digest
from sealmark.artifact.manifest import LARGEST_MANIFEST, Descriptor, ManifestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealmark.artifact.manifest import RawManifest
    from sealmark.artifact.source import ImageSource

_MOST_LAYERS = 4096


@dataclass(frozen=True, slots=True)
class AnnotatedLayer:
    """A layer and what the manifest says of it; nobody has checked that."""

    descriptor: Descriptor
    annotations: Mapping[str, str]


class _Layer(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str
    digest: str
    size: int
    annotations: dict[str, str] | None = None


class _Document(msgspec.Struct, frozen=True):
    layers: tuple[_Layer, ...] = ()


def annotated_layers(raw: RawManifest) -> tuple[AnnotatedLayer, ...]:
    """Return the layers of a manifest. Raises ManifestError, also for absurdly many."""
    if len(raw.content) > LARGEST_MANIFEST:
        raise ManifestError(f"manifest is larger than {LARGEST_MANIFEST} bytes")
    try:
        layers = msgspec.json.decode(raw.content, type=_Document).layers
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestError(f"manifest cannot be read: {error}") from error
    if len(layers) > _MOST_LAYERS:
        raise ManifestError(f"manifest lists {len(layers)} layers, more than {_MOST_LAYERS}")
    return tuple(
        AnnotatedLayer(
            Descriptor(one.media_type, Digest.parse(one.digest), one.size), one.annotations or {}
        )
        for one in layers
    )


def read_document(source: ImageSource, descriptor: Descriptor, limit: int) -> bytes:
    """Return a blob whole, checked by its digest. Raises UnreadableError, also over `limit`."""
    if not 0 <= descriptor.size <= limit:
        raise ManifestError(f"{descriptor.digest} has {descriptor.size} bytes, over {limit}")
    content = bytearray()
    with source.blob(descriptor) as chunks:
        for chunk in chunks:
            content += chunk
            if len(content) > descriptor.size:
                break
    descriptor.digest.check(bytes(content), "blob")
    return bytes(content)
