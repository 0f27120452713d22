"""The artifact a claim must be about: its digests, and its bytes where a scheme needs them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealmark.artifact.digest import Digest

MAX_CONTENT_BYTES = 16_000_000
_CHUNK = 1 << 20
ALGORITHMS = ("sha256", "sha384", "sha512")


@dataclass(frozen=True, slots=True)
class Artifact:
    """Digests by algorithm. `content` is absent where only a digest is known."""

    digests: Mapping[str, bytes]
    content: bytes | None = field(default=None, repr=False)

    @classmethod
    def of_bytes(cls, content: bytes) -> Artifact:
        """Return the artifact that consists of these bytes."""
        return cls({name: hashlib.new(name, content).digest() for name in ALGORITHMS}, content)

    @classmethod
    def of_stream(cls, stream: BinaryIO) -> Artifact:
        """Return the artifact that a stream holds; small ones with their bytes."""
        hashers = {name: hashlib.new(name) for name in ALGORITHMS}
        kept = b""
        while chunk := stream.read(_CHUNK):
            for hasher in hashers.values():
                hasher.update(chunk)
            kept = kept + chunk if len(kept) <= MAX_CONTENT_BYTES else kept
        content = kept if len(kept) <= MAX_CONTENT_BYTES else None
        return cls({name: hasher.digest() for name, hasher in hashers.items()}, content)

    @classmethod
    def of_digest(cls, digest: Digest) -> Artifact:
        """Return the artifact of which no more than a digest is known."""
        return cls({digest.algorithm: bytes.fromhex(digest.hex)})

    def __str__(self) -> str:
        name = next(iter(self.digests))
        return f"{name}:{self.digests[name].hex()}"
