"""Layers seen one over the other, as the container runtime mounts them; nothing is copied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealmark.artifact.file import FileType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealmark.artifact.file import FileEntry
    from sealmark.artifact.layer import Layer


@dataclass(frozen=True, slots=True)
class RootFs:
    """The overlay of `layers`, base first."""

    layers: tuple[Layer, ...]
    most_links: int = 40

    def find(self, path: bytes) -> tuple[int, FileEntry] | None:
        """Return the entry that is seen at `path` and the index of its layer; links as such."""
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
        return not any(
            path in layer.rows or layer.hides(path) for layer in self.layers[index + 1 :]
        )

    def resolve(self, path: bytes) -> bytes | None:
        """Follow links inside the root to what `path` is; None when nothing is there, or a loop."""
        budget = self.most_links
        done: list[bytes] = []
        todo = path.split(b"/")[::-1]
        while todo:
            part = todo.pop()
            if part in (b"", b"."):
                continue
            if part == b"..":
                del done[-1:]
                continue
            found = self.find(b"/".join([*done, part]))
            if found is None and not todo:
                return None
            if found is None or found[1].type is not FileType.SYMLINK:
                # A directory need not be listed: what is below it implies it.
                done.append(part)
                continue
            entry = found[1]
            budget -= 1
            if budget < 0:
                return None
            if entry.link.startswith(b"/"):
                done.clear()
            todo.extend(entry.link.split(b"/")[::-1])
        return b"/".join(done)

    def walk(self) -> Iterator[tuple[int, FileEntry]]:
        """Yield everything that is seen, with the index of its layer."""
        for index, layer in enumerate(self.layers):
            for entry in layer:
                if self.visible(index, entry.path):
                    yield index, entry

    def counts(self, index: int) -> tuple[int, int, int]:
        """Return how many paths layer `index` added, modified and removed; one look-up a path."""
        layer = self.layers[index]
        if index == 0:
            return len(layer), 0, 0
        below = RootFs(self.layers[:index])
        modified = sum(
            1
            for path, row in layer.rows.items()
            if layer.types[row] != FileType.DIRECTORY and below.find(path) is not None
        )
        return len(layer) - modified, modified, len(layer.whiteouts)

    def history(self, path: bytes) -> tuple[tuple[int, str], ...]:
        """Return what each layer did to `path`: (index, "added" | "modified" | "removed")."""
        changes: list[tuple[int, str]] = []
        present = False
        for index, layer in enumerate(self.layers):
            if path in layer.rows:
                changes.append((index, "modified" if present else "added"))
                present = True
            elif present and layer.hides(path):
                changes.append((index, "removed"))
                present = False
        return tuple(changes)
