"""Signed notes and their verifier keys (C2SP signed-note, Ed25519, signature type 0x01)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256

from sealmark.ledger.errors import MalformedError, UnprovenError

MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100
ED25519 = 0x01

_DASH = "\u2014 "
_KEY = re.compile(r"(?P<name>[^+]+)\+(?P<id>[0-9a-f]{8})\+(?P<key>[A-Za-z0-9+/=]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who claims to have signed, with which key, and the bytes."""

    name: str
    key_id: bytes
    value: bytes

    def line(self) -> str:
        """Return the line as it stands in a note, newline included."""
        return f"{_DASH}{self.name} {encode_base64(self.key_id + self.value)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text with its signatures, none of them verified yet."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, data: bytes) -> Note:
        """Read a signed note; MalformedError unless it follows the format to the letter."""
        if len(data) > MAX_NOTE_BYTES:
            raise MalformedError(f"a note has at most {MAX_NOTE_BYTES} bytes, got {len(data)}")
        try:
            whole = data.decode()
        except UnicodeDecodeError as error:
            raise MalformedError(f"a note is UTF-8: {error.reason} at {error.start}") from None
        if any(character < " " and character != "\n" for character in whole):
            raise MalformedError("a note has no control characters but newlines")
        text, blank, lines = whole.rpartition("\n\n")
        if not blank or not text or not lines.endswith("\n"):
            raise MalformedError("a note is a text, an empty line, and signature lines")
        parsed = tuple(_signature(line) for line in lines[:-1].split("\n", MAX_SIGNATURES))
        if len(parsed) > MAX_SIGNATURES:
            raise MalformedError(f"a note has at most {MAX_SIGNATURES} signatures")
        return cls(text + "\n", parsed)

    def encode(self) -> bytes:
        """Return the note as it is stored and sent."""
        return (self.text + "\n" + "".join(item.line() for item in self.signatures)).encode()


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The name and Ed25519 public key (32 bytes) whose signatures are believed."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read `name+hash+base64`; MalformedError if it is none, or its hash is another's."""
        found = _KEY.fullmatch(text) if text.isprintable() else None
        if found is None or not valid_name(found["name"]):
            raise MalformedError(f"a verifier key is name+hash+base64, got {text[:120]!r}")
        material = decode_base64(found["key"], "a verifier key")
        if len(material) != 33 or material[0] != ED25519:
            raise MalformedError("a verifier key holds the byte 0x01 and 32 bytes of Ed25519 key")
        key = cls(found["name"], material[1:])
        if key.id.hex() != found["id"]:
            raise MalformedError(f"verifier key: expected hash {key.id.hex()}, got {found['id']}")
        return key

    @property
    def id(self) -> bytes:
        """SHA-256(name, newline, 0x01, key), the first four bytes."""
        material = self.name.encode() + b"\n" + bytes([ED25519]) + self.public
        return sha256(material).digest()[:4]

    def verify(self, note: Note) -> None:
        """Raise UnprovenError unless `note` has a signature of this key, and that one holds.

        Signatures of other keys are ignored, as the specification has it.
        """
        own = [item for item in note.signatures if (item.name, item.key_id) == (self.name, self.id)]
        if not own:
            signers = ", ".join(f"{item.name} {item.key_id.hex()}" for item in note.signatures)
            raise UnprovenError(
                f"expected a signature by {self.name} {self.id.hex()}, got {signers[:200]!a}"
            )
        if not all(self._holds(note.text, item.value) for item in own):
            raise UnprovenError(f"the signature by {self.name} does not fit the text")

    def _holds(self, text: str, signature: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{encode_base64(bytes([ED25519]) + self.public)}"


def valid_name(name: str) -> bool:
    """Say whether a key may have this name: not empty, no Unicode spaces, no plus."""
    return bool(name) and not any(c.isspace() or c == "+" for c in name)


def encode_base64(data: bytes) -> str:
    """Return standard base64 (RFC 4648, section 4)."""
    return base64.b64encode(data).decode()


def decode_base64(text: str, what: str) -> bytes:
    """Return the bytes; MalformedError, naming `what`, unless `text` is the one way to write."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError(f"{what}: not base64: {text[:80]!r}") from None
    if encode_base64(data) != text:
        raise MalformedError(f"{what}: not canonical base64: {text[:80]!r}")
    return data


def _signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not valid_name(name):
        raise MalformedError(f"not a signature line: {line[:80]!r}")
    value = decode_base64(encoded, "a signature")
    if len(value) <= 4:
        raise MalformedError(f"a signature has a key id and a value, got {len(value)} bytes")
    return Signature(name, value[:4], value[4:])
