"""Operating system and architecture of an image (OCI image specification, image-index.md)."""

from __future__ import annotations

from dataclasses import dataclass

from sealmark.errors import UsageError

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i386": "386", "i686": "386"}
_IMPLIED_VARIANTS = {"amd64": "v1", "arm64": "v8", "arm": "v7"}


@dataclass(frozen=True, slots=True)
class Platform:
    """`os/architecture[/variant]`, in Go's names."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read `linux/arm64/v8`. Raises UsageError for anything else."""
        parts = text.split("/")
        if len(parts) not in (2, 3) or not all(part.isascii() and part for part in parts):
            raise UsageError(f"not a platform such as linux/amd64: {text[:80]!r}")
        return cls(parts[0], _ARCHITECTURES.get(parts[1], parts[1]), *parts[2:])

    def accepts(self, other: Platform) -> bool:
        """Tell whether an image for `other` runs here; an unset variant is the usual one."""
        usual = _IMPLIED_VARIANTS.get(self.architecture, "")
        return (self.os, self.architecture, self.variant or usual) == (
            other.os,
            other.architecture,
            other.variant or usual,
        )

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


def machine_platform(machine: str) -> Platform:
    """Return the platform of containers on a machine that `uname -m` names so."""
    name = machine.lower()
    if name.startswith("armv7"):
        return Platform("linux", "arm", "v7")
    return Platform("linux", _ARCHITECTURES.get(name, name))
