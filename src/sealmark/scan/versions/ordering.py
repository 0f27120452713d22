"""Which ordering an ecosystem uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sealmark.errors import UsageError
from sealmark.scan.versions import apk, deb, pep440, rpm, semver

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Ordering:
    """A name for people, and `key`, whose results compare as the versions do.

    `key` raises VersionError for what is no version. Keys of one ordering compare with each
    other only.
    """

    name: str
    key: Callable[[str], Any]

    def compare(self, a: str, b: str) -> str:
        """Return `<`, `=` or `>`. Raises VersionError."""
        left, right = self.key(a), self.key(b)
        return "<" if left < right else ">" if left > right else "="


_DEB = Ordering("deb", deb.key)
_APK = Ordering("apk", apk.key)
_PYPI = Ordering("pep440", pep440.key)
_SEMVER = Ordering("semver", semver.key)
_RPM = Ordering("rpm", rpm.key)

_ORDERINGS = {
    "debian": _DEB,
    "deb": _DEB,
    "dpkg": _DEB,
    "ubuntu": _DEB,
    "alpine": _APK,
    "apk": _APK,
    "pypi": _PYPI,
    "pep440": _PYPI,
    "npm": _SEMVER,
    "semver": _SEMVER,
    "go": _SEMVER,
    "golang": _SEMVER,
    "crates.io": _SEMVER,
    "cargo": _SEMVER,
    "rpm": _RPM,
    "red hat": _RPM,
    "almalinux": _RPM,
    "rocky linux": _RPM,
    "opensuse": _RPM,
    "suse": _RPM,
}


def find(ecosystem: str) -> Ordering | None:
    """Return the ordering of an OSV ecosystem ("Debian:12") or package type ("deb"), if known."""
    return _ORDERINGS.get(ecosystem.partition(":")[0].lower())


def named(ecosystem: str) -> Ordering:
    """Return the ordering of `ecosystem`; raise UsageError, naming what there is, if unknown."""
    ordering = find(ecosystem)
    if ordering is None:
        known = ", ".join(sorted(_ORDERINGS))
        raise UsageError(f"no version ordering for {ecosystem[:80]!r}; there is one for: {known}")
    return ordering
