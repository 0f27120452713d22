"""Layers seen one over the other, as the container runtime mounts them; nothing is copied."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sealmark.artifact.file import FileType
from sealmark.artifact.links import follow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealmark.artifact.file import FileEntry
    from sealmark.artifact.table import Layer


@dataclass(frozen=True, slots=True)
class RootFs:
    """The overlay of `layers`, base first."""

    layers: tuple[Layer, ...]
    most_links: int = 40

    def find(self, path: bytes) -> tuple[int, FileEntry] | None:
        """Return the entry that is seen at `path` and the index of its layer; links as such.

        A hard link is the file it is linked to, under its own path.
        """
        found = self._top(path)
        if found is None or found[1].type is not FileType.HARDLINK:
            return found
        body = self.body(path)
        return found if body is None else (found[0], replace(body[1], path=path))

    def body(self, path: bytes) -> tuple[int, FileEntry] | None:
        """Return the entry, and its layer, that a hard link at `path` to lower layers leads to.

        What is no such link leads to itself; None when nothing is there.
        """
        found, root = self._top(path), self
        while found is not None and found[1].type is FileType.HARDLINK:
            if found[1].link == found[1].path:  # extracting removes the name before it links
                return None
            root = RootFs(root.layers[: found[0]])
            found = root._top(found[1].link)
        return found

    def _top(self, path: bytes) -> tuple[int, FileEntry] | None:
        for index in range(len(self.layers) - 1, -1, -1):
            layer = self.layers[index]
            entry = layer.lookup(path)
            if entry is not None:
                return index, entry
            if layer.hides(path):
                return None
        return None

    def visible(self, index: int, path: bytes) -> bool:
        """Tell whether what layer `index` has at `path` is what is seen."""
        return not any(path in layer or layer.hides(path) for layer in self.layers[index + 1 :])

    def resolve(self, path: bytes) -> bytes | None:
        """Follow links inside the root to what `path` is; None when nothing is there, or a loop."""
        target = self.resolve_directory(path)
        return None if target is None or (target and self.find(target) is None) else target

    def resolve_directory(self, path: bytes) -> bytes | None:
        """Follow links as `resolve` does to a directory that need not be listed itself."""
        return follow(path, self._link_of, self.most_links)

    def _link_of(self, path: bytes) -> bytes | None:
        found = self.find(path)
        is_link = found is not None and found[1].type is FileType.SYMLINK
        return found[1].link if found is not None and is_link else None

    def walk(self) -> Iterator[tuple[int, FileEntry]]:
        """Yield everything that is seen, with the index of its layer."""
        for index, layer in enumerate(self.layers):
            for entry in layer:
                if self.visible(index, entry.path):
                    is_link = entry.type is FileType.HARDLINK
                    yield (is_link and self.find(entry.path)) or (index, entry)

    def counts(self, index: int) -> tuple[int, int, int]:
        """Return how many paths layer `index` added, modified and removed; one look-up a path."""
        layer = self.layers[index]
        if index == 0:
            return len(layer), 0, 0
        below = RootFs(self.layers[:index])
        common = [
            directory
            for directory in layer.directories
            if any(directory in lower.directories for lower in below.layers)
        ]
        modified = sum(1 for path in layer.files(common) if below._top(path) is not None)
        return len(layer) - modified, modified, len(layer.whiteouts)

    def history(self, path: bytes) -> tuple[tuple[int, str], ...]:
        """Return what each layer did to `path`: (index, "added" | "modified" | "removed")."""
        changes: list[tuple[int, str]] = []
        present = False
        for index, layer in enumerate(self.layers):
            if path in layer:
                changes.append((index, "modified" if present else "added"))
                present = True
            elif present and layer.hides(path):
                changes.append((index, "removed"))
                present = False
        return tuple(changes)
