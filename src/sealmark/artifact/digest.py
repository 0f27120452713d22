"""Content digests (OCI image specification, descriptor.md, "Digests")."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealmark.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from hashlib import _Hash

_LENGTHS = {"sha256": 64, "sha512": 128}
_CONSTRUCTORS: dict[str, Callable[..., _Hash]] = {
    "sha256": hashlib.sha256,
    "sha512": hashlib.sha512,
}
_HEX = re.compile(r"[0-9a-f]+", re.ASCII)


class DigestError(UnreadableError):
    """A text is no digest, or names an algorithm that is not accepted."""


class DigestMismatchError(UnreadableError):
    """Bytes are not what their digest promises."""

    def __init__(self, what: str, expected: Digest, got: Digest) -> None:
        super().__init__(f"{what}: expected {expected}, got {got}")
        self.what = what
        self.expected = expected
        self.got = got


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """`algorithm:hex`, as sha256 or sha512; there is no other way to make one than these two."""

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read `sha256:…` or `sha512:…`, lower-case hex of the right length.

        Raises DigestError for anything else.
        """
        algorithm, separator, hexadecimal = text.partition(":")
        length = _LENGTHS.get(algorithm)
        if not separator or length is None:
            raise DigestError(f"not a sha256 or sha512 digest: {text[:160]!r}")
        if len(hexadecimal) != length or not _HEX.fullmatch(hexadecimal):
            raise DigestError(f"not {length} lower-case hex digits: {text[:160]!r}")
        return cls(algorithm, hexadecimal)

    @classmethod
    def of(cls, content: bytes, algorithm: str = "sha256") -> Digest:
        """Return the digest of `content`."""
        return cls(algorithm, _CONSTRUCTORS[algorithm](content).hexdigest())

    def hasher(self) -> _Hash:
        """Return a fresh hash object of this digest's algorithm."""
        return _CONSTRUCTORS[self.algorithm]()

    def check(self, content: bytes, what: str) -> None:
        """Raise DigestMismatchError, naming `what`, unless `content` has this digest."""
        got = Digest.of(content, self.algorithm)
        if got != self:
            raise DigestMismatchError(what, self, got)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"
