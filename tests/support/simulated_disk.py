"""A file system that forgets: what was not synced may be lost, torn or out of order.

Files keep the bytes of their last fsync beside the present ones. Folders keep the names of their
last fsync and every change since; a power loss keeps any subset of those changes, each on its
own, which is worse than what journaling file systems do.
"""

from __future__ import annotations

import posixpath
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sealmark.ledger.disk import Disk
from sealmark.ledger.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random


class Killed(BaseException):
    """The process is gone at this instruction."""


class File:
    def __init__(self) -> None:
        self.content = b""
        self.durable = b""


class Folder:
    def __init__(self) -> None:
        self.names: dict[str, File | Folder] = {}
        self.durable: dict[str, File | Folder] = {}
        self.pending: list[tuple[str, File | Folder | None]] = []

    def change(self, name: str, node: File | Folder | None) -> None:
        if node is None:
            del self.names[name]
        else:
            self.names[name] = node
        self.pending.append((name, node))


class SimulatedDisk(Disk):
    """`fuse` is how many more operations succeed before the process is killed; None: all."""

    def __init__(self, random: Random) -> None:
        super().__init__(Path("/simulated"))
        self.random = random
        self.fuse: int | None = None
        self.top = Folder()
        self.locked: set[str] = set()

    def burn(self) -> None:
        if self.fuse is None:
            return
        if self.fuse == 0:
            raise Killed
        self.fuse -= 1

    def read(self, name: str, limit: int) -> bytes | None:
        node = self.find(name)
        if not isinstance(node, File):
            return None
        if len(node.content) > limit:
            raise MalformedError(f"{name}: more than {limit} bytes")
        return node.content

    def has(self, name: str) -> bool:
        return isinstance(self.find(name), File)

    def write_synced(self, name: str, content: bytes) -> None:
        self.burn()
        folder, last = self.parent(name)
        node = folder.names.get(last)
        if not isinstance(node, File):
            node = File()
            folder.change(last, node)
        node.content = content[: self.random.randint(0, len(content))]
        self.burn()
        node.content = content
        self.burn()
        self.sync_file(node)

    def sync_file(self, node: File) -> None:
        node.durable = node.content

    def rename(self, old: str, new: str) -> None:
        self.burn()
        source, first = self.parent(old)
        target, second = self.parent(new)
        target.change(second, source.names[first])
        source.change(first, None)

    def sync_folder(self, name: str) -> None:
        self.burn()
        folder = self.find(name)
        assert isinstance(folder, Folder), name
        folder.durable = dict(folder.names)
        folder.pending = []

    def make_folder(self, name: str) -> None:
        folder, last = self.parent(name)
        if last not in folder.names:
            self.burn()
            folder.change(last, Folder())

    def remove(self, name: str) -> None:
        if isinstance(self.find(name), File):
            self.burn()
            folder, last = self.parent(name)
            folder.change(last, None)

    def remove_folder(self, name: str) -> None:
        node = self.find(name)
        if isinstance(node, Folder) and not node.names:
            self.burn()
            folder, last = self.parent(name)
            folder.change(last, None)

    def list(self, name: str) -> list[tuple[str, bool]]:
        node = self.find(name)
        names = node.names if isinstance(node, Folder) else {}
        return [(last, isinstance(item, Folder)) for last, item in names.items()]

    @contextmanager
    def lock(self, name: str, wait: float) -> Iterator[None]:
        assert name not in self.locked, f"{name} is locked twice"
        self.locked.add(name)
        try:
            yield
        finally:
            self.locked.discard(name)

    def lose_power(self) -> None:
        """Keep what was synced, and of the rest whatever chance leaves."""
        self.fuse = None
        self._settle_folder(self.top)

    def files(self) -> dict[str, bytes]:
        """Every file with its present bytes."""
        return dict(self._walk("", self.top))

    def find(self, name: str) -> File | Folder | None:
        node: File | Folder | None = self.top
        for part in name.split("/") if name else ():
            node = node.names.get(part) if isinstance(node, Folder) else None
        return node

    def parent(self, name: str) -> tuple[Folder, str]:
        folder = self.find(posixpath.dirname(name))
        assert isinstance(folder, Folder), f"no folder for {name}"
        return folder, posixpath.basename(name)

    def _settle_folder(self, folder: Folder) -> None:
        names = dict(folder.durable)
        for name, node in folder.pending:
            if self.random.random() < 0.5:
                if node is None:
                    names.pop(name, None)
                else:
                    names[name] = node
        folder.names, folder.durable, folder.pending = names, dict(names), []
        for node in names.values():
            if isinstance(node, Folder):
                self._settle_folder(node)
            elif node.content != node.durable:
                node.content = node.durable = self._torn(node)

    def _torn(self, node: File) -> bytes:
        cut = self.random.randint(0, len(node.content))
        choices = (
            node.durable,
            node.content,
            node.content[:cut],
            node.content[:cut] + bytes(len(node.content) - cut),
            b"",
        )
        return self.random.choice(choices)

    def _walk(self, path: str, folder: Folder) -> Iterator[tuple[str, bytes]]:
        for name, node in folder.names.items():
            if isinstance(node, Folder):
                yield from self._walk(f"{path}{name}/", node)
            else:
                yield f"{path}{name}", node.content
