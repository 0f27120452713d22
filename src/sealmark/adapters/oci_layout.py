"""`oci:DIR[:TAG]`: images in a directory (OCI image specification, image-layout.md)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealmark.artifact.manifest import (
    LARGEST_MANIFEST,
    Descriptor,
    Index,
    ManifestError,
    RawManifest,
    parse_manifest,
)
from sealmark.errors import UnreadableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK = 1 << 20


class OciLayout:
    """A layout directory; `tag` or `digest` chooses among its images, or it has only one."""

    def __init__(self, directory: Path, tag: str = "", digest: str = "") -> None:
        if not (directory / "oci-layout").is_file():
            raise UsageError(f"{directory} is no OCI layout: it has no file `oci-layout`")
        self._directory = directory
        self._tag = tag
        self._digest = digest

    def manifest(self, descriptor: Descriptor | None) -> RawManifest:
        """Return the bytes of a manifest; of the chosen image without a descriptor."""
        chosen = descriptor or self._choose()
        path = self._path(chosen)
        content = _read(path, LARGEST_MANIFEST)
        if descriptor is None:
            chosen.digest.check(content, "manifest")
        return RawManifest(content, chosen.media_type)

    @contextmanager
    def blob(self, descriptor: Descriptor) -> Iterator[Iterator[bytes]]:
        """Open a blob as chunks."""
        path = self._path(descriptor)
        try:
            file = path.open("rb")
        except OSError as error:
            raise UnreadableError(f"{path}: {error.strerror}") from error
        with file:
            yield iter(lambda: file.read(_CHUNK), b"")

    def _choose(self) -> Descriptor:
        content = _read(self._directory / "index.json", LARGEST_MANIFEST)
        index = parse_manifest(RawManifest(content, ""))
        if not isinstance(index, Index):
            raise ManifestError(f"{self._directory}/index.json is no index")
        found = [one for one in index.manifests if self._matches(one)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(sorted(one.name or str(one.digest) for one in index.manifests))
        wanted = self._tag or self._digest or "exactly one image"
        raise UsageError(f"{self._directory}: expected {wanted}, it has: {names or 'nothing'}")

    def _matches(self, descriptor: Descriptor) -> bool:
        if self._digest:
            return str(descriptor.digest) == self._digest
        return not self._tag or descriptor.name == self._tag

    def _path(self, descriptor: Descriptor) -> Path:
        digest = descriptor.digest
        return self._directory / "blobs" / digest.algorithm / digest.hex


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error
    if len(content) > limit:
        raise UnreadableError(f"{path} is larger than {limit} bytes")
    return content
