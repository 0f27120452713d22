"""Puts blobs, manifests and referrers into an OCI layout directory (image-layout.md).

Files appear whole or not at all; several writers of one layout wait for each other.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from sealmark.artifact.manifest import LARGEST_MANIFEST, media_type_of
from sealmark.artifact.referrers import entry_for
from sealmark.errors import ServiceError, UnreadableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sealmark.artifact.digest import Digest
    from sealmark.artifact.manifest import Descriptor, RawManifest
    from sealmark.artifact.referrers import Artifact

    Entry = dict[str, Any]

_NAME = "org.opencontainers.image.ref.name"


class OciLayoutTarget:
    """A layout to put things into; it is begun where there is none yet."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        marker = directory / "oci-layout"
        with _as_service(directory):
            if not marker.is_file():
                directory.mkdir(parents=True, exist_ok=True)
                if any(directory.iterdir()):
                    raise UsageError(f"{directory} is neither empty nor an OCI layout")
                self._write(marker, [b'{"imageLayoutVersion":"1.0.0"}'])

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Return whether the layout has a blob of that digest and size."""
        try:
            return self._path(descriptor.digest).stat().st_size == descriptor.size
        except OSError:
            return False

    def put_blob(self, descriptor: Descriptor, chunks: Iterable[bytes]) -> None:
        """Store a blob. Raises UnreadableError, and keeps nothing, if it is another."""
        self._store(descriptor.digest, descriptor.checked(chunks, "blob"))

    def put_manifest(self, raw: RawManifest, tag: str = "") -> None:
        """Store a manifest; with a tag it takes the place of what was named so."""
        self._store(raw.digest, [raw.content])
        if tag:
            entry = {
                "mediaType": media_type_of(raw),
                "digest": str(raw.digest),
                "size": len(raw.content),
                "annotations": {_NAME: tag},
            }
            self._list(lambda present: [*(one for one in present if _name(one) != tag), entry])

    def put_referrer(self, artifact: Artifact) -> None:
        """Store a manifest with a subject, and list it without a name."""
        self._store(artifact.raw.digest, [artifact.raw.content])
        entry = entry_for(artifact)
        self._list(
            lambda present: (
                present
                if any(one.get("digest") == entry["digest"] for one in present)
                else [*present, entry]
            )
        )

    def _store(self, digest: Digest, chunks: Iterable[bytes]) -> None:
        path = self._path(digest)
        with _as_service(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write(path, chunks)

    def _path(self, digest: Digest) -> Path:
        return self._directory / "blobs" / digest.algorithm / digest.hex

    def _list(self, change: Callable[[list[Entry]], list[Entry]]) -> None:
        path = self._directory / "index.json"
        with _as_service(path), _locked(self._directory):
            index = _read_index(path)
            index["manifests"] = change(index["manifests"])
            self._write(path, [msgspec.json.encode(index)])

    def _write(self, path: Path, chunks: Iterable[bytes]) -> None:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".partial-", delete=False) as file:
            try:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise


def _read_index(path: Path) -> Entry:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_MANIFEST + 1)
    except FileNotFoundError:
        return {"schemaVersion": 2, "manifests": []}
    try:
        index = msgspec.json.decode(content, type=dict[str, Any])
        index["manifests"] = msgspec.convert(index["manifests"], list[dict[str, Any]])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError) as error:
        raise UnreadableError(f"{path} is no index: {error}") from error
    if len(content) > LARGEST_MANIFEST:
        raise UnreadableError(f"{path} is larger than {LARGEST_MANIFEST} bytes")
    return index


def _name(entry: Entry) -> object:
    annotations = entry.get("annotations")
    return annotations.get(_NAME) if isinstance(annotations, dict) else None


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _as_service(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ServiceError(f"{path}: {error.strerror}") from error
