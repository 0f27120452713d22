"""Layers with their annotations, for manifests whose layers are documents and not file systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from sealmark.artifact.digest import Digest
from sealmark.artifact.manifest import LARGEST_MANIFEST, Descriptor, ManifestError
from sealmark.artifact.spelling import UNREADABLE, decode_strictly

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealmark.artifact.manifest import RawManifest

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
        layers = decode_strictly(raw.content, _Document).layers
    except UNREADABLE as error:
        raise ManifestError(f"manifest cannot be read: {error}") from error
    if len(layers) > _MOST_LAYERS:
        raise ManifestError(f"manifest lists {len(layers)} layers, more than {_MOST_LAYERS}")
    return tuple(
        AnnotatedLayer(
            Descriptor(one.media_type, Digest.parse(one.digest), one.size), one.annotations or {}
        )
        for one in layers
    )
