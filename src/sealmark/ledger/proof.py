"""Proofs that travel alone (C2SP tlog-proof v1): an entry, its place, the path, the checkpoint.

The format's `extra` line, which it leaves to the application, carries the entry's bytes. They
need no trust: an entry whose hash does not lead to the signed root proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from sealmark.ledger.checkpoint import Checkpoint, open_checkpoint, parse_decimal
from sealmark.ledger.errors import MalformedError, UnprovenError
from sealmark.ledger.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from sealmark.ledger.note import MAX_NOTE_BYTES, VerifierKey, decode_base64, encode_base64
from sealmark.ledger.tiles import MAX_ENTRY_BYTES

HEADER = "c2sp.org/tlog-proof@v1"
MAX_HASHES = 63
MAX_PROOF_BYTES = MAX_NOTE_BYTES + 100_000


@dataclass(frozen=True, slots=True)
class Proof:
    """A parsed proof file; nothing in it is verified. `checkpoint` is kept as it was written."""

    entry: bytes
    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes

    @classmethod
    def parse(cls, data: bytes) -> Proof:
        """Read a proof file; MalformedError unless it is one that carries its entry."""
        if len(data) > MAX_PROOF_BYTES:
            raise MalformedError(f"a proof has at most {MAX_PROOF_BYTES} bytes, got {len(data)}")
        head, blank, checkpoint = data.partition(b"\n\n")
        lines = _ascii(head).split("\n", MAX_HASHES + 3)
        if not blank or lines[0] != HEADER:
            raise MalformedError(f"a proof begins with {HEADER!r}, got {lines[0][:80]!r}")
        if len(lines) < 3:
            raise MalformedError("a proof has an extra line with the entry, and an index line")
        entry = decode_base64(_field(lines[1], "extra"), "a proof's entry")
        if len(entry) > MAX_ENTRY_BYTES:
            raise MalformedError(f"an entry has at most {MAX_ENTRY_BYTES} bytes, got {len(entry)}")
        index = parse_decimal(_field(lines[2], "index"), "a proof's index")
        return cls(entry, index, _hashes(lines[3:]), checkpoint)

    def encode(self) -> bytes:
        """Return the proof file."""
        lines = [HEADER, f"extra {encode_base64(self.entry)}", f"index {self.index}"]
        lines += [encode_base64(step) for step in self.hashes]
        return "\n".join(lines).encode() + b"\n\n" + self.checkpoint


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An entry that a verified checkpoint covers: only `verify_proof` makes one."""

    index: int
    entry: bytes
    checkpoint: Checkpoint


def verify_proof(data: bytes, key: VerifierKey) -> ProvenEntry:
    """Return what the proof file proves to somebody who trusts `key`.

    Raises MalformedError if it is no proof, UnprovenError if the signature does not hold or the
    entry is not under the signed root.
    """
    proof = Proof.parse(data)
    checkpoint = open_checkpoint(proof.checkpoint, key)
    leaf = leaf_hash(proof.entry)
    if not verify_inclusion(leaf, proof.index, checkpoint.size, proof.hashes, checkpoint.root):
        raise UnprovenError(
            f"entry {proof.index} is not in the log of size {checkpoint.size} as the proof says"
        )
    return ProvenEntry(proof.index, proof.entry, checkpoint)


def _ascii(data: bytes) -> str:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        raise MalformedError(f"a proof's lines are ASCII, not so at byte {error.start}") from None


def _field(line: str, name: str) -> str:
    word, space, value = line.partition(" ")
    if word != name or not space:
        raise MalformedError(f"expected a line {name!r}, got {line[:80]!r}")
    return value


def _hashes(lines: list[str]) -> tuple[bytes, ...]:
    if len(lines) > MAX_HASHES:
        raise MalformedError(f"a proof has at most {MAX_HASHES} hashes")
    hashes = tuple(decode_base64(line, "a proof's hash") for line in lines)
    if any(len(step) != HASH_BYTES for step in hashes):
        raise MalformedError(f"a proof's hashes have {HASH_BYTES} bytes each")
    return hashes
