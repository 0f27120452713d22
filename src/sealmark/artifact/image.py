"""From a source to an image: index, manifest, configuration, each checked by digest."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealmark.artifact.digest import Digest
from sealmark.artifact.document import read_document
from sealmark.artifact.manifest import (
    LARGEST_CONFIG,
    ImageConfig,
    Index,
    Manifest,
    ManifestError,
    RawManifest,
    parse_config,
    parse_manifest,
)
from sealmark.artifact.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealmark.artifact.manifest import Descriptor
    from sealmark.artifact.source import ImageSource

_DEEPEST_INDEX = 3
_MOST_PLATFORMS = 64
_SHELL = re.compile(r"^(?:RUN (?:\|[0-9]+ .*?)?)?/bin/sh -c (#\(nop\)\s*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ImageLayer:
    """A layer of an image: its blob, the digest of its tar stream, and the line that made it."""

    descriptor: Descriptor
    diff_id: Digest
    instruction: str


@dataclass(frozen=True, slots=True)
class Image:
    """One platform's image, every document of which had the digest it was named by.

    `manifests` are what led to it: the indexes from the outside in, its own manifest last.
    """

    digest: Digest
    platform: Platform
    config: ImageConfig
    layers: tuple[ImageLayer, ...]
    annotations: dict[str, str] = field(default_factory=dict)
    manifests: tuple[RawManifest, ...] = ()


def load_image(source: ImageSource, wanted: Platform, *, chosen: bool) -> Image:
    """Follow what `source` names to the image for `wanted`.

    `chosen` says that somebody asked for this platform, so that a single image for another one is
    an error too. Raises UnreadableError for bytes that are not what was promised.
    """
    raws = [source.manifest(None)]
    manifest = parse_manifest(raws[0])
    for _ in range(_DEEPEST_INDEX):
        if isinstance(manifest, Manifest):
            return _image(source, raws, manifest, wanted if chosen else None)
        raws.append(_checked(source, _select(manifest, wanted)))
        manifest = parse_manifest(raws[-1])
    if isinstance(manifest, Manifest):
        return _image(source, raws, manifest, wanted)
    raise ManifestError(f"indexes are nested deeper than {_DEEPEST_INDEX}")


def child_manifests(
    source: ImageSource, raw: RawManifest
) -> Iterator[tuple[Platform, RawManifest]]:
    """Yield the manifests that an index lists for platforms, each checked; none for an image.

    What is for the platform `unknown` (attestations of builders) is no image and left out.
    Raises ManifestError for an index that lists very many.
    """
    manifest = parse_manifest(raw)
    if not isinstance(manifest, Index):
        return
    listed = [one for one in manifest.manifests if one.platform and one.platform.os != "unknown"]
    if len(listed) > _MOST_PLATFORMS:
        raise ManifestError(f"the index lists {len(listed)} images, more than {_MOST_PLATFORMS}")
    for one in listed:
        if one.platform:
            yield one.platform, _checked(source, one)


def _select(index: Index, wanted: Platform) -> Descriptor:
    for found in index.manifests:
        if found.platform is not None and wanted.accepts(found.platform):
            return found
    if len(index.manifests) == 1 and index.manifests[0].platform is None:
        return index.manifests[0]
    present = ", ".join(sorted({str(m.platform) for m in index.manifests if m.platform}))
    raise ManifestError(f"the index has no image for {wanted}; it has {present or 'none'}")


def _checked(source: ImageSource, descriptor: Descriptor) -> RawManifest:
    raw = source.manifest(descriptor)
    descriptor.digest.check(raw.content, "manifest")
    return raw


def _image(
    source: ImageSource, raws: Sequence[RawManifest], manifest: Manifest, wanted: Platform | None
) -> Image:
    document = read_document(source, manifest.config, LARGEST_CONFIG, "image configuration")
    config = parse_config(document)
    platform = Platform(config.os or "linux", config.architecture, config.variant)
    if wanted is not None and not wanted.accepts(platform):
        raise ManifestError(f"the image is for {platform}, not for {wanted}")
    diff_ids = config.rootfs.diff_ids
    if len(diff_ids) != len(manifest.layers):
        raise ManifestError(
            f"the manifest has {len(manifest.layers)} layers, the configuration {len(diff_ids)}"
        )
    lines = _instructions(config, len(diff_ids))
    layers = zip(manifest.layers, diff_ids, lines, strict=True)
    return Image(
        raws[-1].digest,
        platform,
        config,
        tuple(ImageLayer(blob, Digest.parse(diff), line) for blob, diff, line in layers),
        manifest.annotations,
        tuple(raws),
    )


def _instructions(config: ImageConfig, count: int) -> list[str]:
    """History lines of the layers; where they do not add up, nobody knows which made which."""
    lines = [step.created_by for step in config.history or () if not step.empty_layer]
    if len(lines) != count:
        return [""] * count
    return [as_written(line) for line in lines]


def as_written(line: str) -> str:
    """Turn what builders record into the Dockerfile line it stands for."""
    found = _SHELL.match(line)
    if found is None:
        return line.removesuffix(" # buildkit").strip()
    rest = line[found.end() :].removesuffix(" # buildkit").strip()
    return rest if found[1] else f"RUN {rest}"
