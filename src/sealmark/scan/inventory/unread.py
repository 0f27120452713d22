"""Package databases that nobody here reads yet: their packages are there, and are not known."""

from __future__ import annotations

from sealmark.scan.inventory.facts import FileFacts, Trouble
from sealmark.scan.inventory.reader import MEBIBYTE, Reader

_RPM = (b"Packages", b"Packages.db", b"rpmdb.sqlite")
_RPM_DIRECTORIES = (b"var/lib/rpm/", b"usr/lib/sysimage/rpm/", b"usr/share/rpm/")
_DATABASES = {
    **{where + name: "rpm" for where in _RPM_DIRECTORIES for name in _RPM},
    b"var/lib/rpmmanifest/container-manifest-2": "rpm",
    b"var/lib/pacman/local/ALPM_DB_VERSION": "alpm",
    b"usr/lib/opkg/status": "opkg",
    b"var/lib/opkg/status": "opkg",
}


def read(path: bytes, _content: bytes) -> FileFacts:
    """Say that the packages in it are not known."""
    kind = _DATABASES[path]
    return FileFacts(troubles=(Trouble(f"databases of {kind} packages are not read", (kind,)),))


READER = Reader(
    name="unread",
    version=1,
    affects=("rpm", "alpm", "opkg"),
    read=read,
    paths=frozenset(_DATABASES),
    size_limit=MEBIBYTE,
)
