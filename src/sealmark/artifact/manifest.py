"""Manifests, indexes and configurations, parsed once (OCI image specification; Docker schema 2).

The signed bytes are kept beside the parsed view and never written again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from sealmark.artifact.digest import Digest, DigestMismatchError
from sealmark.artifact.platform import Platform
from sealmark.artifact.spelling import UNREADABLE, decode_strictly
from sealmark.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MANIFEST_TYPES: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
INDEX_TYPES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
LARGEST_MANIFEST = 4 << 20
LARGEST_CONFIG = 8 << 20
_MOST_ENTRIES = 4096
_LARGEST_BLOB = 1 << 50


_T = TypeVar("_T", bound=msgspec.Struct)


class ManifestError(UnreadableError):
    """A manifest, index or configuration that cannot be read, and why."""


@dataclass(frozen=True, slots=True)
class RawManifest:
    """Manifest bytes as they came, with the media type they were announced as ("" if none)."""

    content: bytes
    media_type: str

    @property
    def digest(self) -> Digest:
        """Return the sha256 digest of the bytes."""
        return Digest.of(self.content)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A pointer to content: what it is, its digest, its size in bytes (descriptor.md)."""

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    name: str = ""
    artifact_type: str = ""

    def checked(self, chunks: Iterable[bytes], what: str) -> Iterator[bytes]:
        """Pass chunks on; raise UnreadableError at the latest after them if they are others."""
        hasher, total = self.digest.hasher(), 0
        for chunk in chunks:
            total += len(chunk)
            if total > self.size:
                break
            hasher.update(chunk)
            yield chunk
        if total != self.size:
            more = "more" if total > self.size else f"{total}"
            raise UnreadableError(f"{what} {self.digest}: expected {self.size} bytes, got {more}")
        got = Digest(self.digest.algorithm, hasher.hexdigest())
        if got != self.digest:
            raise DigestMismatchError(what, self.digest, got)


@dataclass(frozen=True, slots=True)
class Manifest:
    """An image manifest: its configuration and its layers, base first."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Index:
    """An index: manifests to choose from."""

    manifests: tuple[Descriptor, ...]


class _Platform(msgspec.Struct, frozen=True):
    os: str = ""
    architecture: str = ""
    variant: str = ""


class _Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str
    digest: str
    size: int
    artifact_type: str = ""
    platform: _Platform | None = None
    annotations: dict[str, str] | None = None


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    schema_version: int
    media_type: str = ""
    artifact_type: str = ""
    config: _Descriptor | None = None
    layers: tuple[_Descriptor, ...] | None = None
    manifests: tuple[_Descriptor, ...] | None = None
    annotations: dict[str, Any] | None = None


class Execution(msgspec.Struct, frozen=True, rename="pascal"):
    """The `config` object of an image configuration (config.md); absent means empty."""

    user: str | None = None
    env: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    working_dir: str | None = None
    exposed_ports: dict[str, Any] | None = None
    volumes: dict[str, Any] | None = None
    labels: dict[str, str] | None = None
    stop_signal: str | None = None
    healthcheck: dict[str, Any] | None = None


class History(msgspec.Struct, frozen=True):
    """One step of the build; `empty_layer` steps changed no file."""

    created_by: str = ""
    empty_layer: bool = False


class _RootFs(msgspec.Struct, frozen=True):
    diff_ids: tuple[str, ...]


class ImageConfig(msgspec.Struct, frozen=True):
    """An image configuration (config.md)."""

    rootfs: _RootFs
    os: str = ""
    architecture: str = ""
    variant: str = ""
    created: str | None = None
    config: Execution | None = None
    history: tuple[History, ...] | None = None


def parse_manifest(raw: RawManifest) -> Manifest | Index:
    """Read a manifest or index. Raises ManifestError, also for a document that claims both.

    A document with `layers` and `manifests` means different things to different readers.
    """
    if len(raw.content) > LARGEST_MANIFEST:
        raise ManifestError(f"manifest is larger than {LARGEST_MANIFEST} bytes")
    document = _decode(raw.content, _Document, "manifest")
    announced, stated = raw.media_type, document.media_type
    if announced and stated and announced != stated:
        raise ManifestError(f"manifest was announced as {announced} but says {stated}")
    kind = stated or announced
    if document.schema_version != 2:
        raise ManifestError(f"manifest schema version {document.schema_version}, expected 2")
    if document.manifests is not None and (document.layers is not None or document.config):
        raise ManifestError("manifest has both layers and manifests: refused as ambiguous")
    if document.manifests is not None and kind in ("", *INDEX_TYPES):
        return Index(_descriptors(document.manifests))
    if document.config and document.layers is not None and kind in ("", *MANIFEST_TYPES):
        (config,) = _descriptors((document.config,))
        return Manifest(config, _descriptors(document.layers), _texts(document.annotations))
    raise ManifestError(f"not an image manifest or index: media type {kind[:120]!r}")


def media_type_of(raw: RawManifest) -> str:
    """Return what a manifest is: as announced, or else as it says itself, or else as it looks."""
    if raw.media_type:
        return raw.media_type
    document = _decode(raw.content, _Document, "manifest")
    return document.media_type or (MANIFEST_TYPES if document.config else INDEX_TYPES)[0]


def parse_config(content: bytes) -> ImageConfig:
    """Read an image configuration. Raises ManifestError."""
    if len(content) > LARGEST_CONFIG:
        raise ManifestError(f"image configuration is larger than {LARGEST_CONFIG} bytes")
    return _decode(content, ImageConfig, "image configuration")


def _decode(content: bytes, kind: type[_T], what: str) -> _T:
    try:
        return decode_strictly(content, kind)
    except UNREADABLE as error:
        raise ManifestError(f"{what} cannot be read: {error}") from error


def _texts(found: dict[str, Any] | None) -> dict[str, str]:
    """Return annotations that are text, as all should be (annotations.md)."""
    return {name: value for name, value in (found or {}).items() if isinstance(value, str)}


def _descriptors(found: tuple[_Descriptor, ...]) -> tuple[Descriptor, ...]:
    if len(found) > _MOST_ENTRIES:
        raise ManifestError(f"manifest lists {len(found)} entries, more than {_MOST_ENTRIES}")
    return tuple(_descriptor(one) for one in found)


def _descriptor(found: _Descriptor) -> Descriptor:
    if not 0 <= found.size <= _LARGEST_BLOB:
        raise ManifestError(f"{found.digest[:160]}: absurd size {found.size}")
    platform = found.platform
    return Descriptor(
        found.media_type,
        Digest.parse(found.digest),
        found.size,
        Platform(platform.os, platform.architecture, platform.variant) if platform else None,
        (found.annotations or {}).get("org.opencontainers.image.ref.name", ""),
        found.artifact_type,
    )
