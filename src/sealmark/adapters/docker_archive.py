"""`docker-archive:FILE[:REF]`: what `docker save` writes (manifest.json beside the layers).

Such an archive holds no manifest of the image, so one is written from what the archive holds:
always the same bytes for the same members, but not those a registry would have.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from sealmark.artifact.digest import Digest, DigestMismatchError
from sealmark.artifact.manifest import (
    LARGEST_CONFIG,
    LARGEST_MANIFEST,
    MANIFEST_TYPES,
    ManifestError,
    RawManifest,
)
from sealmark.artifact.spelling import AmbiguousError, refuse_ambiguous
from sealmark.errors import UnreadableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from sealmark.adapters.archive import Archive
    from sealmark.artifact.manifest import Descriptor

_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
_MAGIC = {b"\x1f\x8b": "+gzip", b"\x28\xb5\x2f\xfd": "+zstd"}
_MOST_IMAGES = 1000
_MOST_LAYERS = 1000
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


class _Saved(msgspec.Struct, frozen=True, rename="pascal"):
    config: str
    layers: tuple[str, ...]
    repo_tags: tuple[str, ...] | None = None


class DockerArchive:
    """An archive; `name` is a reference in it or `@N`, its N-th image; "" if it has only one."""

    def __init__(self, archive: Archive, name: str = "") -> None:
        if "manifest.json" not in archive:
            if "oci-layout" in archive:
                raise UsageError(f"{archive} is no Docker archive; read it as oci-archive:")
            raise UnreadableError(f"{archive} is no Docker archive: it has no `manifest.json`")
        self._archive = archive
        self._name = name
        self._members: dict[Digest, str] = {}
        self._hashed: dict[bytes, dict[str, object]] = {}

    def manifest(self, descriptor: Descriptor | None) -> RawManifest:
        """Return the manifest written from what the archive holds of the chosen image."""
        if descriptor is not None:
            raise UnreadableError(f"{self._archive} has no manifest {descriptor.digest}")
        saved = self._choose()
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPES[0],
            "config": self._config(saved.config),
            "layers": [self._layer(name) for name in saved.layers],
        }
        return RawManifest(msgspec.json.encode(document), MANIFEST_TYPES[0])

    def blob(self, descriptor: Descriptor) -> AbstractContextManager[Iterator[bytes]]:
        """Open the member that had this digest when the manifest was written."""
        name = self._members.get(descriptor.digest)
        if name is None:
            raise UnreadableError(f"{self._archive} has no blob {descriptor.digest}")
        return self._archive.open(name)

    def referrers(self, digest: Digest) -> tuple[RawManifest, ...]:
        """Return nothing: such an archive has no place for what refers to an image."""
        return ()

    def tagged(self, tag: str) -> RawManifest | None:
        """Return nothing, for the same reason."""
        return None

    def _choose(self) -> _Saved:
        images = self._images()
        if self._name.startswith("@"):
            number = self._name[1:]
            if number.isdecimal() and len(number) < 6 and int(number) < len(images):
                return images[int(number)]
        found = [one for one in images if not self._name or _is_tagged(one, self._name)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(sorted(tag for one in images for tag in one.repo_tags or ()))
        count = f"{len(images)} images" + (f": {names}" if names else " without a name")
        wanted = self._name or "exactly one image"
        raise UsageError(f"{self._archive}: expected {wanted}, it has {_printable(count)}")

    def _images(self) -> tuple[_Saved, ...]:
        content = self._archive.read("manifest.json", LARGEST_MANIFEST)
        try:
            images = msgspec.json.decode(content, type=tuple[_Saved, ...])
            refuse_ambiguous(content, tuple[_Saved, ...])
        except (
            msgspec.DecodeError,
            AmbiguousError,
            UnicodeDecodeError,
            RecursionError,
        ) as error:
            raise ManifestError(f"{self._archive}: manifest.json: {error}") from error
        if len(images) > _MOST_IMAGES or any(len(one.layers) > _MOST_LAYERS for one in images):
            raise ManifestError(f"{self._archive}: manifest.json lists absurdly many things")
        return images

    def _config(self, name: str) -> dict[str, object]:
        content = self._archive.read(name, LARGEST_CONFIG)
        digest = Digest.of(content)
        promised = PurePosixPath(name).name.removesuffix(".json")
        if _HEX.fullmatch(promised) and promised != digest.hex:
            expected = Digest.parse(f"sha256:{promised}")
            raise DigestMismatchError("image configuration", expected, digest)
        self._members[digest] = name
        return {"mediaType": _CONFIG_TYPE, "digest": str(digest), "size": len(content)}

    def _layer(self, name: str) -> dict[str, object]:
        """Describe a layer; one that is listed a thousand times is hashed once."""
        real = self._archive.real_name(name)
        if real not in self._hashed:
            self._hashed[real] = self._describe(name)
        return self._hashed[real]

    def _describe(self, name: str) -> dict[str, object]:
        hasher = Digest.of(b"").hasher()
        start = b""
        with self._archive.open(name) as chunks:
            for chunk in chunks:
                start = start or chunk[:4]
                hasher.update(chunk)
        digest = Digest.parse(f"sha256:{hasher.hexdigest()}")
        self._members[digest] = name
        kind = next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), "")
        return {
            "mediaType": _LAYER_TYPE + kind,
            "digest": str(digest),
            "size": self._archive.size(name),
        }


def _is_tagged(saved: _Saved, name: str) -> bool:
    return _familiar(name) in {_familiar(tag) for tag in saved.repo_tags or ()}


def _familiar(name: str) -> str:
    """Return a reference without what Docker leaves unsaid, and with the tag it implies."""
    short = name.removeprefix("docker.io/").removeprefix("library/")
    return short if ":" in short.rpartition("/")[2] else f"{short}:latest"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:500])
