"""From an image to its inventory and settings: each layer read once, or taken from the cache."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import msgspec

from sealmark.artifact.file import FileEntry, FileType, display_path
from sealmark.artifact.layer import read_layer
from sealmark.artifact.limits import DEFAULT_LIMITS
from sealmark.artifact.manifest import Execution
from sealmark.artifact.rootfs import RootFs
from sealmark.artifact.table import LAYER_VERSION, Layer, LayerError
from sealmark.evidence.component import Location
from sealmark.evidence.inventory import Inventory, NotableFile, Problem
from sealmark.evidence.inventory import Layer as LayerFacts
from sealmark.scan.attribution import who_brought
from sealmark.scan.base import find_base, holds_system
from sealmark.scan.inventory.assemble import assemble, user_ids
from sealmark.scan.inventory.dispatch import read_file, refuse, size_limit, wants
from sealmark.scan.inventory.facts import FileFacts
from sealmark.scan.inventory.registry import INVENTORY_VERSION, READERS
from sealmark.scan.linked import Waiting, find_waiting, read_waiting
from sealmark.scan.secrets import redact
from sealmark.scan.settings import RawSettings, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sealmark.artifact.digest import Digest
    from sealmark.artifact.image import Image, ImageLayer
    from sealmark.artifact.source import ImageSource
    from sealmark.evidence.settings import Settings
    from sealmark.scan.cache import LayerCache

MOST_NOTABLE = 1000
"""Most set-id files and devices listed for one root file system."""


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    diff_id: str
    layer: memoryview  # not copied: the table of a large layer is large
    facts: dict[bytes, FileFacts]
    links: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class _Scanned:
    """A layer's table, the facts of its wanted files, and those that are links."""

    table: Layer
    facts: dict[bytes, FileFacts]
    links: tuple[bytes, ...]


@dataclass(slots=True)
class _Reading:
    """A layer's visitor: reads wanted files as they stream past."""

    facts: dict[bytes, FileFacts] = field(default_factory=dict)
    links: dict[bytes, None] = field(default_factory=dict)

    # Asked for every path there is: not one call more than needed.
    wants = staticmethod(wants)
    size_limit = staticmethod(size_limit)

    def content(self, entry: FileEntry, content: bytes) -> None:
        self.links.pop(entry.path, None)
        self.facts[entry.path] = read_file(entry.path, content)

    def linked(self, entry: FileEntry) -> None:
        self.facts.pop(entry.path, None)
        self.links[entry.path] = None

    def without_content(self, entry: FileEntry, why: str) -> None:
        self.links.pop(entry.path, None)
        self.facts[entry.path] = refuse(entry.path, why)


class Each(Protocol):
    """How the same is done to several layers: one after the other, or side by side."""

    def __call__(
        self, read: Callable[[ImageLayer], _Scanned], layers: Sequence[ImageLayer], /
    ) -> Sequence[_Scanned]:
        """Return what `read` makes of each layer, in order; raise what one of them raised."""
        ...


def one_by_one(
    read: Callable[[ImageLayer], _Scanned], layers: Sequence[ImageLayer], /
) -> Sequence[_Scanned]:
    """Read layers one after the other."""
    return [read(layer) for layer in layers]


@dataclass(frozen=True, slots=True)
class Looked:
    """What looking inside an image found."""

    inventory: Inventory
    settings: Settings


def look(image: Image, source: ImageSource, cache: LayerCache, each: Each = one_by_one) -> Looked:
    """Take the inventory of `image`. Raises UnreadableError when a layer is not what it says.

    `each` is how layers are read that the cache does not have; the rim may have threads for it.
    """
    scanned = _scan(image.layers, source, cache, each)
    root = RootFs(tuple(one.table for one in scanned))
    visible = list(_visible(root, scanned))
    seen = frozenset(path for _, path, _ in visible)
    waiting = list(find_waiting(root, [one.links for one in scanned], seen))
    visible += _read_linked(image, root, waiting, source, cache)
    brought = who_brought(root, visible, [one.facts for one in scanned], [x.links for x in scanned])
    system, components, problems = assemble(visible, brought)
    inventory = Inventory(
        operating_system=system,
        layers=tuple(_layer_facts(root, i, layer) for i, layer in enumerate(image.layers)),
        components=components,
        files=tuple(_notable(root)),
        errors=(*_opaque_roots(root), *problems),
        base=find_base(image, holds_system(scanned[0].facts) if scanned else False),
    )
    execution = image.config.config or Execution()
    raw = _raw_settings(execution, image.config.created)
    return Looked(inventory, read_settings(raw, user_ids(visible)))


