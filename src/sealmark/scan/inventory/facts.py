"""What one file says, before the rest of the image is known; the value a layer's cache holds."""

from __future__ import annotations

import msgspec

from sealmark.evidence.component import OperatingSystem, Source


class Package(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A component without its context: no package URL, no distribution, no location.

    `name` is the ecosystem's own full name ("@angular/core"). `ecosystem` is set where the file
    alone tells it; a distribution's package gets it from the operating system later.
    """

    type: str
    name: str
    version: str
    ecosystem: str | None = None
    source: Source | None = None
    architecture: str | None = None
    licenses: tuple[str, ...] = ()
    supplier: str | None = None
    installed: bool = True


PackageIdentity = tuple[str, str, str, str | None]


def identity(package: Package) -> PackageIdentity:
    """Return what makes a package the same in two layers: type, name, version, architecture."""
    return package.type, package.name, package.version, package.architecture


class Trouble(msgspec.Struct, frozen=True):
    """Something in the file that could not be read, and the package types that may lack it."""

    what: str
    affects: tuple[str, ...]


class Companion(msgspec.Struct, frozen=True):
    """A path that must exist wherever this file does; `affects` suffers if it does not."""

    path: bytes
    affects: tuple[str, ...]


class FileFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything one file says.

    `operating_system` holds the file's own words only: ecosystem and support are added later.
    `licenses_of` maps a Debian package to the licences of its copyright file, `user_ids` the
    names of /etc/passwd to their uids; it is None for every other file.
    """

    packages: tuple[Package, ...] = ()
    operating_system: OperatingSystem | None = None
    licenses_of: dict[str, tuple[str, ...]] = {}
    user_ids: dict[str, int] | None = None
    companion: Companion | None = None
    troubles: tuple[Trouble, ...] = ()


NOTHING = FileFacts()
