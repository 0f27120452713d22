"""How images reach us, and where they go: small Protocols that every transport implements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    from sealmark.artifact.digest import Digest
    from sealmark.artifact.manifest import Descriptor, RawManifest
    from sealmark.artifact.referrers import Artifact


class ImageSource(Protocol):
    """A place that holds images. It hands out bytes and checks nothing; the core checks."""

    def manifest(self, descriptor: Descriptor | None) -> RawManifest:
        """Return manifest bytes: those of `descriptor`, or what the reference itself names."""
        ...

    def blob(self, descriptor: Descriptor) -> AbstractContextManager[Iterator[bytes]]:
        """Open a blob as a stream of chunks as stored (compressed)."""
        ...


@runtime_checkable
class ReferrerSource(ImageSource, Protocol):
    """A place that also knows what refers to an image; `artifact/referrers.py` reads its lists."""

    def referrers(self, digest: Digest) -> tuple[RawManifest, ...]:
        """Return the indexes that list what refers to `digest`; none if nothing does."""
        ...

    def tagged(self, tag: str) -> RawManifest | None:
        """Return what another tag beside the image names; None if there is no such tag."""
        ...


class ImageTarget(Protocol):
    """A place that takes images. Parts come first: a manifest is put when all it names is there."""

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Return whether a blob is there already."""
        ...

    def put_blob(self, descriptor: Descriptor, chunks: Iterable[bytes]) -> None:
        """Store a blob. Raises UnreadableError if the chunks are not what `descriptor` says."""
        ...

    def put_manifest(self, raw: RawManifest, tag: str = "") -> None:
        """Store a manifest, and name it `tag`; without a tag it is a part of something else."""
        ...

    def put_referrer(self, artifact: Artifact) -> None:
        """Store a manifest with a subject so that it is listed as referring to that."""
        ...
