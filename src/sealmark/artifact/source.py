"""How images reach us: one small Protocol that every transport implements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from sealmark.artifact.manifest import Descriptor, RawManifest


class ImageSource(Protocol):
    """A place that holds images. It hands out bytes and checks nothing; the core checks."""

    def manifest(self, descriptor: Descriptor | None) -> RawManifest:
        """Return manifest bytes: those of `descriptor`, or what the reference itself names."""
        ...

    def blob(self, descriptor: Descriptor) -> AbstractContextManager[Iterator[bytes]]:
        """Open a blob as a stream of chunks as stored (compressed)."""
        ...
