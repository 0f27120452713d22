"""Recomputing a whole ledger from its bytes: what is there is what was signed, or where not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealmark.ledger.audit import Audit, Problem
from sealmark.ledger.checkpoint import Checkpoint, open_checkpoint
from sealmark.ledger.errors import MalformedError, UnprovenError
from sealmark.ledger.note import MAX_NOTE_BYTES
from sealmark.ledger.storage import CHECKPOINT

if TYPE_CHECKING:
    from sealmark.ledger.note import VerifierKey
    from sealmark.ledger.storage import Shelf

BodiesOf = Callable[[bytes], Iterable[str]]
"""Returns the `sha256:…` digests of the bodies an entry refers to."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was recomputed, and every way in which it is not what it should be.

    `checkpoint` is None where none could be verified. `entries`, `tiles` and `bodies` count what
    was checked. `pending` entries are committed, but their writer was stopped before it could
    publish them; the next append does. `unlisted` counts problems beyond those listed.
    """

    checkpoint: Checkpoint | None
    entries: int
    tiles: int
    bodies: int
    pending: int
    problems: tuple[Problem, ...]
    unlisted: int

    @property
    def ok(self) -> bool:
        """Whether everything is as it was signed."""
        return self.checkpoint is not None and not self.problems


def verify(
    shelf: Shelf,
    key: VerifierKey,
    *,
    against: bytes | None = None,
    bodies_of: BodiesOf | None = None,
) -> Verification:
    """Recompute every entry, tile, body and root on the shelf, in bounded memory.

    `against` is a checkpoint of this log that somebody kept, as it was published: that the log
    continues it is recomputed too, so that even the key's holder cannot rewrite or shorten what
    was seen. Raises MalformedError if `against` is no checkpoint, StorageError if files cannot
    be read; everything else that is wrong is a problem in the result.
    """
    audit = Audit(shelf, key, bodies_of)
    kept = _kept(audit, key, against)
    checkpoint = _checkpoint(audit, shelf, key)
    if checkpoint is not None:
        audit.recompute(checkpoint, kept)
    return Verification(
        checkpoint,
        entries=audit.entries,
        tiles=audit.tiles,
        bodies=audit.bodies,
        pending=audit.pending,
        problems=tuple(audit.problems),
        unlisted=audit.unlisted,
    )


def _kept(audit: Audit, key: VerifierKey, against: bytes | None) -> Checkpoint | None:
    if against is None:
        return None
    try:
        return open_checkpoint(against, key)
    except UnprovenError as error:
        audit.report("kept", "the kept checkpoint", f"signed by {key.name} {key.id.hex()}", error)
    except MalformedError as error:
        raise MalformedError(f"the kept checkpoint: {error}") from None
    return None


def _checkpoint(audit: Audit, shelf: Shelf, key: VerifierKey) -> Checkpoint | None:
    try:
        raw = shelf.get(CHECKPOINT, MAX_NOTE_BYTES)
        if raw is None:
            audit.report("checkpoint", CHECKPOINT, "a signed checkpoint", "no such file")
            return None
        return open_checkpoint(raw, key)
    except (MalformedError, UnprovenError) as error:
        audit.report("checkpoint", CHECKPOINT, f"signed by {key.name} {key.id.hex()}", error)
    return None
