"""What a user names: a transport and what lies behind it (containers-transports(5))."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sealmark.errors import UsageError

TRANSPORTS: Final = (
    "docker",
    "oci",
    "oci-archive",
    "docker-archive",
    "containers-storage",
    "dir",
    "sbom",
)
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Reference:
    """`transport:name`; a bare name is one of a registry, its transport is `docker`."""

    transport: str
    name: str

    def __str__(self) -> str:
        return f"{self.transport}:{self.name}"


def parse_reference(text: str) -> Reference:
    """Read `oci:DIR:TAG`, `docker://registry/repository:tag`, a bare name and the like.

    Raises UsageError for an empty or endless name, and for one with control characters.
    """
    if not text or len(text) > _LONGEST or not text.isprintable():
        raise UsageError(f"not an image reference: {text[:80]!r}")
    transport, colon, name = text.partition(":")
    if not colon or transport not in TRANSPORTS or _is_bare(transport, name):
        return Reference("docker", text)
    name = name.removeprefix("//") if transport == "docker" else name
    if not name:
        raise UsageError(f"{text!r} names nothing after {transport}:")
    return Reference(transport, name)


def _is_bare(transport: str, name: str) -> bool:
    """`docker:24` is the image of that name; the transport is written `docker://`."""
    return transport == "docker" and not name.startswith("//")
