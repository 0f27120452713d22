"""The work of `verify`: one pass over the entries, one over everything that lies around."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealmark.ledger.bodies import FOLDER, MAX_BODY_BYTES, body_digest, body_name, digest_of_name
from sealmark.ledger.checkpoint import Checkpoint, open_checkpoint
from sealmark.ledger.edge import Edge
from sealmark.ledger.errors import DamagedError, MalformedError, UnprovenError
from sealmark.ledger.growth import MAX_BATCH, MAX_BATCH_BYTES
from sealmark.ledger.merkle import HASH_BYTES, leaf_hash
from sealmark.ledger.note import MAX_NOTE_BYTES
from sealmark.ledger.storage import CHECKPOINT, HEAD, staged_name
from sealmark.ledger.tiles import (
    ENTRIES,
    MAX_BUNDLE_BYTES,
    MAX_TILE_BYTES,
    TILE_WIDTH,
    Tile,
    decode_bundle,
    decode_entries,
    width_at,
)
from sealmark.ledger.tree import TileTree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sealmark.ledger.note import VerifierKey
    from sealmark.ledger.storage import Shelf

MAX_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it was signed.

    `kind` is checkpoint, kept, head, root, entry, tile, body or stray; `where` the file, with
    the index of an entry or hash; `expected` and `got` say what differs.
    """

    kind: str
    where: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, got {self.got}"


