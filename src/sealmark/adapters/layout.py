"""An OCI image layout, wherever its files lie: choose an image, hand out its blobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sealmark.artifact.manifest import (
    LARGEST_MANIFEST,
    Descriptor,
    Index,
    ManifestError,
    RawManifest,
    parse_manifest,
)
from sealmark.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager


class LayoutFiles(Protocol):
    """The files of a layout, by their names in it; `str()` is what messages call the place."""

    def read(self, name: str, limit: int) -> bytes:
        """Return a file's bytes. Raises UnreadableError, also for more than `limit` bytes."""
        ...

    def open(self, name: str) -> AbstractContextManager[Iterator[bytes]]:
        """Open a file as chunks. Raises UnreadableError."""
        ...


class Layout:
    """A layout; `tag` or `digest` chooses among its images, or it has only one."""

    def __init__(self, files: LayoutFiles, tag: str = "", digest: str = "") -> None:
        self._files = files
        self._tag = tag
        self._digest = digest

    def manifest(self, descriptor: Descriptor | None) -> RawManifest:
        """Return the bytes of a manifest; of the chosen image without a descriptor."""
        chosen = descriptor or self._choose()
        content = self._files.read(_blob_name(chosen), LARGEST_MANIFEST)
        if descriptor is None:
            chosen.digest.check(content, "manifest")
        return RawManifest(content, chosen.media_type)

    def blob(self, descriptor: Descriptor) -> AbstractContextManager[Iterator[bytes]]:
        """Open a blob as chunks."""
        return self._files.open(_blob_name(descriptor))

    def _choose(self) -> Descriptor:
        content = self._files.read("index.json", LARGEST_MANIFEST)
        index = parse_manifest(RawManifest(content, ""))
        if not isinstance(index, Index):
            raise ManifestError(f"{self._files}/index.json is no index")
        found = [one for one in index.manifests if self._matches(one)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(sorted(one.name or str(one.digest) for one in index.manifests))
        wanted = self._tag or self._digest or "exactly one image"
        raise UsageError(f"{self._files}: expected {wanted}, it has: {names or 'nothing'}")

    def _matches(self, descriptor: Descriptor) -> bool:
        if self._digest:
            return str(descriptor.digest) == self._digest
        return not self._tag or descriptor.name == self._tag


def _blob_name(descriptor: Descriptor) -> str:
    return f"blobs/{descriptor.digest.algorithm}/{descriptor.digest.hex}"
