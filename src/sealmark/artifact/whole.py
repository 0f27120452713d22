"""An image and all that belongs to it: what it lists, what refers to it, what lies beside it.

What is to be mirrored, kept or counted is found here, once, so that nobody forgets a part.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sealmark.artifact.manifest import Index, ManifestError, parse_manifest
from sealmark.artifact.referrers import fallback_tag, find_referrers, load_referrer

if TYPE_CHECKING:
    from sealmark.artifact.digest import Digest
    from sealmark.artifact.manifest import Descriptor, RawManifest
    from sealmark.artifact.referrers import Artifact
    from sealmark.artifact.source import ReferrerSource

COSIGN_TAGS: Final = ("sig", "att", "sbom")
MOST_MANIFESTS = 4096
MOST_BYTES = 256 << 20
_DEEPEST_INDEX = 3
_DEEPEST_REFERRER = 3


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything of an image, parts before what names them.

    `manifests` ends with the image or index itself. `referrers` are listed by subject, `tagged` is
    what lies under cosign's tags; both may have `manifests` of their own.
    """

    named: RawManifest
    manifests: tuple[RawManifest, ...]
    referrers: tuple[Artifact, ...]
    tagged: tuple[tuple[str, RawManifest], ...]
    blobs: tuple[Descriptor, ...]


def find_whole(source: ReferrerSource) -> Whole:
    """Return all of what `source` names; no layer is read, every manifest is checked.

    Raises UnreadableError for bytes that are not what was promised and for absurdly much.
    """
    named = source.manifest(None)
    search = _Search(source)
    search.manifest(named, 0, 0)
    return Whole(
        named,
        tuple(search.manifests.values()),
        tuple(search.referrers.values()),
        tuple(search.tagged.items()),
        tuple(search.blobs.values()),
    )


@dataclass
class _Search:
    source: ReferrerSource
    manifests: dict[Digest, RawManifest] = field(default_factory=dict)
    referrers: dict[Digest, Artifact] = field(default_factory=dict)
    tagged: dict[str, RawManifest] = field(default_factory=dict)
    blobs: dict[Digest, Descriptor] = field(default_factory=dict)
    _seen: set[Digest] = field(default_factory=set)
    _read: int = 0

    def manifest(self, raw: RawManifest, index_depth: int, referrer_depth: int) -> None:
        """Take a manifest with all below it and all that refers to it, once."""
        if raw.digest in self._seen:
            return
        self._below(raw, index_depth, referrer_depth)
        self.manifests[raw.digest] = raw
        self._around(raw.digest, referrer_depth)

    def _below(self, raw: RawManifest, index_depth: int, referrer_depth: int) -> None:
        """Take what a manifest names."""
        self._count(raw)
        document = parse_manifest(raw)
        if not isinstance(document, Index):
            for descriptor in (document.config, *document.layers):
                self._blob(descriptor)
            return
        if index_depth == _DEEPEST_INDEX:
            raise ManifestError(f"indexes are nested deeper than {_DEEPEST_INDEX}")
        for descriptor in document.manifests:
            child = self.source.manifest(descriptor)
            descriptor.digest.check(child.content, "manifest")
            self.manifest(child, index_depth + 1, referrer_depth)

    def _around(self, digest: Digest, depth: int) -> None:
        """Take what refers to a manifest, and what cosign tags beside it."""
        listed = find_referrers(self.source, digest)
        if listed and depth == _DEEPEST_REFERRER:
            raise ManifestError(f"over {depth} things refer to each other in a row, up to {digest}")
        for referrer in listed:
            if referrer.descriptor.digest in self._seen:
                continue
            artifact = load_referrer(self.source, referrer, digest)
            self._below(artifact.raw, 0, depth + 1)
            self.referrers[artifact.raw.digest] = artifact
            self._around(artifact.raw.digest, depth + 1)
        for suffix in COSIGN_TAGS:
            tag = f"{fallback_tag(digest)}.{suffix}"
            raw = self.source.tagged(tag)
            if raw is not None:
                self.tagged[tag] = raw
                self.manifest(raw, 0, depth + 1)

    def _count(self, raw: RawManifest) -> None:
        self._seen.add(raw.digest)
        self._read += len(raw.content)
        if len(self._seen) > MOST_MANIFESTS or self._read > MOST_BYTES:
            raise ManifestError(f"over {MOST_MANIFESTS} manifests or {MOST_BYTES} bytes of them")

    def _blob(self, descriptor: Descriptor) -> None:
        """Of two sizes for one digest at most one is true; the copy would find out late."""
        known = self.blobs.setdefault(descriptor.digest, descriptor)
        if known.size != descriptor.size:
            raise ManifestError(f"{descriptor.digest} is said to have two sizes")
