"""What is claimed about an image: everything that refers to it, fetched once, parsed, not believed.

Signatures lie in three places: Sigstore bundles among the image's referrers, cosign's signatures
under the tag `sha256-….sig`, its attestations under `sha256-….att`. Whoever may push to the
repository may put anything there, so what cannot be read is kept as a refusal beside the rest,
and what is of another kind is named and left alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sealmark.artifact.annotated import annotated_layers
from sealmark.artifact.document import read_document
from sealmark.artifact.referrers import fallback_tag, find_referrers, load_referrer
from sealmark.attest.artifact import Artifact
from sealmark.attest.bundle import MAX_BUNDLE_BYTES, parse_bundle
from sealmark.attest.cosign_layers import ENVELOPE, LAYER_TYPES, SIMPLE_SIGNING, parse_layer
from sealmark.attest.dsse import MAX_ENVELOPE_BYTES
from sealmark.attest.simple_signing import MAX_PAYLOAD_BYTES
from sealmark.attest.steps import PARSE, ClaimError, MalformedError
from sealmark.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealmark.artifact.annotated import AnnotatedLayer
    from sealmark.artifact.digest import Digest
    from sealmark.artifact.manifest import Descriptor, RawManifest
    from sealmark.artifact.referrers import Referrer
    from sealmark.artifact.source import ReferrerSource
    from sealmark.attest.claim import Claim

MOST_CLAIMS = 256
MOST_BYTES = 64_000_000
MOST_SKIPPED = 64
COSIGN_SIGNATURE: Final = "application/vnd.dev.cosign.artifact.sig.v1+json"
_BUNDLE_PREFIX = "application/vnd.dev.sigstore.bundle"
_LAYER_LIMITS = {SIMPLE_SIGNING: MAX_PAYLOAD_BYTES, ENVELOPE: MAX_ENVELOPE_BYTES}


@dataclass(frozen=True, slots=True)
class Found:
    """A claim, or why it is none, and where it lay. `digest` is that of the claim's bytes."""

    place: str
    digest: str
    claim: Claim | ClaimError


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that refers to the image and was not looked into, and why."""

    place: str
    why: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """All claims about one manifest. `skipped` says what else there was."""

    artifact: Artifact
    digest: Digest
    found: tuple[Found, ...]
    skipped: tuple[Skipped, ...]


def discover(source: ReferrerSource, raw: RawManifest) -> Discovery:
    """Gather what is claimed about the manifest `raw`; no blob is fetched twice.

    Raises what the source raises when it does not answer; never for what it answers.
    """
    search = _Search(source)
    digest = raw.digest
    search.bundles(digest)
    search.tag(f"{fallback_tag(digest)}.sig")
    search.tag(f"{fallback_tag(digest)}.att")
    artifact = Artifact.of_bytes(raw.content)
    return Discovery(artifact, digest, tuple(search.found.values()), tuple(search.skipped))


@dataclass
class _Search:
    source: ReferrerSource
    found: dict[tuple[str, str], Found] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    _blobs: dict[Digest, bytes] = field(default_factory=dict)
    _read: int = 0

    def bundles(self, digest: Digest) -> None:
        """Look through the image's referrers."""
        try:
            listed = find_referrers(self.source, digest)
        except UnreadableError as error:
            self._refuse("referrers", error)
            return
        for referrer in listed:
            place = f"referrer {referrer.descriptor.digest}"
            if not _may_be_claim(referrer.artifact_type):
                self._skip(place, f"of another kind, {referrer.artifact_type[:120]!r}")
            elif self._has_room(place):
                self._referrer(referrer, digest, place)

    def tag(self, tag: str) -> None:
        """Look into the manifest under one of cosign's tags."""
        place = f"tag {tag}"
        try:
            raw = self.source.tagged(tag)
            layers = annotated_layers(raw) if raw else ()
        except UnreadableError as error:
            self._refuse(place, error)
            return
        self._layers(layers, place)

    def _referrer(self, referrer: Referrer, digest: Digest, place: str) -> None:
        try:
            artifact = load_referrer(self.source, referrer, digest)
            layers = annotated_layers(artifact.raw)
        except UnreadableError as error:
            self._refuse(place, error)
            return
        if _may_be_claim(artifact.artifact_type):
            self._layers(layers, place)
        else:
            self._skip(place, f"of another kind, {artifact.artifact_type[:120]!r}")

    def _layers(self, layers: Iterable[AnnotatedLayer], place: str) -> None:
        for number, layer in enumerate(layers):
            here = f"{place}, layer {number}" if number else place
            kind = layer.descriptor.media_type
            if not _is_claim(kind):
                self._skip(here, f"a layer of another kind, {kind[:120]!r}")
            elif self._has_room(here):
                self._layer(layer, here)

    def _layer(self, layer: AnnotatedLayer, place: str) -> None:
        kind = layer.descriptor.media_type
        is_layer = kind in LAYER_TYPES
        try:
            content = self._blob(layer.descriptor, _LAYER_LIMITS.get(kind, MAX_BUNDLE_BYTES))
        except UnreadableError as error:
            self._refuse(place, error)
            return
        claim: Claim | ClaimError
        try:
            notes = layer.annotations
            claim = parse_layer(kind, content, notes) if is_layer else parse_bundle(content)
        except ClaimError as error:
            claim = error
        distinct = repr(sorted(layer.annotations.items())) if is_layer else ""
        self._add(Found(place, _digest(content), claim), distinct)

    def _blob(self, descriptor: Descriptor, limit: int) -> bytes:
        known = self._blobs.get(descriptor.digest)
        if known is None:
            room = min(limit, MOST_BYTES - self._read)
            known = read_document(self.source, descriptor, room, "blob")
            self._read += len(known)
            self._blobs[descriptor.digest] = known
        return known

    def _has_room(self, place: str) -> bool:
        if len(self.found) < MOST_CLAIMS:
            return True
        self._skip(place, f"over {MOST_CLAIMS} claims were found before it")
        return False

    def _refuse(self, place: str, error: UnreadableError) -> None:
        self._add(Found(place, "", MalformedError(PARSE, place, str(error))), place)

    def _add(self, found: Found, distinct: str) -> None:
        """Keep a claim, once: the same one may lie in several places."""
        self.found.setdefault((found.digest, distinct), found)

    def _skip(self, place: str, why: str) -> None:
        if len(self.skipped) < MOST_SKIPPED:
            self.skipped.append(Skipped(place, why))


def _may_be_claim(artifact_type: str) -> bool:
    """Tell whether a referrer of this kind is to be opened; some lists do not say kinds."""
    return artifact_type in ("", COSIGN_SIGNATURE) or artifact_type.startswith(_BUNDLE_PREFIX)


def _is_claim(layer_type: str) -> bool:
    return layer_type in LAYER_TYPES or layer_type.startswith(_BUNDLE_PREFIX)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
