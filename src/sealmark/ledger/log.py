"""The ledger: appends entries so that they stay, and proves that they are there.

An append is four steps, each durable before the next begins:

1. bodies, and the new entries as one staged object named after the head they lead to;
2. the head, by compare-and-swap: from here on the entries are committed;
3. the tiles and bundles the entries complete or widen;
4. the public checkpoint.

Steps 3 and 4 follow from the head and the staged entries alone, so whoever comes next finishes
what a killed writer began, by the same code.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sealmark.ledger.bodies import MAX_BODY_BYTES, body_digest, body_name
from sealmark.ledger.checkpoint import Checkpoint, open_checkpoint
from sealmark.ledger.errors import DamagedError, MissingError, MisuseError, StorageError
from sealmark.ledger.growth import MAX_BATCH, MAX_BATCH_BYTES, Growth, grow
from sealmark.ledger.merkle import (
    MAX_SIZE,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from sealmark.ledger.note import MAX_NOTE_BYTES
from sealmark.ledger.proof import Proof
from sealmark.ledger.storage import CHECKPOINT, staged_name
from sealmark.ledger.tiles import decode_entries, encode_entries
from sealmark.ledger.tree import TileTree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from sealmark.ledger.key import SigningKey
    from sealmark.ledger.note import VerifierKey
    from sealmark.ledger.storage import Head, Objects


class Ledger:
    """A log in some storage, with the key it is verified by and perhaps the one that signs.

    Reading needs no `signer`. Nothing is cached between calls, so other writers are seen.
    """

    def __init__(
        self,
        objects: Objects,
        head: Head,
        verifier: VerifierKey,
        signer: SigningKey | None = None,
    ) -> None:
        self._objects = objects
        self._head = head
        self._signer = signer
        self.verifier_key = verifier

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        create: bool = False,
        key: Path | None = None,
        origin: str | None = None,
        wait: float = 10.0,
    ) -> Ledger:
        """Open the ledger in `directory`: see `opening.open_ledger`."""
        from sealmark.ledger.opening import open_ledger

        return open_ledger(directory, create=create, key=key, origin=origin, wait=wait)

    def checkpoint(self) -> Checkpoint:
        """Return the public checkpoint, its signature verified."""
        return open_checkpoint(self.signed_checkpoint(), self.verifier_key)

    def signed_checkpoint(self) -> bytes:
        """Return the public checkpoint as it is stored: keep it, and check against it later."""
        raw = self._objects.get(CHECKPOINT, MAX_NOTE_BYTES)
        if raw is None:
            raise DamagedError(f"{CHECKPOINT} is missing: append once to have it written again")
        return raw

    @property
    def size(self) -> int:
        """How many entries the public checkpoint covers."""
        return self.checkpoint().size

    def entry(self, index: int) -> bytes:
        """Return one entry. MisuseError past the end; see `prove` for certainty."""
        return next(self.entries(index, index + 1))

    def entries(self, start: int, end: int) -> Iterator[bytes]:
        """Yield entries `start` up to `end`, a bundle in memory at a time.

        Raises MisuseError unless 0 <= start <= end <= size, DamagedError for unreadable bundles.
        """
        size = self.size
        if not 0 <= start <= end <= size:
            raise MisuseError(f"entries {start} to {end} are not all there: the log has {size}")
        return self._read_entries(TileTree(self._objects.get, size), start, end)

    def _read_entries(self, tree: TileTree, start: int, end: int) -> Iterator[bytes]:
        while start < end:
            number, first = divmod(start, 256)
            last = min(256, end - number * 256)
            yield from tree.bundle(number)[first:last]
            start = number * 256 + last

    def body(self, digest: str) -> bytes | None:
        """Return the body with this `sha256:…` digest, or None; DamagedError if it is another."""
        name = body_name(digest)
        body = self._objects.get(name, MAX_BODY_BYTES)
        if body is not None and body_digest(body) != digest:
            raise DamagedError(f"{name}: expected {digest}, got {body_digest(body)}")
        return body

    def put_body(self, content: bytes) -> str:
        """Keep a body of at most 256 MiB and return its digest once it is durable.

        Raises what `append` raises, which can take bodies too and then syncs once for all.
        """
        self.append((), (content,))
        return body_digest(content)

    def append(self, entries: Sequence[bytes], bodies: Iterable[bytes] = ()) -> tuple[int, ...]:
        """Add entries, and the bodies they refer to; return their indices once they are durable.

        All entries become part of the log together, in this order, or none does. At most 65,536
        entries of at most 65,535 bytes, 64 MiB in all. Raises MisuseError, BusyError,
        StorageError, and DamagedError or UnprovenError if what is there does not add up: nothing
        is then appended.
        """
        staged = self._encode(entries)
        kept = {body_name(body_digest(body)): body for body in map(_bounded, bodies)}
        with self._head.hold():
            while True:
                before, head = self._settle()
                if not entries:
                    self._objects.put(kept)
                    return ()
                growth = self._grow(before, entries)
                after = self._sign(Checkpoint(before.origin, growth.size, growth.root))
                self._objects.put({**kept, staged_name(after): staged})
                if self._head.swap(head, after):
                    self._publish(after, growth)
                    return tuple(range(growth.old_size, growth.size))
                self._objects.delete([staged_name(after)])

    def prove_inclusion(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """Return the RFC 6962 audit path of entry `index` in the tree of the first `size` entries.

        Any size the log ever had will do; by default the present one.
        """
        tree = TileTree(self._objects.get, self.size)
        size = tree.size if size is None else size
        if not 0 <= index < size <= tree.size:
            raise MisuseError(
                f"entry {index} in a tree of {size} is not there: the log has {tree.size}"
            )
        return inclusion_proof(tree.read_hash, index, size)

    def prove_consistency(self, old: int, new: int | None = None) -> tuple[bytes, ...]:
        """Return the RFC 6962 proof that the first `new` entries continue the first `old`."""
        tree = TileTree(self._objects.get, self.size)
        new = tree.size if new is None else new
        if not 0 <= old <= new <= tree.size:
            raise MisuseError(f"no tree of {new} continues one of {old}: the log has {tree.size}")
        return consistency_proof(tree.read_hash, old, new)

    def prove(self, index: int) -> bytes:
        """Return a proof file for one entry under the present checkpoint.

        The proof is checked before it is handed out: DamagedError if it does not hold.
        """
        raw = self.signed_checkpoint()
        checkpoint = open_checkpoint(raw, self.verifier_key)
        if not 0 <= index < checkpoint.size:
            raise MisuseError(f"entry {index} is not there: the log has {checkpoint.size}")
        tree = TileTree(self._objects.get, checkpoint.size)
        entry = tree.bundle(index // 256)[index % 256]
        path = inclusion_proof(tree.read_hash, index, tree.size)
        leaf = leaf_hash(entry)
        if not verify_inclusion(leaf, index, tree.size, path, checkpoint.root):
            raise DamagedError(f"entry {index} is not what was appended: run ledger verify")
        return Proof(entry, index, path, raw).encode()

    def continues(self, kept: Checkpoint) -> bool:
        """Say whether the log now is the one `kept` speaks of, grown or unchanged."""
        now = self.checkpoint()
        if not kept.size <= now.size:
            return False
        path = self.prove_consistency(kept.size, now.size)
        return verify_consistency(kept.size, kept.root, now.size, now.root, path)

    def _encode(self, entries: Sequence[bytes]) -> bytes:
        if len(entries) > MAX_BATCH:
            raise MisuseError(f"at most {MAX_BATCH} entries at once, got {len(entries)}")
        staged = encode_entries(entries)
        if len(staged) > MAX_BATCH_BYTES:
            raise MisuseError(f"at most {MAX_BATCH_BYTES} bytes at once, got {len(staged)}")
        return staged

    def _settle(self) -> tuple[Checkpoint, bytes]:
        """Return the head, parsed and as stored, after finishing what a killed writer began."""
        raw = self._head.read()
        if raw is None:
            raise MissingError("the ledger has no head: restore a whole copy")
        head = open_checkpoint(raw, self.verifier_key)
        public = self._objects.get(CHECKPOINT, MAX_NOTE_BYTES)
        if public is not None:
            seen = open_checkpoint(public, self.verifier_key)
            if (seen.size, seen.root) == (head.size, head.root):
                return head, raw
            if seen.size >= head.size:
                places = f"the head is at {head.size}, the checkpoint at {seen.size}"
                raise DamagedError(f"{places}: restore a whole copy")
        self._publish(raw, self._regrow(raw, head))
        return head, raw

    def _regrow(self, raw: bytes, head: Checkpoint) -> Growth:
        staged = self._objects.get(staged_name(raw), MAX_BATCH_BYTES) or b""
        entries = decode_entries(staged, most=min(MAX_BATCH, head.size))
        growth = grow(self._objects.get, head.size - len(entries), entries)
        if growth.root != head.root:
            raise DamagedError(
                f"the tiles do not lead to the head of {head.size} entries: run ledger verify"
            )
        return growth

    def _grow(self, before: Checkpoint, entries: Sequence[bytes]) -> Growth:
        growth = grow(self._objects.get, before.size, entries)
        if growth.old_root != before.root:
            raise DamagedError(
                f"the tiles do not lead to the root of {before.size} entries: run ledger verify"
            )
        if growth.size > MAX_SIZE:
            raise MisuseError("the log is full")
        return growth

    def _publish(self, head: bytes, growth: Growth) -> None:
        self._objects.put(growth.objects)
        self._objects.put({CHECKPOINT: head})
        # The entries are durable: failing to tidy up is not failing to append.
        with suppress(StorageError):
            self._objects.delete([staged_name(head), *growth.obsolete])

    def _sign(self, checkpoint: Checkpoint) -> bytes:
        if self._signer is None:
            raise MisuseError("this ledger was opened for reading: there is no key to sign with")
        return self._signer.sign(checkpoint.text(), self.verifier_key.name)


def _bounded(body: bytes) -> bytes:
    if len(body) > MAX_BODY_BYTES:
        raise MisuseError(f"a body has at most {MAX_BODY_BYTES} bytes, got {len(body)}")
    return body
