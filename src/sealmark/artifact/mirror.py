"""Mirrors an image with everything that belongs to it, whole or not at all.

The order makes it so: blobs first, then what names them, then what refers to those, and only when
all of it was found again in its new place, the tag. What fails on the way leaves untagged parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealmark.artifact.manifest import Descriptor, media_type_of
from sealmark.artifact.referrers import find_referrers
from sealmark.errors import UnreadableError

if TYPE_CHECKING:
    from sealmark.artifact.digest import Digest
    from sealmark.artifact.manifest import RawManifest
    from sealmark.artifact.source import ImageSource, ImageTarget, ReferrerSource
    from sealmark.artifact.whole import Whole


class IncompleteError(UnreadableError):
    """A copy lacks something that was put there."""


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What was copied: how many blobs moved, and how many were there already."""

    digest: Digest
    moved: int
    present: int


def put_whole(source: ImageSource, target: ImageTarget, whole: Whole) -> Mirrored:
    """Put all of `whole` into `target`, but give it no tag yet.

    Raises UnreadableError for blobs that are not what was promised.
    """
    moved = 0
    for descriptor in whole.blobs:
        if not target.has_blob(descriptor):
            with source.blob(descriptor) as chunks:
                target.put_blob(descriptor, chunks)
            moved += 1
    for raw in whole.manifests:
        target.put_manifest(raw)
    for artifact in whole.referrers:
        target.put_referrer(artifact)
    for tag, raw in whole.tagged:
        target.put_manifest(raw, tag)
    return Mirrored(whole.named.digest, moved, len(whole.blobs) - moved)


def check_whole(copy: ReferrerSource, target: ImageTarget, whole: Whole) -> None:
    """Look for all of `whole` in its new place. Raises IncompleteError, naming what is missing."""
    for raw in whole.manifests:
        _check_manifest(copy, raw)
    for descriptor in whole.blobs:
        if not target.has_blob(descriptor):
            raise IncompleteError(f"the copy lacks the blob {descriptor.digest}")
    for artifact in whole.referrers:
        subject, digest = artifact.subject.digest, artifact.raw.digest
        listed = find_referrers(copy, subject)
        if not any(one.descriptor.digest == digest for one in listed):
            raise IncompleteError(f"the copy does not list {digest} as referring to {subject}")
    for tag, raw in whole.tagged:
        _check_tag(copy, tag, raw)


def check_named(copy: ReferrerSource, whole: Whole) -> None:
    """Look whether the copy's own name leads to what was copied. Raises IncompleteError."""
    found = copy.manifest(None)
    if found.digest != whole.named.digest:
        raise IncompleteError(f"the copy is named, but its name leads to {found.digest}")


def _check_manifest(copy: ReferrerSource, raw: RawManifest) -> None:
    found = copy.manifest(Descriptor(media_type_of(raw), raw.digest, len(raw.content)))
    if found.content != raw.content:
        raise IncompleteError(f"the copy has other bytes for {raw.digest}")


def _check_tag(copy: ReferrerSource, tag: str, raw: RawManifest) -> None:
    found = copy.tagged(tag)
    if found is None or found.digest != raw.digest:
        raise IncompleteError(f"the copy's tag {tag} does not lead to {raw.digest}")
