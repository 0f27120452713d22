"""The Ed25519 key that signs checkpoints, and its file: PKCS #8 in PEM, readable by its owner."""

from __future__ import annotations

import base64
import os
import re
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from sealmark.ledger.errors import MalformedError, MissingError, StorageError
from sealmark.ledger.note import Note, Signature, VerifierKey

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MAX_KEY_BYTES = 4096
# RFC 8410, section 7: PrivateKeyInfo version 0, id-Ed25519, then the 32 bytes of the key.
_PKCS8 = bytes.fromhex("302e020100300506032b657004220420")
_PEM = re.compile(
    rb"-----BEGIN PRIVATE KEY-----\s([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----\s*", re.ASCII
)


class SigningKey:
    """A private key. It is never printed: `repr` shows the public half."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> SigningKey:
        """Make a new key from the operating system's randomness."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> SigningKey:
        """Read PKCS #8 in PEM; MalformedError for anything but one Ed25519 key (RFC 8410)."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        found = _PEM.fullmatch(pem)
        with suppress(ValueError):
            der = base64.b64decode(b"".join(found[1].split()), validate=True) if found else b""
            if len(der) == 48 and der.startswith(_PKCS8):
                return cls(Ed25519PrivateKey.from_private_bytes(der[len(_PKCS8) :]))
        raise MalformedError("expected an Ed25519 private key, PKCS #8 in PEM without password")

    def to_pem(self) -> bytes:
        """Return the private key in PEM. Handle with care."""
        encoded = base64.b64encode(_PKCS8 + self._private.private_bytes_raw())
        return b"-----BEGIN PRIVATE KEY-----\n" + encoded + b"\n-----END PRIVATE KEY-----\n"

    def verifier(self, name: str) -> VerifierKey:
        """Return the public half under `name`."""
        return VerifierKey(name, self.public)

    def sign(self, text: str, name: str) -> bytes:
        """Return `text` as a note signed as `name`."""
        value = self._private.sign(text.encode())
        return Note(text, (Signature(name, self.verifier(name).id, value),)).encode()

    def __repr__(self) -> str:
        return f"SigningKey(public={self.public.hex()})"


def load_key(path: Path) -> SigningKey:
    """Read the key file.

    Raises MissingError if there is none, StorageError if others may read it or the system
    refuses, MalformedError if it holds something else.
    """
    try:
        pem = _read_private(path)
    except FileNotFoundError:
        raise MissingError(
            f"no signing key at {path}: restore it from a backup, without it nothing is appended"
        ) from None
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from None
    try:
        return SigningKey.from_pem(pem)
    except MalformedError as error:
        raise MalformedError(f"{path}: {error}") from None


def create_key(path: Path) -> SigningKey:
    """Make a key and return it once its file is durable; an existing file is loaded instead.

    The caller keeps other creators away. Raises what `load_key` raises.
    """
    if path.exists():
        return load_key(path)
    key = SigningKey.generate()
    temporary = path.with_name(path.name + ".new")
    try:
        temporary.unlink(missing_ok=True)
        _write_private(temporary, key.to_pem())
        temporary.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from None
    return key


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_private(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise StorageError(f"{path}: expected a file that holds the signing key")
        if mode & 0o077:
            raise StorageError(
                f"{path}: mode {mode & 0o777:o} lets others at the key: chmod 600 it"
            )
        return os.read(descriptor, MAX_KEY_BYTES)
    finally:
        os.close(descriptor)


def _write_private(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
