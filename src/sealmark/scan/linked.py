"""Wanted files whose content lies elsewhere: hard links, and what links on the way lead to.

Where it lies is known once all layers are. One more pass over a layer that holds any reads it;
the cache keeps the result, so that a cached image needs no pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from sealmark.artifact.digest import Digest
from sealmark.artifact.file import FileEntry, FileType, display_path
from sealmark.artifact.layer import read_layer
from sealmark.artifact.limits import DEFAULT_LIMITS
from sealmark.scan.inventory.dispatch import (
    WELL_KNOWN,
    WELL_KNOWN_DIRECTORIES,
    affected,
    read_file,
    refuse,
    same_reader,
    size_limit,
    wants,
)
from sealmark.scan.inventory.facts import FileFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sealmark.artifact.image import ImageLayer
    from sealmark.artifact.rootfs import RootFs
    from sealmark.artifact.source import ImageSource
    from sealmark.artifact.table import Layer
    from sealmark.scan.cache import LayerCache

MOST_LINKED = 10_000
"""Most wanted files that are followed over links in one root file system."""
CIRCLE = "its links lead in a circle"
NOWHERE = "it is a link to nothing"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A wanted name, and the layer and path whose member holds what is seen there."""

    name: bytes
    layer: int
    place: bytes
    why_not: str = ""


def find_waiting(
    root: RootFs, links: Sequence[Iterable[bytes]], seen: frozenset[bytes]
) -> Iterator[Waiting]:
    """Yield the wanted files that the first pass could not read and that are there.

    `links` are the wanted paths of each layer that were links; `seen` those that were read.
    """
    linked = {name: n for n, found in enumerate(links) for name in found if root.visible(n, name)}
    names = dict.fromkeys(linked)
    names.update(dict.fromkeys(name for name in WELL_KNOWN if root.resolve(name) != name))
    names.update(dict.fromkeys(_in_linked_directories(root)))
    unread = (name for name in names if name not in seen)
    for count, name in enumerate(unread):
        if count >= MOST_LINKED:
            yield Waiting(name, linked.get(name, 0), name, "too many files are links")
            continue
        target = root.resolve(name)
        if target is None:
            if name in linked and affected(name):
                circle = root.resolve_directory(name) is None
                yield Waiting(name, linked[name], name, CIRCLE if circle else NOWHERE)
        elif target not in seen or not same_reader(name, target):
            yield from _waiting(root, name, target)


def _waiting(root: RootFs, name: bytes, target: bytes) -> Iterator[Waiting]:
    found, body = root.find(target), root.body(target)
    if found is None or found[1].type is FileType.DIRECTORY:
        return
    if body is None:
        yield Waiting(name, found[0], target, "it is a hard link to nothing")
    elif body[1].type is not FileType.REGULAR:
        yield Waiting(name, body[0], target, f"{display_path(target)} is not a regular file")
    else:
        yield Waiting(name, body[0], body[1].path)


def _in_linked_directories(root: RootFs) -> Iterator[bytes]:
    for wanted in WELL_KNOWN_DIRECTORIES:
        target = root.resolve_directory(wanted)
        if target is None or target == wanted:
            continue
        prefix = target + b"/" if target else b""
        for layer in root.layers:
            there = [d for d in layer.directories if d == target or d.startswith(prefix)]
            names = (wanted + b"/" + path[len(prefix) :] for path in layer.paths(there))
            yield from filter(wants, names)


@dataclass(slots=True)
class _Rereading:
    """A layer's visitor: reads `names`, by place, and carries bodies on to their hard links."""

    names: dict[bytes, list[bytes]]
    sources: frozenset[bytes]
    facts: dict[bytes, FileFacts] = field(default_factory=dict)
    bodies: dict[bytes, bytes] = field(default_factory=dict)
    budget: int = DEFAULT_LIMITS.content

    def wants(self, path: bytes) -> bool:
        return path in self.names or path in self.sources

    def size_limit(self, path: bytes) -> int:
        named = self.names.get(path, ())
        return self.budget if path in self.sources else max(map(size_limit, named), default=0)

    def content(self, entry: FileEntry, content: bytes) -> None:
        if entry.path in self.sources:
            self.bodies[entry.path] = content
            self.budget -= len(content)
        for name in self.names.get(entry.path, ()):
            self.budget -= len(content)
            sound = self.budget > 0 or not content
            self.facts[name] = read_file(name, content) if sound else refuse(name, "too many links")

    def linked(self, entry: FileEntry) -> None:
        body = self.bodies.get(entry.link) if entry.type is FileType.HARDLINK else None
        if body is None:
            self.without_content(entry, f"it is a link to {display_path(entry.link)}")
        else:
            self.content(entry, body)

    def without_content(self, entry: FileEntry, why: str) -> None:
        self.bodies.pop(entry.path, None)
        for name in self.names.get(entry.path, ()):
            self.facts[name] = refuse(name, why)


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    diff_id: str
    facts: dict[bytes, FileFacts]


def read_waiting(
    layer: ImageLayer,
    table: Layer,
    waiting: Sequence[Waiting],
    source: ImageSource,
    cache: LayerCache,
    prefix: str,
) -> dict[bytes, FileFacts]:
    """Read, in one more pass over `layer`, what waits for it; `prefix` begins the cache's key.

    Raises UnreadableError as `read_layer` does.
    """
    asked = msgspec.msgpack.encode(sorted((one.name, one.place) for one in waiting))
    key = f"{prefix}-{Digest.of(asked).hex}"
    facts = _from_cache(cache.get(key), layer)
    if facts is not None:
        return facts
    reading = _Rereading(_by_place(waiting), _sources(table, waiting))
    with source.blob(layer.descriptor) as chunks:
        read_layer(chunks, layer.descriptor, layer.diff_id, reading, DEFAULT_LIMITS)
    cache.put(key, msgspec.msgpack.encode(_Kept(str(layer.diff_id), reading.facts)))
    return reading.facts


def _from_cache(content: memoryview | None, layer: ImageLayer) -> dict[bytes, FileFacts] | None:
    if content is None:
        return None
    try:
        kept = msgspec.msgpack.decode(content, type=_Kept)
    except (msgspec.DecodeError, RecursionError):
        return None
    return kept.facts if kept.diff_id == str(layer.diff_id) else None


def _by_place(waiting: Sequence[Waiting]) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for one in waiting:
        found.setdefault(one.place, []).append(one.name)
    return found


def _sources(table: Layer, waiting: Sequence[Waiting]) -> frozenset[bytes]:
    """The paths whose bodies are needed at their links, which come later in the layer."""
    sources: set[bytes] = set()
    for one in waiting:
        entry = table.lookup(one.place)
        while entry is not None and entry.link and entry.link not in sources:
            sources.add(entry.link)
            entry = table.lookup(entry.link)
    return frozenset(sources)