class Audit:
    """Recomputes a log and gathers problems; memory is bounded whatever the log's size."""

    def __init__(
        self,
        shelf: Shelf,
        key: VerifierKey,
        bodies_of: Callable[[bytes], Iterable[str]] | None,
    ) -> None:
        self._shelf = shelf
        self._key = key
        self._bodies_of = bodies_of
        self._edge = Edge()
        self.problems: list[Problem] = []
        self.unlisted = self.entries = self.tiles = self.bodies = self.pending = 0

    def report(self, kind: str, where: str, expected: object, got: object) -> None:
        """Note a problem; beyond MAX_PROBLEMS they are only counted."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(kind, _printable(where), str(expected), str(got)))
        else:
            self.unlisted += 1

    def recompute(self, checkpoint: Checkpoint, kept: Checkpoint | None) -> None:
        """Compare everything with `checkpoint`, and the tree's past with `kept`."""
        if kept is not None and kept.size > checkpoint.size:
            self.report("kept", CHECKPOINT, f"at least {kept.size} entries", checkpoint.size)
        if self._recompute_entries(checkpoint.size, kept):
            for tile, data in self._edge.partial_tiles():
                self._compare(tile, data)
            self._same_root("root", CHECKPOINT, checkpoint.root, self._edge.root())
        horizon = max(checkpoint.size, self._check_head(checkpoint))
        self._check_tile_names(checkpoint.size, horizon)
        self._check_bodies()

    def _recompute_entries(self, size: int, kept: Checkpoint | None) -> bool:
        """Grow the tree entry by entry; return False where it cannot be continued."""
        tree = TileTree(self._shelf.get, size)
        for number in range(-(-size // TILE_WIDTH)):
            leaves = self._leaves(tree, number)
            if leaves is None:
                return False
            for leaf in leaves:
                for tile, data in self._edge.add(leaf):
                    self._compare(tile, data)
                if kept is not None and self._edge.size == kept.size:
                    self._same_root("kept", "the kept checkpoint", kept.root, self._edge.root())
            tree.forget()
        return True

    def _leaves(self, tree: TileTree, number: int) -> list[bytes] | None:
        """Return the leaf hashes of a bundle; those of its tile where the bundle is unreadable."""
        try:
            entries = tree.bundle(number)
        except DamagedError as error:
            self.report("entry", f"bundle {number}", "readable entries", error)
            try:
                return tree.tile(0, number)
            except DamagedError as second:
                self.report("tile", f"tile {number} of level 0", "readable hashes", second)
                return None
        for entry in entries:
            self._check_references(entry)
        self.entries += len(entries)
        return [leaf_hash(entry) for entry in entries]

    def _check_references(self, entry: bytes) -> None:
        for digest in self._bodies_of(entry) if self._bodies_of else ():
            where = f"entry {self.entries}"
            try:
                name = body_name(digest)
            except MalformedError as error:
                self.report("body", where, "a sha256 digest", error)
                continue
            if not self._shelf.has(name):
                self.report("body", f"{name} of {where}", digest, "no such file")

    def _compare(self, tile: Tile, data: bytes) -> None:
        """Compare a tile as recomputed with what is stored, under its name or the full one's."""
        self.tiles += 1
        stored = self._read(tile, MAX_TILE_BYTES)
        if stored is None:
            self.report("tile", tile.path, f"{tile.width} hashes", "no such file")
        elif len(stored) != len(data):
            self.report("tile", tile.path, f"{len(data)} bytes", f"{len(stored)} bytes")
        elif stored != data:
            self._report_difference(tile, stored, data)

    def _report_difference(self, tile: Tile, stored: bytes, data: bytes) -> None:
        at = next(i for i in range(0, len(data), HASH_BYTES) if _hash(stored, i) != _hash(data, i))
        position = tile.index * TILE_WIDTH + at // HASH_BYTES
        what = f"entry {position}" if tile.level == 0 else f"hash {position}"
        kind = "entry" if tile.level == 0 else "tile"
        where = f"{tile.path} ({what})"
        self.report(kind, where, _hash(stored, at).hex(), _hash(data, at).hex())

    def _read(self, tile: Tile, limit: int) -> bytes | None:
        try:
            stored = self._shelf.get(tile.path, limit)
            if stored is None and tile.width < TILE_WIDTH:
                full = self._shelf.get(tile.full.path, limit)
                stored = full[: tile.width * HASH_BYTES] if full is not None else None
        except MalformedError:
            return b""
        return stored

    def _same_root(self, kind: str, where: str, expected: bytes, got: bytes) -> None:
        if expected != got:
            self.report(kind, f"{where} (root of {self._edge.size})", expected.hex(), got.hex())

    def _check_head(self, checkpoint: Checkpoint) -> int:
        """Check the writer's head; return its size. A published copy need not have one."""
        try:
            raw = self._shelf.get(HEAD, MAX_NOTE_BYTES)
            if raw is None:
                return 0
            head = open_checkpoint(raw, self._key)
        except (MalformedError, UnprovenError) as error:
            self.report("head", HEAD, f"signed by {self._key.name} {self._key.id.hex()}", error)
            return 0
        if head.size < checkpoint.size:
            self.report("head", HEAD, f"at least {checkpoint.size} entries", head.size)
        elif head.size == checkpoint.size:
            self._same_root("head", HEAD, checkpoint.root, head.root)
        else:
            self._check_pending(head, raw)
        return head.size

    def _check_pending(self, head: Checkpoint, raw: bytes) -> None:
        """Check entries that are committed and not yet published, unless a writer just did."""
        try:
            public = self._shelf.get(CHECKPOINT, MAX_NOTE_BYTES)
            if public is not None and open_checkpoint(public, self._key).size >= head.size:
                return
            staged = self._shelf.get(staged_name(raw), MAX_BATCH_BYTES)
            entries = decode_entries(staged or b"", most=MAX_BATCH)
        except (MalformedError, UnprovenError) as error:
            self.report("head", staged_name(raw), "staged entries", error)
            return
        for entry in entries:
            self._edge.add(leaf_hash(entry))
        self.pending = len(entries)
        self._same_root("head", HEAD, head.root, self._edge.root())

    def _check_tile_names(self, size: int, horizon: int) -> None:
        """Look at every file below `tile`: none may be there that the log does not account for."""
        for name in self._shelf.names("tile"):
            try:
                tile = Tile.parse(name)
            except MalformedError as error:
                self.report("stray", name, "the name of a tile", error)
                continue
            if tile.width > width_at(tile.level, tile.index, horizon):
                self.report("stray", name, f"no such tile in a log of {horizon}", "a file")
            elif tile.width < width_at(tile.level, tile.index, size):
                self._check_outgrown(tile, size)

    def _check_outgrown(self, tile: Tile, size: int) -> None:
        """Compare a partial tile of a past size with the start of the one it has become."""
        limit = MAX_BUNDLE_BYTES if tile.level == ENTRIES else MAX_TILE_BYTES
        now = Tile(tile.level, tile.index, width_at(tile.level, tile.index, size))
        try:
            past = self._shelf.get(tile.path, limit)
            present = self._shelf.get(now.path, limit)
            if past is None or present is None:
                return
            if tile.level == ENTRIES:
                decode_bundle(past, tile.width)
        except MalformedError as error:
            self.report("tile", tile.path, f"{tile.width} entries", error)
            return
        self.tiles += 1
        right = len(past) == tile.width * HASH_BYTES or tile.level == ENTRIES
        if not right or not present.startswith(past):
            self.report("tile", tile.path, f"the start of {now.path}", "something else")

    def _check_bodies(self) -> None:
        for name in self._shelf.names(FOLDER):
            try:
                digest = digest_of_name(name)
                body = self._shelf.get(name, MAX_BODY_BYTES)
            except MalformedError as error:
                self.report("stray", name, "a body named by its digest", error)
                continue
            self.bodies += 1
            if body is not None and body_digest(body) != digest:
                self.report("body", name, digest, body_digest(body))


def _printable(name: str) -> str:
    """File names are anybody's bytes: escape what a terminal or UTF-8 would not take."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name[:300])


def _hash(data: bytes, offset: int) -> bytes:
    return data[offset : offset + HASH_BYTES]
