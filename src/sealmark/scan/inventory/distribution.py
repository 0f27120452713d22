"""What a distribution's packages are called in package URLs and in OSV's ecosystem names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from sealmark.scan.inventory.support import support_ends

if TYPE_CHECKING:
    from sealmark.evidence.component import OperatingSystem

_NUMBERS = re.compile(r"[0-9]+(\.[0-9]+)*", re.ASCII)

# os-release ID: (OSV's name, what precedes the release, how many numbers make a release)
_ECOSYSTEMS = {
    "debian": ("Debian", ":", 1),
    "ubuntu": ("Ubuntu", ":", 2),
    "alpine": ("Alpine", ":v", 2),
    "rocky": ("Rocky Linux", ":", 1),
    "almalinux": ("AlmaLinux", ":", 1),
    "wolfi": ("Wolfi", "", 0),
    "chainguard": ("Chainguard", "", 0),
}

# Which distributions publish packages of a type. Others may use the format, but nobody's
# advisories speak about their packages, and theirs are not another distribution's.
PUBLISHERS = {
    "deb": frozenset({"debian", "ubuntu"}),
    "apk": frozenset({"alpine", "wolfi", "chainguard"}),
    "rpm": frozenset({"rocky", "almalinux"}),
}


def identify(system: OperatingSystem) -> OperatingSystem:
    """Add OSV's ecosystem name and the end of support, each where it is known.

    A rolling or unnumbered release of a numbered distribution (Debian testing, Alpine edge)
    belongs to no release and gets neither.
    """
    release = _release(system)
    if release is None:
        return system
    name, separator, _ = _ECOSYSTEMS[system.id]
    return msgspec.structs.replace(
        system,
        ecosystem=f"{name}{separator}{release}" if release else name,
        support_ends=support_ends(system.id, release),
    )


def _release(system: OperatingSystem) -> str | None:
    if system.id not in _ECOSYSTEMS:
        return None
    numbers = _ECOSYSTEMS[system.id][2]
    if numbers == 0:
        return ""
    parts = system.version_id.split(".")
    if not _NUMBERS.fullmatch(system.version_id) or len(parts) < numbers:
        return None
    return ".".join(parts[:numbers])


def ecosystem_of(type_: str, system: OperatingSystem | None) -> str | None:
    """Return whose advisories speak about this system's packages of a type, if anyone's."""
    if system is None or system.id not in PUBLISHERS.get(type_, ()):
        return None
    return system.ecosystem


def vendor_of(type_: str, system: OperatingSystem | None) -> str | None:
    """Return the package URL namespace, None where the system cannot be the vendor."""
    if system is None:
        return None
    foreign = any(system.id in ids for kind, ids in PUBLISHERS.items() if kind != type_)
    return None if foreign else system.id
