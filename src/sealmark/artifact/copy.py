"""Copies an image, and what refers to it, from one place to another; bytes stay what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealmark.artifact.manifest import Index, ManifestError, parse_manifest
from sealmark.artifact.referrers import find_referrers, load_referrer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealmark.artifact.digest import Digest
    from sealmark.artifact.manifest import Descriptor, RawManifest
    from sealmark.artifact.source import ImageSource, ImageTarget, ReferrerSource

_DEEPEST_INDEX = 3
_DEEPEST_REFERRER = 3


def copy_image(source: ImageSource, target: ImageTarget, tag: str) -> Digest:
    """Copy what `source` names to `target` as `tag`; of an index, every image.

    Raises UnreadableError for bytes that are not what was promised.
    """
    raw = source.manifest(None)
    _copy_below(source, target, raw, _DEEPEST_INDEX)
    target.put_manifest(raw, tag)
    return raw.digest


def copy_referrers(
    source: ReferrerSource, target: ImageTarget, subject: Digest, depth: int = _DEEPEST_REFERRER
) -> tuple[Digest, ...]:
    """Copy all that refers to `subject`, and what refers to that; return their digests."""
    copied: list[Digest] = []
    for referrer in find_referrers(source, subject) if depth else ():
        artifact = load_referrer(source, referrer, subject)
        _copy_below(source, target, artifact.raw, _DEEPEST_INDEX)
        target.put_referrer(artifact)
        copied.append(artifact.raw.digest)
        copied.extend(copy_referrers(source, target, artifact.raw.digest, depth - 1))
    return tuple(copied)


def _copy_below(source: ImageSource, target: ImageTarget, raw: RawManifest, depth: int) -> None:
    manifest = parse_manifest(raw)
    if not isinstance(manifest, Index):
        _copy_blobs(source, target, (manifest.config, *manifest.layers))
        return
    if not depth:
        raise ManifestError(f"indexes are nested deeper than {_DEEPEST_INDEX}")
    for descriptor in manifest.manifests:
        child = source.manifest(descriptor)
        descriptor.digest.check(child.content, "manifest")
        _copy_below(source, target, child, depth - 1)
        target.put_manifest(child)


def _copy_blobs(source: ImageSource, target: ImageTarget, blobs: Iterable[Descriptor]) -> None:
    for descriptor in dict.fromkeys(blobs):
        if not target.has_blob(descriptor):
            with source.blob(descriptor) as chunks:
                target.put_blob(descriptor, chunks)
