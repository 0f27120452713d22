"""Checkpoints (C2SP tlog-checkpoint): what a log says it holds, signed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sealmark.ledger.errors import MalformedError, UnprovenError
from sealmark.ledger.merkle import EMPTY_ROOT, HASH_BYTES, MAX_SIZE
from sealmark.ledger.note import Note, VerifierKey, decode_base64, encode_base64

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's name, its number of entries and the root hash over them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @classmethod
    def parse_text(cls, text: str) -> Checkpoint:
        """Read a note's text; MalformedError unless it is a checkpoint's."""
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
            raise MalformedError("a checkpoint has three lines, none empty: origin, size, root")
        root = decode_base64(lines[2], "a checkpoint's root")
        if len(root) != HASH_BYTES:
            raise MalformedError(f"a checkpoint's root has {HASH_BYTES} bytes, got {len(root)}")
        size = parse_decimal(lines[1], "a checkpoint's size")
        if size == 0 and root != EMPTY_ROOT:
            raise MalformedError("a checkpoint of size 0 has the empty tree's root")
        return cls(lines[0], size, root, tuple(lines[3:-1]))

    def text(self) -> str:
        """Return the text to sign."""
        lines = (self.origin, str(self.size), encode_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def open_checkpoint(data: bytes, key: VerifierKey) -> Checkpoint:
    """Return the checkpoint in `data` once `key`'s signature on it is verified.

    The log's key bears the log's name, so a checkpoint of another origin is refused even if the
    key signed it. Raises MalformedError or UnprovenError.
    """
    note = Note.parse(data)
    checkpoint = Checkpoint.parse_text(note.text)
    if checkpoint.origin != key.name:
        raise UnprovenError(
            f"the checkpoint is of log {checkpoint.origin[:120]!r}, expected {key.name!r}"
        )
    key.verify(note)
    return checkpoint


def unsafe_read_checkpoint(data: bytes) -> Checkpoint:
    """Return what `data` claims, no signature verified. MalformedError if it is no checkpoint."""
    return Checkpoint.parse_text(Note.parse(data).text)


def parse_decimal(text: str, what: str) -> int:
    """Read digits without sign or leading zero, below 2**63; MalformedError naming `what`."""
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_SIZE:
        raise MalformedError(f"{what}: expected a decimal number below 2^63, got {text[:40]!r}")
    return int(text)
