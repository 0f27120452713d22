"""From the facts of the visible files to the inventory: context, package URLs, one entry each."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from sealmark.artifact.file import display_path
from sealmark.evidence.component import Component, Location, Origin
from sealmark.evidence.inventory import Problem
from sealmark.evidence.purl import PurlError, build_purl
from sealmark.scan.inventory.accounts import PASSWD
from sealmark.scan.inventory.distribution import PUBLISHERS, ecosystem_of, identify, vendor_of
from sealmark.scan.inventory.facts import identity
from sealmark.scan.inventory.operating_system import PRECEDENCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sealmark.evidence.component import OperatingSystem
    from sealmark.scan.inventory.facts import FileFacts, Package, PackageIdentity

    VisibleFile = tuple[int | None, bytes, FileFacts]
    Brought = Mapping[PackageIdentity, int | None]

MAX_PROBLEMS = 1000
"""Most problems reported for one root file system; one more counts the rest."""

UNKNOWN = "a lower layer's copy of the file could not be read in full"


class Sighting(NamedTuple):
    """One file that names a package, and which layer brought the package to it."""

    location: Location
    package: Package
    origin: Origin | None


def assemble(
    visible: Iterable[VisibleFile], brought: Mapping[bytes, Brought] | None = None
) -> tuple[OperatingSystem | None, tuple[Component, ...], tuple[Problem, ...]]:
    """Return operating system, components and problems of a root file system.

    `visible` gives, for every wanted file of the final root file system, the index of the layer
    it comes from (None without layers), its path and its facts, in any order. Components are
    sorted by package URL; one that several files name is one component with several locations.
    `brought` says of files that several layers have which layer brought which package; every
    other file came, with all it names, with the layer it is in.
    """
    files = sorted(visible, key=lambda file: (file[1], -1 if file[0] is None else file[0]))
    system = _operating_system(files)
    sightings, problems = _sightings(files, system, brought or {})
    licenses = {name: found for _, _, facts in files for name, found in facts.licenses_of.items()}
    components = tuple(
        _component(purl, sightings[purl], system, licenses) for purl in sorted(sightings)
    )
    problems += _missing_companions(files)
    return system, components, _bounded(problems)


def user_ids(visible: Iterable[VisibleFile]) -> dict[str, int] | None:
    """Return the uids by user name, None where no /etc/passwd is visible."""
    return next((facts.user_ids for _, path, facts in visible if path == PASSWD), None)


def _operating_system(files: list[VisibleFile]) -> OperatingSystem | None:
    by_path = {path: facts.operating_system for _, path, facts in files}
    for path in PRECEDENCE:
        system = by_path.get(path)
        if system is not None:
            return identify(system)
    return None


def _sightings(
    files: list[VisibleFile], system: OperatingSystem | None, brought: Mapping[bytes, Brought]
) -> tuple[dict[str, list[Sighting]], list[Problem]]:
    """Return where each package URL was seen, and what was wrong on the way."""
    sightings: dict[str, list[Sighting]] = {}
    problems: list[Problem] = []
    context = _Context(system)
    for layer, path, facts in files:
        location = Location(display_path(path), layer)
        problems += [_problem(t.what, location, t.affects) for t in facts.troubles]
        for package in facts.packages:
            try:
                purl = context.purl(package)
            except PurlError as error:
                problems.append(
                    _problem(f"{package.name[:80]}: {error}", location, (package.type,))
                )
                continue
            sightings.setdefault(purl, []).append(
                Sighting(location, package, _origin(location, package, brought.get(path)))
            )
    return sightings, problems


def _origin(location: Location, package: Package, brought: Brought | None) -> Origin | None:
    if location.layer is None:
        return None
    layer = location.layer if brought is None else brought.get(identity(package))
    return Origin(path=location.path, layer=layer, unknown="" if layer is not None else UNKNOWN)


class _Context:
    """What the operating system adds to a package URL: vendor and distribution."""

    def __init__(self, system: OperatingSystem | None) -> None:
        self._vendors = {type_: vendor_of(type_, system) for type_ in PUBLISHERS}
        numbered = system is not None and system.version_id
        self._distro = f"{system.id}-{system.version_id}" if system and numbered else ""

    def purl(self, package: Package) -> str:
        """Return the package URL. Raises PurlError."""
        type_, name = package.type, package.name
        if type_ in self._vendors:
            vendor = self._vendors[type_]
            qualifiers = {
                "arch": package.architecture or "",
                "distro": self._distro if vendor else "",
            }
            return build_purl(type_, vendor, name, package.version, qualifiers)
        scope = ""
        if type_ == "npm" and name.startswith("@"):
            scope, _, name = name.partition("/")
        return build_purl(type_, scope, name, package.version)


def _component(
    purl: str,
    sightings: list[Sighting],
    system: OperatingSystem | None,
    licenses: dict[str, tuple[str, ...]],
) -> Component:
    """Return one component; what is installed speaks before what a lock file names."""
    packages = sorted((sighting.package for sighting in sightings), key=lambda p: not p.installed)
    first = packages[0]
    ecosystem = next((p.ecosystem for p in packages if p.ecosystem), None)
    stated = tuple(dict.fromkeys(text for p in packages for text in p.licenses))
    if first.type in PUBLISHERS:
        ecosystem = ecosystem_of(first.type, system)
    if first.type == "deb":
        stated = stated or licenses.get(first.name, ())
    return Component(
        type=first.type,
        name=first.name,
        version=first.version,
        purl=purl,
        ecosystem=ecosystem,
        source=first.source,
        architecture=first.architecture,
        licenses=stated,
        supplier=first.supplier,
        installed=first.installed,
        locations=tuple(dict.fromkeys(sighting.location for sighting in sightings)),
        where=_last(sightings, installed=first.installed),
    )


def _last(sightings: list[Sighting], *, installed: bool) -> Origin | None:
    """Return the origin that came last, one that is not known before all others."""
    origins = [s.origin for s in sightings if s.origin and s.package.installed == installed]
    return max(origins, key=_recency, default=None)


def _recency(origin: Origin) -> int:
    return sys.maxsize if origin.layer is None else origin.layer


def _missing_companions(files: list[VisibleFile]) -> list[Problem]:
    paths = {path for _, path, _ in files}
    return [
        _problem(
            f"{display_path(facts.companion.path)} should be there and is not",
            Location(display_path(path), layer),
            facts.companion.affects,
        )
        for layer, path, facts in files
        if facts.companion is not None and facts.companion.path not in paths
    ]


def _problem(what: str, location: Location, affects: tuple[str, ...]) -> Problem:
    return Problem(what=what, location=location, affects=affects)


def _bounded(problems: list[Problem]) -> tuple[Problem, ...]:
    if len(problems) <= MAX_PROBLEMS:
        return tuple(problems)
    rest = problems[MAX_PROBLEMS:]
    affects = tuple(sorted({type_ for problem in rest for type_ in problem.affects}))
    return (*problems[:MAX_PROBLEMS], Problem(what=f"and {len(rest)} more", affects=affects))
