"""What a package URL and its neighbours say: name, version, source package, whose advisories."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from sealmark.evidence.component import OperatingSystem, Source
from sealmark.evidence.sbom.properties import read_source
from sealmark.scan.inventory.distribution import PUBLISHERS, identify
from sealmark.scan.inventory.distribution import ecosystem_of as distribution_ecosystem
from sealmark.scan.inventory.limits import MAX_FIELD, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealmark.evidence.purl import PackageUrl

# Package URL type to OSV's name of the ecosystem.
_ECOSYSTEMS = {
    "cargo": "crates.io",
    "composer": "Packagist",
    "cran": "CRAN",
    "gem": "RubyGems",
    "golang": "Go",
    "hackage": "Hackage",
    "hex": "Hex",
    "maven": "Maven",
    "npm": "npm",
    "nuget": "NuGet",
    "pub": "Pub",
    "pypi": "PyPI",
    "swift": "SwiftURL",
}
# Distributions that some tools call by another name than os-release does.
_ALIASES = {"alma": "almalinux", "rockylinux": "rocky"}
_RELEASES = {
    "stretch": ("debian", "9"),
    "buster": ("debian", "10"),
    "bullseye": ("debian", "11"),
    "bookworm": ("debian", "12"),
    "trixie": ("debian", "13"),
    "xenial": ("ubuntu", "16.04"),
    "bionic": ("ubuntu", "18.04"),
    "focal": ("ubuntu", "20.04"),
    "jammy": ("ubuntu", "22.04"),
    "noble": ("ubuntu", "24.04"),
}
_NUMBERED = re.compile(r"(?P<id>.+?)-(?P<version>[0-9][^-]*)")
_SOURCE_RPM = re.compile(r"(?P<name>.+)-(?P<version>[^-]+-[^-]+)\.(?:no)?src\.rpm")
_SEPARATORS = re.compile(r"[-_.]+")


def name_of(purl: PackageUrl, stated: str) -> str:
    """Return the package's name as its ecosystem writes it.

    The spelling of the document is kept where it differs from the package URL, which folds case
    and separators, in nothing but these.
    """
    name = purl.name
    if purl.namespace and purl.type not in PUBLISHERS:
        name = f"{purl.namespace}{':' if purl.type == 'maven' else '/'}{purl.name}"
    return stated if _folded(stated) == _folded(name) else name


def _folded(name: str) -> str:
    return _SEPARATORS.sub("-", name).casefold()


def version_of(purl: PackageUrl, stated: str) -> str:
    """Return the version, with the epoch that some tools put into a qualifier."""
    version = purl.version or stated
    epoch = dict(purl.qualifiers).get("epoch", "")
    if purl.type in {"deb", "rpm"} and epoch.isdecimal() and int(epoch) and ":" not in version:
        return f"{epoch}:{version}"
    return version


def system_of(purl: PackageUrl) -> OperatingSystem | None:
    """Return the distribution that a package URL names in its qualifiers."""
    if purl.type not in PUBLISHERS:
        return None
    given = dict(purl.qualifiers)
    distro = given.get("distro", "").lower()
    if given.get("os_name") and given.get("os_version"):
        distro = f"{given['os_name']}-{given['os_version']}".lower()
    elif distro[:1].isdigit():
        distro = f"{purl.namespace}-{distro}"
    numbered = _NUMBERED.fullmatch(distro)
    if numbered:
        id_, version = numbered["id"], numbered["version"]
    else:
        id_, version = _RELEASES.get(distro.rpartition("-")[2], ("", ""))
    if not id_:
        return None
    return identified(OperatingSystem(id=id_, version_id=version))


def identified(system: OperatingSystem) -> OperatingSystem:
    """Return a system by the id that os-release gives it, with its ecosystem and support.

    What a document states itself about these two is kept.
    """
    id_ = _field(system.id.lower())
    named = msgspec.structs.replace(
        system,
        id=_ALIASES.get(id_, id_),
        version_id=_field(system.version_id),
        version_codename=_field(system.version_codename),
        name=_field(system.name),
        id_like=tuple(map(_field, system.id_like)),
    )
    known = identify(named)
    return msgspec.structs.replace(
        named,
        ecosystem=_field(system.ecosystem or "") or known.ecosystem,
        support_ends=_field(system.support_ends or "") or known.support_ends,
    )


def _field(text: str) -> str:
    return printable(text)[:MAX_FIELD]


def ecosystem_of(purl: PackageUrl, system: OperatingSystem | None) -> str | None:
    """Return whose advisories speak about a package, in OSV's words, None where nobody's do."""
    if purl.type not in PUBLISHERS:
        return _ECOSYSTEMS.get(purl.type)
    own = system_of(purl) or system
    vendor = _ALIASES.get(purl.namespace or "", purl.namespace)
    if own is None or vendor not in {None, own.id}:
        return None
    return distribution_ecosystem(purl.type, own)


def source_of(purl: PackageUrl, version: str, given: Mapping[str, str]) -> Source | None:
    """Return the source package from where the tools in use leave it."""
    if "sealmark:source:name" in given or purl.type not in PUBLISHERS:
        return read_source(given)
    return (
        _from_qualifiers(purl, version) or _from_syft(given, version) or _from_trivy(given, version)
    )


def _from_qualifiers(purl: PackageUrl, version: str) -> Source | None:
    given = dict(purl.qualifiers)
    stated = given.get("upstream") or given.get("source") or ""
    source_rpm = _SOURCE_RPM.fullmatch(stated)
    if source_rpm:
        return Source(source_rpm["name"], source_rpm["version"])
    name, _, own_version = stated.partition("@")
    return Source(name, own_version or version) if name else None


def _from_syft(given: Mapping[str, str], version: str) -> Source | None:
    name = given.get("syft:metadata:source") or given.get("syft:metadata:originPackage")
    return Source(name, given.get("syft:metadata:sourceVersion") or version) if name else None


def _from_trivy(given: Mapping[str, str], version: str) -> Source | None:
    prefix = "aquasecurity:trivy:Src"
    name = given.get(f"{prefix}Name")
    if not name:
        return None
    upstream = given.get(f"{prefix}Version", "")
    if not upstream:
        return Source(name, version)
    epoch, release = given.get(f"{prefix}Epoch", ""), given.get(f"{prefix}Release", "")
    with_epoch = f"{epoch}:{upstream}" if epoch not in {"", "0"} else upstream
    return Source(name, f"{with_epoch}-{release}" if release else with_epoch)