def _scan(
    layers: Sequence[ImageLayer], source: ImageSource, cache: LayerCache, each: Each
) -> list[_Scanned]:
    """Take each layer from the cache, or read it once, however often an image lists it."""
    found: dict[tuple[str, str], _Scanned] = {}
    missing: dict[tuple[str, str], ImageLayer] = {}
    for layer in layers:
        same = (_key(layer), str(layer.diff_id))
        if same in found or same in missing:
            continue
        kept = _from_cache(cache.get(same[0]), layer.diff_id)
        if kept is None:
            missing[same] = layer
        else:
            found[same] = kept
    read = each(lambda layer: _read(layer, source, cache), tuple(missing.values()))
    found |= zip(missing, read, strict=True)
    return [found[_key(layer), str(layer.diff_id)] for layer in layers]


def _read(layer: ImageLayer, source: ImageSource, cache: LayerCache) -> _Scanned:
    reading = _Reading()
    with source.blob(layer.descriptor) as chunks:
        table = read_layer(chunks, layer.descriptor, layer.diff_id, reading, DEFAULT_LIMITS)
    facts = {path: fact for path, fact in reading.facts.items() if _is_file(table, path)}
    links = tuple(path for path in reading.links if _is_file(table, path))
    entry = _Kept(str(layer.diff_id), memoryview(table.dump()), facts, links)
    cache.put(_key(layer), msgspec.msgpack.encode(entry))
    return _Scanned(table, facts, links)


def _is_file(table: Layer, path: bytes) -> bool:
    """Tell whether a file that was read was not replaced later in its layer, or its directory."""
    found = table.lookup(path)
    return found is not None and found.type is not FileType.DIRECTORY


def _key(layer: ImageLayer) -> str:
    digest = layer.descriptor.digest
    return f"{digest.algorithm}-{digest.hex}-{LAYER_VERSION}-{INVENTORY_VERSION}"


def _from_cache(content: memoryview | None, diff_id: Digest) -> _Scanned | None:
    """A damaged entry, or one for another unpacked digest, is read again rather than believed."""
    if content is None:
        return None
    try:
        kept = msgspec.msgpack.decode(content, type=_Kept)
        if kept.diff_id != str(diff_id):
            return None
        return _Scanned(Layer.load(kept.layer), kept.facts, kept.links)
    except (msgspec.DecodeError, LayerError, RecursionError):
        return None


def _visible(root: RootFs, scanned: list[_Scanned]) -> Iterator[tuple[int, bytes, FileFacts]]:
    for index, one in enumerate(scanned):
        for path, fact in one.facts.items():
            if root.visible(index, path):
                yield index, path, fact


def _read_linked(
    image: Image, root: RootFs, waiting: list[Waiting], source: ImageSource, cache: LayerCache
) -> Iterator[tuple[int, bytes, FileFacts]]:
    """One more pass over each layer that holds content which a link leads to."""
    for index, layer in enumerate(image.layers):
        here = [one for one in waiting if one.layer == index]
        yield from ((index, one.name, refuse(one.name, one.why_not)) for one in here if one.why_not)
        here = [one for one in here if not one.why_not]
        if not here:
            continue
        found = read_waiting(layer, root.layers[index], here, source, cache, _key(layer))
        missing = "its content did not come"
        for one in here:
            yield index, one.name, found.get(one.name) or refuse(one.name, missing)


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


def _opaque_roots(root: RootFs) -> Iterator[Problem]:
    """Overlay file systems always merge the roots of layers; the specification hides the lower."""
    affects = tuple(sorted({kind for reader in READERS for kind in reader.affects}))
    for index, layer in enumerate(root.layers):
        if index and b"" in layer.opaque:
            what = "an opaque root hides all layers below; not every container runtime does so"
            yield Problem(what=what, location=Location("/", index), affects=affects)


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
