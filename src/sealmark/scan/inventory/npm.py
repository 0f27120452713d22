"""npm packages that are installed: package.json at the root of a package in node_modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sealmark.scan.inventory.facts import FileFacts, Package
from sealmark.scan.inventory.limits import Collector, decode_json, field, licenses
from sealmark.scan.inventory.reader import MEBIBYTE, Reader

if TYPE_CHECKING:
    from collections.abc import Iterator


class Manifest(msgspec.Struct):
    """The fields of package.json that are read, of whatever type a hostile file gives them."""

    name: object = None
    version: object = None
    license: object = None
    licenses: object = None


def read(_path: bytes, content: bytes) -> FileFacts:
    """Read one package; a package.json without name or version is nobody's root."""
    found = Collector("npm")
    found.gather([content], _package)
    return found.facts()


def _package(content: bytes) -> Package | None:
    manifest = decode_json(content, Manifest)
    name, version = manifest.name, manifest.version
    if not isinstance(name, str) or not isinstance(version, str) or not name or not version:
        return None
    return Package(
        type="npm",
        name=field(name, "the name"),
        version=field(version, "the version"),
        ecosystem="npm",
        licenses=stated_licenses(manifest.license, manifest.licenses),
    )


def stated_licenses(*values: object) -> tuple[str, ...]:
    """Return licences from any of the forms that npm has had: text, {type}, lists of both."""
    return licenses(text for value in values for text in _license_texts(value))


def _license_texts(value: object) -> Iterator[str]:
    for item in value if isinstance(value, list) else [value]:
        text = item.get("type") if isinstance(item, dict) else item
        if isinstance(text, str):
            yield text


def claims(path: bytes) -> bool:
    """Tell whether the path is node_modules/NAME/package.json or node_modules/@SCOPE/NAME/…"""
    parts = path.rsplit(b"/", 4)[:-1]
    if len(parts) >= 2 and parts[-2] == b"node_modules":
        return True
    return len(parts) >= 3 and parts[-3] == b"node_modules" and parts[-2].startswith(b"@")


READER = Reader(
    name="npm",
    version=1,
    affects=("npm",),
    read=read,
    basenames=frozenset({b"package.json"}),
    claims=claims,
    size_limit=4 * MEBIBYTE,
)
