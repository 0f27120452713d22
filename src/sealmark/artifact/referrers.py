"""What refers to an image: signatures, attestations, bills (distribution specification, 1.1).

A list of referrers is only a claim: what counts is the `subject` in the referring manifest, which
`load_referrer` holds it to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from sealmark.artifact.digest import Digest
from sealmark.artifact.manifest import (
    INDEX_TYPES,
    LARGEST_MANIFEST,
    Descriptor,
    RawManifest,
    media_type_of,
)
from sealmark.artifact.spelling import UNREADABLE, decode_strictly
from sealmark.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealmark.artifact.source import ReferrerSource

INDEX_TYPE: Final = INDEX_TYPES[0]
EMPTY_TYPE: Final = "application/vnd.oci.empty.v1+json"
_MOST_REFERRERS = 4096
_LARGEST_BLOB = 1 << 50
_T = TypeVar("_T")


class ReferrerError(UnreadableError):
    """A list of referrers, or something in it, is not what it claims to be."""


@dataclass(frozen=True, slots=True)
class Referrer:
    """An entry of a list of referrers; what it says of itself is not checked yet."""

    descriptor: Descriptor
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def artifact_type(self) -> str:
        """Return what kind of thing refers; "" where the list does not say."""
        return self.descriptor.artifact_type


@dataclass(frozen=True, slots=True)
class Artifact:
    """A manifest that refers to another: what it is, of what, and its parts."""

    raw: RawManifest
    artifact_type: str
    subject: Descriptor
    parts: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)


class _Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str
    digest: str
    size: int
    artifact_type: str = ""
    annotations: dict[str, str] | None = None

    def plain(self) -> Descriptor:
        if not 0 <= self.size <= _LARGEST_BLOB:
            raise ReferrerError(f"{self.digest[:160]}: absurd size {self.size}")
        digest = Digest.parse(self.digest)
        # Some registries list the type of an empty configuration instead of the artifact's.
        kind = "" if self.artifact_type == EMPTY_TYPE else self.artifact_type
        return Descriptor(self.media_type, digest, self.size, artifact_type=kind)


class _List(msgspec.Struct, frozen=True, rename="camel"):
    manifests: tuple[_Descriptor, ...]


class _Referring(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str = ""
    artifact_type: str = ""
    config: _Descriptor | None = None
    layers: tuple[_Descriptor, ...] = ()
    subject: _Descriptor | None = None
    annotations: dict[str, str] | None = None


def find_referrers(
    source: ReferrerSource, subject: Digest, artifact_type: str = ""
) -> tuple[Referrer, ...]:
    """Return what is listed as referring to `subject`, each once, in the order of the list.

    With `artifact_type` only what is of that type, or does not say its type. Raises ReferrerError
    for a list that cannot be read or is absurdly long.
    """
    found: dict[Digest, Referrer] = {}
    for page in source.referrers(subject):
        for entry in _decode(page.content, _List, "list of referrers").manifests:
            referrer = Referrer(entry.plain(), entry.annotations or {})
            if not artifact_type or referrer.artifact_type in ("", artifact_type):
                found.setdefault(referrer.descriptor.digest, referrer)
            if len(found) > _MOST_REFERRERS:
                raise ReferrerError(f"over {_MOST_REFERRERS} things refer to {subject}")
    return tuple(found.values())


def load_referrer(source: ReferrerSource, referrer: Referrer, subject: Digest) -> Artifact:
    """Return the manifest behind a list's entry.

    Raises DigestMismatchError for other bytes, ReferrerError for a manifest that refers to
    something else or is of another type than the list says.
    """
    descriptor = referrer.descriptor
    raw = source.manifest(descriptor)
    descriptor.digest.check(raw.content, "referrer")
    artifact = parse_artifact(raw)
    if artifact.subject.digest != subject:
        raise ReferrerError(
            f"{descriptor.digest} is listed as referring to {subject}, "
            f"but refers to {artifact.subject.digest}"
        )
    if referrer.artifact_type not in ("", artifact.artifact_type):
        raise ReferrerError(
            f"{descriptor.digest} is listed as {referrer.artifact_type[:120]!r}, "
            f"but is {artifact.artifact_type[:120]!r}"
        )
    return artifact


def parse_artifact(raw: RawManifest) -> Artifact:
    """Read a manifest with a subject. Raises ReferrerError, also for one without."""
    document = _decode(raw.content, _Referring, "referrer")
    if document.subject is None:
        raise ReferrerError(f"{raw.digest} refers to nothing: it has no subject")
    config = document.config
    parts = ((config,) if config else ()) + document.layers
    return Artifact(
        raw,
        document.artifact_type or (config.media_type if config else ""),
        document.subject.plain(),
        tuple(one.plain() for one in parts),
        document.annotations or {},
    )


def subject_of(content: bytes) -> Digest | None:
    """Return what a manifest refers to; None if to nothing, or if it cannot be read."""
    try:
        document = msgspec.json.decode(content, type=_Referring)
        return Digest.parse(document.subject.digest) if document.subject else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, UnreadableError):
        return None


def fallback_tag(subject: Digest) -> str:
    """Return the tag that lists referrers where a registry has no interface for them."""
    return f"{subject.algorithm}-{subject.hex}"


def lists(page: RawManifest, digest: Digest) -> bool:
    """Return whether a list of referrers names `digest`. Raises ReferrerError."""
    entries = _decode(page.content, _List, "list of referrers").manifests
    return any(one.digest == str(digest) for one in entries)


def entry_for(artifact: Artifact) -> dict[str, Any]:
    """Return the descriptor of an artifact as lists of referrers hold it."""
    entry: dict[str, Any] = {
        "mediaType": media_type_of(artifact.raw),
        "digest": str(artifact.raw.digest),
        "size": len(artifact.raw.content),
        "artifactType": artifact.artifact_type,
    }
    return {**entry, "annotations": dict(artifact.annotations)} if artifact.annotations else entry


def with_entry(index: RawManifest | None, entry: Mapping[str, Any]) -> RawManifest:
    """Return an index that has `entry` too; the same one if it has it already.

    Whatever else the index holds is kept. Raises ReferrerError for what is no index, or too large.
    """
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": []}
    if index is not None:
        known = _decode(index.content, _List, "list of referrers").manifests
        if any(one.digest == entry["digest"] for one in known):
            return index
        document = _decode(index.content, dict[str, Any], "list of referrers")
    document["manifests"] = [*document["manifests"], entry]
    content = msgspec.json.encode(document)
    if len(content) > LARGEST_MANIFEST:
        raise ReferrerError(f"the list of referrers is larger than {LARGEST_MANIFEST} bytes")
    return RawManifest(content, INDEX_TYPE)


def _decode(content: bytes, kind: type[_T], what: str) -> _T:
    if len(content) > LARGEST_MANIFEST:
        raise ReferrerError(f"{what} is larger than {LARGEST_MANIFEST} bytes")
    try:
        return decode_strictly(content, kind)
    except UNREADABLE as error:
        raise ReferrerError(f"{what} cannot be read: {error}") from error
