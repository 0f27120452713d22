"""Entries of transparency logs: the log's promise, its proof, and its signed checkpoint.

Rekor v1 signs both a promise with a time (SET, over canonical JSON) and checkpoints; Rekor v2
signs checkpoints only, in the name of the log (C2SP tlog-checkpoint, signed-note).
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sealmark.attest.steps import LOG, TIME, RefusedError, Step
from sealmark.evidence.canonical import CanonicalError, canonical_json
from sealmark.ledger.checkpoint import Checkpoint
from sealmark.ledger.errors import MalformedError
from sealmark.ledger.merkle import leaf_hash, verify_inclusion
from sealmark.ledger.note import Note

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealmark.attest.claim import InclusionProof, LogEntry
    from sealmark.attest.trust_root import TrustedLog

V2_ENTRIES = frozenset({("hashedrekord", "0.0.2"), ("dsse", "0.0.2")})
_LATEST = 253_402_300_799


def promised_time(entry: LogEntry, logs: Iterable[TrustedLog]) -> datetime | None:
    """Return when the log says it took the entry in, None where it promised nothing.

    Raises RefusedError (step 1). A time that the log did not sign is nobody's word.
    """
    if not entry.promise:
        return None
    field = f"{entry.field}.inclusionPromise"
    if (entry.kind, entry.version) in V2_ENTRIES:
        raise RefusedError(TIME, field, "logs of version 2 make no promises")
    if not 0 < entry.integrated_time <= _LATEST:
        raise RefusedError(TIME, f"{entry.field}.integratedTime", "a promise has a time")
    when = datetime.fromtimestamp(entry.integrated_time, UTC)
    signed = promise_bytes(entry)
    candidates = _known(entry, logs, TIME)
    covering = [log for log in candidates if log.window.covers(when)]
    if not covering:
        raise RefusedError(TIME, field, f"the log was not trusted at {when:%Y-%m-%dT%H:%M:%SZ}")
    if not any(log.key.holds(entry.promise, signed) for log in covering):
        raise RefusedError(TIME, field, "the log's signature does not hold")
    return when


def promise_bytes(entry: LogEntry) -> bytes:
    """Return what the log signs as its promise (rekor, `signed entry timestamp`)."""
    promised = {
        "body": base64.b64encode(entry.body).decode(),
        "integratedTime": entry.integrated_time,
        "logID": entry.log_id.hex(),
        "logIndex": entry.index,
    }
    try:
        return canonical_json(promised)
    except CanonicalError as error:
        raise RefusedError(TIME, entry.field, str(error)) from None


def check_entry(entry: LogEntry, logs: Iterable[TrustedLog], times: Iterable[datetime]) -> None:
    """Raise RefusedError (step 5) unless a log of the trust root holds the entry.

    With a proof, the path must lead to a root that the log signed; without one, or without the
    log's word for the root, a bundle of version 0.1 has the promise, which step 1 verified. The
    log must have been trusted at `times`.
    """
    known = _known(entry, logs, LOG)
    if entry.proof is None or not entry.proof.checkpoint:
        if not entry.promise:
            raise RefusedError(LOG, entry.field, "neither a proof nor a promise")
        if entry.proof is not None:
            _check_path(entry, entry.proof)
        return
    whens = tuple(times)
    valid = [log for log in known if all(log.window.covers(when) for when in whens)]
    if not valid:
        raise RefusedError(LOG, f"{entry.field}.logId", "the log was not trusted at that time")
    checkpoint = _checkpoint(entry, entry.proof, valid)
    field = f"{entry.field}.inclusionProof"
    if entry.proof.root != checkpoint.root:
        raise RefusedError(LOG, f"{field}.rootHash", "is not the root of the checkpoint")
    if entry.proof.size != checkpoint.size:
        raise RefusedError(LOG, f"{field}.treeSize", "is not the size of the checkpoint")
    _check_path(entry, entry.proof)


def _check_path(entry: LogEntry, proof: InclusionProof) -> None:
    field = f"{entry.field}.inclusionProof"
    if (entry.kind, entry.version) in V2_ENTRIES and proof.index != entry.index:
        raise RefusedError(LOG, f"{field}.logIndex", "is not the entry's index")
    leaf = leaf_hash(entry.body)
    if not verify_inclusion(leaf, proof.index, proof.size, proof.hashes, proof.root):
        raise RefusedError(LOG, f"{field}.hashes", "the path does not lead to the root")


def _checkpoint(entry: LogEntry, proof: InclusionProof, logs: list[TrustedLog]) -> Checkpoint:
    field = f"{entry.field}.inclusionProof.checkpoint"
    try:
        note = Note.parse(proof.checkpoint)
        checkpoint = Checkpoint.parse_text(note.text)
    except MalformedError as error:
        raise RefusedError(LOG, field, str(error)) from None
    if (entry.kind, entry.version) in V2_ENTRIES:
        hosts = {log.host for log in logs}
        if checkpoint.origin.partition("/")[0] not in hosts:
            raise RefusedError(LOG, field, f"it is of another log, {checkpoint.origin[:80]!r}")
    if not any(_signed(note, checkpoint.origin, log) for log in logs):
        raise RefusedError(LOG, field, "no valid signature by the log")
    return checkpoint


def _signed(note: Note, origin: str, log: TrustedLog) -> bool:
    """One signature by this key in the log's own name must hold (C2SP signed-note).

    Those of other keys are ignored: witnesses' and the log's further ones. Rekor v1 appends the
    number of its tree to its name, in the origin alone.
    """
    text = note.text.encode()
    own = [item for item in note.signatures if item.key_id == log.key_hint]
    named = [one for one in own if one.name in (origin, origin.partition(" - ")[0])]
    return any(log.key.holds(item.value, text) for item in named)


def _known(entry: LogEntry, logs: Iterable[TrustedLog], step: Step) -> list[TrustedLog]:
    known = [log for log in logs if log.log_id == entry.log_id]
    if not known:
        raise RefusedError(step, f"{entry.field}.logId", "no log of the trust root has this id")
    return known
