"""Blobs that are documents and not layers: read whole, held to their size and digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealmark.artifact.manifest import ManifestError

if TYPE_CHECKING:
    from sealmark.artifact.manifest import Descriptor
    from sealmark.artifact.source import ImageSource


def read_document(source: ImageSource, descriptor: Descriptor, limit: int, what: str) -> bytes:
    """Return the blob, called `what` where it is refused.

    Raises UnreadableError: ManifestError over `limit` bytes, DigestMismatchError for other bytes.
    """
    if not 0 <= descriptor.size <= limit:
        raise ManifestError(
            f"{what} has {descriptor.size} bytes, over {limit}: larger than is read"
        )
    content = bytearray()
    with source.blob(descriptor) as chunks:
        for chunk in chunks:
            content += chunk
            if len(content) > descriptor.size:
                break
    descriptor.digest.check(bytes(content), what)
    return bytes(content)
