"""An OCI image layout, wherever its files lie: choose an image, hand out its blobs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

import msgspec

from sealmark.artifact.manifest import (
    INDEX_TYPES,
    LARGEST_MANIFEST,
    MANIFEST_TYPES,
    Descriptor,
    Index,
    ManifestError,
    RawManifest,
    parse_manifest,
)
from sealmark.artifact.referrers import (
    INDEX_TYPE,
    entry_for,
    fallback_tag,
    parse_artifact,
    subject_of,
)
from sealmark.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from sealmark.artifact.digest import Digest
    from sealmark.artifact.referrers import Artifact

_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_MOST_READ = 256 << 20
_REFERRING_TAG = re.compile(r"sha(?:256|512)-[0-9a-f]{64,128}(?:\.\w{1,32})?", re.ASCII)


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

    def tagged(self, tag: str) -> RawManifest | None:
        """Return the manifest that the index names `tag`; None if it names none so."""
        found = [one for one in self._index().manifests if one.name == tag]
        return self.manifest(found[-1]) if found else None

    def referrers(self, digest: Digest) -> tuple[RawManifest, ...]:
        """Return lists of what refers to `digest`: from the index, and under the tag `sha256-…`."""
        entries = [entry_for(one) for one in self._artifacts() if one.subject.digest == digest]
        document = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}
        listed = RawManifest(msgspec.json.encode(document), INDEX_TYPE)
        tagged = self.tagged(fallback_tag(digest))
        return (*((listed,) if entries else ()), *((tagged,) if tagged else ()))

    def _artifacts(self) -> Iterator[Artifact]:
        """Yield what the index lists and has a subject, reading only so much."""
        read = 0
        for entry in self._index().manifests:
            if entry.media_type not in (*MANIFEST_TYPES, *INDEX_TYPES):
                continue
            raw = self.manifest(entry)
            read += len(raw.content)
            if read > _MOST_READ:
                raise ManifestError(f"{self._files} lists over {_MOST_READ} bytes of manifests")
            if subject_of(raw.content) is not None:
                yield parse_artifact(raw)

    def _index(self) -> Index:
        index = parse_manifest(RawManifest(self._files.read("index.json", LARGEST_MANIFEST), ""))
        if not isinstance(index, Index):
            raise ManifestError(f"{self._files}/index.json is no index")
        return index

    def _choose(self) -> Descriptor:
        index = self._index()
        found = [one for one in index.manifests if self._matches(one)]
        if len(found) > 1 and not self._tag and not self._digest:
            found = [one for one in found if not _refers(one)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(sorted(one.name or str(one.digest) for one in index.manifests))
        wanted = self._tag or self._digest or "exactly one image"
        raise UsageError(f"{self._files}: expected {wanted}, it has: {names or 'nothing'}")

    def _matches(self, descriptor: Descriptor) -> bool:
        if self._digest:
            return str(descriptor.digest) == self._digest
        return not self._tag or descriptor.name == self._tag


def _refers(descriptor: Descriptor) -> bool:
    """Tell whether an entry is no image but something about one, as far as it says so."""
    is_artifact = descriptor.artifact_type not in ("", _CONFIG_TYPE)
    return is_artifact or _REFERRING_TAG.fullmatch(descriptor.name) is not None


def _blob_name(descriptor: Descriptor) -> str:
    return f"blobs/{descriptor.digest.algorithm}/{descriptor.digest.hex}"
