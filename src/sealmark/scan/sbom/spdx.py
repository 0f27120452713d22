"""SPDX JSON, versions 2.2 and 2.3, as far as an inventory needs it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from sealmark.evidence.component import Location, Source
from sealmark.evidence.sbom.properties import (
    PropertyError,
    read_base,
    read_layers,
    read_licences,
    read_locations,
    read_problems,
    read_system,
)
from sealmark.evidence.sbom.spdx import ANNOTATION
from sealmark.scan.sbom.bill import Bill, Item

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sealmark.evidence.component import OperatingSystem

_NOTHING_SAID = frozenset({"", "NOASSERTION", "NONE"})
_SYSTEM = "OPERATING-SYSTEM"
_NOT_PACKAGES = frozenset({"CONTAINER", "FILE", "SOURCE", "DEVICE", _SYSTEM})
_SUPPLIER = re.compile(r"(?:Person|Organization): ?(.*)", re.DOTALL)
_BUILT_FROM = re.compile(r"built package from: (\S+) (\S+)")
_FOUND_AT = re.compile(r"acquired package info from [^:]*: (.+)")
_REFERENCE = re.compile(r"LicenseRef-[A-Za-z0-9.-]+")


class ExternalReference(msgspec.Struct, frozen=True):
    """A pointer out of the document; package URLs are given as one."""

    type: str = msgspec.field(default="", name="referenceType")
    locator: str = msgspec.field(default="", name="referenceLocator")


class Annotation(msgspec.Struct, frozen=True):
    """A remark."""

    comment: str = ""


class Package(msgspec.Struct, frozen=True):
    """A package."""

    id: str = msgspec.field(default="", name="SPDXID")
    name: str = ""
    version: str | None = msgspec.field(default=None, name="versionInfo")
    supplier: str | None = None
    declared: str | None = msgspec.field(default=None, name="licenseDeclared")
    concluded: str | None = msgspec.field(default=None, name="licenseConcluded")
    source_info: str | None = msgspec.field(default=None, name="sourceInfo")
    summary: str | None = None
    purpose: str | None = msgspec.field(default=None, name="primaryPackagePurpose")
    references: tuple[ExternalReference, ...] | None = msgspec.field(
        default=None, name="externalRefs"
    )
    annotations: tuple[Annotation, ...] | None = None


class Relationship(msgspec.Struct, frozen=True):
    """How two elements relate."""

    left: str = msgspec.field(default="", name="spdxElementId")
    kind: str = msgspec.field(default="", name="relationshipType")
    right: str = msgspec.field(default="", name="relatedSpdxElement")


class ExtractedLicence(msgspec.Struct, frozen=True):
    """A licence that SPDX has no name for."""

    id: str = msgspec.field(default="", name="licenseId")
    name: str | None = None


class Spdx(msgspec.Struct, frozen=True):
    """A document."""

    packages: tuple[Package, ...] | None = None
    described: tuple[str, ...] | None = msgspec.field(default=None, name="documentDescribes")
    relationships: tuple[Relationship, ...] | None = None
    extracted: tuple[ExtractedLicence, ...] | None = msgspec.field(
        default=None, name="hasExtractedLicensingInfos"
    )


def read_spdx(document: Spdx) -> Bill:
    """Return what the document lists. Raises PropertyError for damaged annotations of ours."""
    packages = document.packages or ()
    subject = _subject(document)
    about = _properties(subject) if subject else {}
    listed = [package for package in packages if package is not subject]
    if not listed and subject is not None:
        listed = [subject]
    names = {licence.id: licence.name for licence in document.extracted or () if licence.name}
    systems = [package for package in listed if package.purpose == _SYSTEM]
    return Bill(
        items=tuple(
            _item(package, purl, names)
            for package in listed
            if _is_package(package)
            for purl in _purls(package) or ("",)
        ),
        system=_system(systems[0]) if systems else None,
        layers=read_layers(about),
        base=read_base(about),
        problems=read_problems(about),
    )


def _subject(document: Spdx) -> Package | None:
    """Return what the document is about; where it is about many things, each is content."""
    described = set(document.described or ())
    described.update(
        relationship.right
        for relationship in document.relationships or ()
        if relationship.kind == "DESCRIBES" and relationship.left == "SPDXRef-DOCUMENT"
    )
    found = [package for package in document.packages or () if package.id in described]
    return found[0] if len(found) == 1 else None


def _is_package(package: Package) -> bool:
    if _purls(package):
        return True
    if package.purpose in _NOT_PACKAGES:
        return False
    # Trivy lists each lock file as an application, without a version, around what it names.
    return not (package.purpose == "APPLICATION" and not package.version)


def _purls(package: Package) -> tuple[str, ...]:
    """Return every package URL: one file may be known by several, and advisories by either."""
    found = (ref.locator for ref in package.references or () if ref.type == "purl")
    return tuple(dict.fromkeys(found))


def _item(package: Package, purl: str, names: Mapping[str, str]) -> Item:
    given = _properties(package)
    version = package.version or ""
    return Item(
        name=package.name,
        version="" if version in _NOTHING_SAID else version,
        purl=purl,
        supplier=_supplier(package),
        licences=read_licences(given) or tuple(_licences(package, names)),
        locations=read_locations(given) or tuple(_locations(package)),
        source=_source(package) if "sealmark:source:name" not in given else None,
        installed=given.get("sealmark:installed") != "false",
        properties=given,
    )


def _properties(package: Package) -> dict[str, str]:
    """Return what our annotation holds, nothing where there is none. Raises PropertyError."""
    for annotation in package.annotations or ():
        if annotation.comment.startswith(ANNOTATION):
            content = annotation.comment.removeprefix(ANNOTATION)
            try:
                return msgspec.json.decode(content, type=dict[str, str])
            except (msgspec.DecodeError, UnicodeError) as error:
                raise PropertyError(f"an annotation of ours is no JSON object: {error}") from None
    return {}


def _supplier(package: Package) -> str | None:
    match = _SUPPLIER.fullmatch(package.supplier or "")
    return match[1] if match else None


def _licences(package: Package, names: Mapping[str, str]) -> Iterator[str]:
    """Yield what is declared, else what somebody concluded."""
    for stated in (package.declared, package.concluded):
        if stated is not None and stated not in _NOTHING_SAID:
            yield _REFERENCE.sub(lambda match: names.get(match[0], match[0]), stated)
            return


def _locations(package: Package) -> Iterator[Location]:
    found = _FOUND_AT.fullmatch(package.source_info or "")
    for path in found[1].split(", ") if found else ():
        yield Location(path if path.startswith("/") else f"/{path}")


def _source(package: Package) -> Source | None:
    built = _BUILT_FROM.fullmatch(package.source_info or "")
    return Source(built[1], built[2]) if built else None


def _system(package: Package) -> OperatingSystem:
    given = _properties(package)
    version = package.version or ""
    return read_system(
        package.name, "" if version in _NOTHING_SAID else version, package.summary or "", given
    )
