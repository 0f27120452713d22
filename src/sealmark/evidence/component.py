"""Software found in an artifact."""

from __future__ import annotations

import msgspec


class Location(msgspec.Struct, frozen=True):
    """Where something was found: a path, and the index of the layer that holds it.

    `layer` counts from the base upwards and indexes `Inventory.layers`; it is None for a root
    file system that has no layers.
    """

    path: str
    layer: int | None = None


class Origin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which layer brought exactly this version of a package, there in every layer since.

    `path` is the file that names the package. `layer` indexes `Inventory.layers`, where the
    instruction that made it stands; it is None where nobody can tell, and `unknown` says why.
    """

    path: str
    layer: int | None = None
    unknown: str = ""


class Source(msgspec.Struct, frozen=True):
    """The source package that a distribution built a binary package from."""

    name: str
    version: str


class Component(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A package with a name, a version and the place that proves it is there.

    `type` is the package-url type (deb, apk, pypi, npm …). `ecosystem` names, in OSV's words,
    whose advisories speak about it ("Debian:12", "Alpine:v3.20", "PyPI", "npm"); None where
    nobody's do or the distribution is unknown. `installed` is False for what a lock file merely
    names. `licenses` are as the package itself states them. `locations` are the files that name
    it, each in the layer that wrote the file last; `where` is what brought the package. Where
    several files name it, `where` speaks of the one that came last: without changing that layer
    the package stays.
    """

    type: str
    name: str
    version: str
    purl: str
    ecosystem: str | None = None
    source: Source | None = None
    architecture: str | None = None
    licenses: tuple[str, ...] = ()
    supplier: str | None = None
    installed: bool = True
    locations: tuple[Location, ...] = ()
    where: Origin | None = None


class OperatingSystem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The distribution as os-release names it (os-release(5)).

    `support_ends` is the last day (ISO 8601 date) on which security updates are published,
    long-term support included; None where nobody said. `ecosystem` is OSV's name for it.
    """

    id: str
    version_id: str = ""
    version_codename: str = ""
    name: str = ""
    id_like: tuple[str, ...] = ()
    ecosystem: str | None = None
    support_ends: str | None = None
