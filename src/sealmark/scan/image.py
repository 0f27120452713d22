"""From an image to its inventory and settings: each layer read once, or taken from the cache."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import msgspec

from sealmark.artifact.file import FileEntry, FileType, display_path
from sealmark.artifact.layer import LAYER_VERSION, Layer, LayerError, read_layer
from sealmark.artifact.limits import DEFAULT_LIMITS
from sealmark.artifact.manifest import Execution
from sealmark.artifact.rootfs import RootFs
from sealmark.evidence.component import Location
from sealmark.evidence.inventory import Inventory, NotableFile
from sealmark.evidence.inventory import Layer as LayerFacts
from sealmark.scan.inventory.assemble import assemble, user_ids
from sealmark.scan.inventory.dispatch import read_file, refuse, size_limit, wants
from sealmark.scan.inventory.facts import FileFacts
from sealmark.scan.inventory.registry import INVENTORY_VERSION
from sealmark.scan.secrets import redact
from sealmark.scan.settings import RawSettings, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealmark.artifact.digest import Digest
    from sealmark.artifact.image import Image, ImageLayer
    from sealmark.artifact.source import ImageSource
    from sealmark.evidence.settings import Settings

# Where package databases are looked for even if the way there leads over links.
WELL_KNOWN = (
    b"var/lib/dpkg/status",
    b"lib/apk/db/installed",
    b"etc/os-release",
    b"etc/passwd",
)
MOST_NOTABLE = 1000
"""Most set-id files and devices listed for one root file system."""


class LayerCache(Protocol):
    """Keeps what was found in a layer, by key."""

    def get(self, key: str) -> bytes | None:
        """Return what was kept, or None."""
        ...

    def put(self, key: str, content: bytes) -> None:
        """Keep it."""
        ...


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    diff_id: str
    layer: memoryview  # not copied: the table of a large layer is large
    facts: dict[bytes, FileFacts]


@dataclass(slots=True)
class _Reading:
    """A layer's visitor: reads wanted files as they stream past."""

    facts: dict[bytes, FileFacts] = field(default_factory=dict)

    def wants(self, path: bytes) -> bool:
        return wants(path)

    def content(self, entry: FileEntry, content: bytes) -> None:
        if len(content) > size_limit(entry.path):
            self.facts[entry.path] = refuse(entry.path, f"{len(content)} bytes are too large")
        else:
            self.facts[entry.path] = read_file(entry.path, content)

    def without_content(self, entry: FileEntry, why: str) -> None:
        # A symbolic link is judged by what it points at, once all layers are known.
        if entry.type is FileType.SYMLINK:
            self.facts.pop(entry.path, None)
        else:
            self.facts[entry.path] = refuse(entry.path, why)


@dataclass(frozen=True, slots=True)
class Looked:
    """What looking inside an image found."""

    inventory: Inventory
    settings: Settings


def look(image: Image, source: ImageSource, cache: LayerCache) -> Looked:
    """Take the inventory of `image`. Raises UnreadableError when a layer is not what it says."""
    scanned = [_scanned(layer, source, cache) for layer in image.layers]
    root = RootFs(tuple(layer for layer, _ in scanned))
    visible = list(_visible(root, [facts for _, facts in scanned]))
    system, components, problems = assemble(visible)
    inventory = Inventory(
        operating_system=system,
        layers=tuple(_layer_facts(root, i, layer) for i, layer in enumerate(image.layers)),
        components=components,
        files=tuple(_notable(root)),
        errors=problems,
    )
    execution = image.config.config or Execution()
    raw = _raw_settings(execution, image.config.created)
    return Looked(inventory, read_settings(raw, user_ids(visible)))


def _scanned(
    layer: ImageLayer, source: ImageSource, cache: LayerCache
) -> tuple[Layer, dict[bytes, FileFacts]]:
    digest = layer.descriptor.digest
    key = f"{digest.algorithm}-{digest.hex}-{LAYER_VERSION}-{INVENTORY_VERSION}"
    found = _from_cache(cache.get(key), layer.diff_id)
    if found is not None:
        return found
    reading = _Reading()
    with source.blob(layer.descriptor) as chunks:
        table = read_layer(chunks, layer.descriptor, layer.diff_id, reading, DEFAULT_LIMITS)
    entry = _Kept(str(layer.diff_id), memoryview(table.dump()), reading.facts)
    cache.put(key, msgspec.msgpack.encode(entry))
    return table, reading.facts


def _from_cache(
    content: bytes | None, diff_id: Digest
) -> tuple[Layer, dict[bytes, FileFacts]] | None:
    """A damaged entry, or one for another unpacked digest, is read again rather than believed."""
    if content is None:
        return None
    try:
        kept = msgspec.msgpack.decode(content, type=_Kept)
        return (Layer.load(kept.layer), kept.facts) if kept.diff_id == str(diff_id) else None
    except (msgspec.DecodeError, LayerError, RecursionError):
        return None


def _visible(
    root: RootFs, facts: list[dict[bytes, FileFacts]]
) -> Iterator[tuple[int, bytes, FileFacts]]:
    seen: set[bytes] = set()
    for index, found in enumerate(facts):
        for path, fact in found.items():
            if root.visible(index, path):
                seen.add(path)
                yield index, path, fact
    for path in WELL_KNOWN:
        target = root.resolve(path)
        if target is None or target in seen:
            continue
        place = root.find(target)
        if place is not None and place[1].type is not FileType.DIRECTORY:
            why = f"it is reached over a link to {display_path(target)}, which was not read"
            yield place[0], path, refuse(path, why)


def _layer_facts(root: RootFs, index: int, layer: ImageLayer) -> LayerFacts:
    added, modified, removed = root.counts(index)
    return LayerFacts(
        digest=str(layer.descriptor.digest),
        diff_id=str(layer.diff_id),
        media_type=layer.descriptor.media_type,
        size=layer.descriptor.size,
        unpacked_size=root.layers[index].unpacked_size,
        instruction=redact(layer.instruction),
        added=added,
        modified=modified,
        removed=removed,
    )


def _notable(root: RootFs) -> Iterator[NotableFile]:
    count = 0
    for index, layer in enumerate(root.layers):
        for entry in sorted(layer.notable(), key=lambda found: found.path):
            if count >= MOST_NOTABLE or not root.visible(index, entry.path):
                continue
            count += 1
            yield NotableFile(
                why=why_notable(entry),
                location=Location(display_path(entry.path), index),
                mode=entry.mode,
                uid=entry.uid,
                gid=entry.gid,
                size=entry.size,
            )


def why_notable(entry: FileEntry) -> str:
    """Return what a reviewer asks about a device or set-id file."""
    if entry.type is not FileType.REGULAR:
        return "device"
    return "setuid" if entry.mode & 0o4000 else "setgid"


def _raw_settings(execution: Execution, created: str | None) -> RawSettings:
    return RawSettings(
        user=execution.user or "",
        env=execution.env or (),
        entrypoint=execution.entrypoint or (),
        cmd=execution.cmd or (),
        working_dir=execution.working_dir or "",
        exposed_ports=tuple(sorted(execution.exposed_ports or ())),
        volumes=tuple(sorted(execution.volumes or ())),
        labels=execution.labels or {},
        stop_signal=execution.stop_signal or "",
        healthcheck=bool(execution.healthcheck),
        created=created,
    )
