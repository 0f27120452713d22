"""Python projects that are installed: dist-info and egg-info directories, egg-info files.

Format: core metadata (packaging.python.org, "Core metadata specifications"), of which only the
header is read; names are normalised (PEP 503).
"""

from __future__ import annotations

import re

from sealmark.evidence.purl_types import normal_pypi_name
from sealmark.scan.inventory.facts import Companion, FileFacts, Package
from sealmark.scan.inventory.limits import MAX_ENTRY, Collector, field, licenses
from sealmark.scan.inventory.reader import Reader

_FIELD = re.compile(
    rb"^(Name|Version|License-Expression|License|Classifier):[ \t]*([^\n]*)",
    re.MULTILINE | re.IGNORECASE,
)
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
_LICENSE_CLASSIFIER = b"License ::"
# A longer License field is the licence's whole text, not its name.
_LONGEST_LICENSE_NAME = 120
_AFFECTS = ("pypi",)


def read(path: bytes, content: bytes) -> FileFacts:
    """Read one project's metadata.

    WHEEL says nothing of interest, but where it is, METADATA must be too.
    """
    if path.endswith(b"/WHEEL"):
        metadata = path[: -len(b"WHEEL")] + b"METADATA"
        return FileFacts(companion=Companion(metadata, _AFFECTS))
    found = Collector(*_AFFECTS)
    found.gather([content], _package)
    return found.facts()


def _package(content: bytes) -> Package:
    header_end = _END_OF_HEADER.search(content, 0, MAX_ENTRY)
    header = content[: header_end.start() if header_end else MAX_ENTRY]
    stated: dict[bytes, list[bytes]] = {}
    for name, value in _FIELD.findall(header):
        stated.setdefault(name.lower(), []).append(value.strip())
    name = field(stated.get(b"name", [b""])[0], "the field Name")
    return Package(
        type="pypi",
        name=normal_pypi_name(name),
        version=field(stated.get(b"version", [b""])[0], f"the field Version of {name}"),
        ecosystem="PyPI",
        licenses=_licenses(stated),
    )


def _licenses(stated: dict[bytes, list[bytes]]) -> tuple[str, ...]:
    """Return the expression, else the classifiers' names, else a short License field."""
    if b"license-expression" in stated:
        return licenses(stated[b"license-expression"])
    classifiers = [c for c in stated.get(b"classifier", []) if c.startswith(_LICENSE_CLASSIFIER)]
    named = [c.rsplit(b"::", 1)[-1] for c in classifiers]
    found = licenses(n for n in named if n.strip() not in (b"", b"OSI Approved"))
    if found:
        return found
    return licenses(x for x in stated.get(b"license", []) if len(x) <= _LONGEST_LICENSE_NAME)


def claims(path: bytes) -> bool:
    """Tell whether a file of the right name lies where installers put it."""
    directory, _, name = path.rpartition(b"/")
    if name == b"PKG-INFO":
        return directory.endswith((b".egg-info", b"EGG-INFO"))
    return name.endswith(b".egg-info") or directory.endswith(b".dist-info")


READER = Reader(
    name="python",
    version=1,
    affects=_AFFECTS,
    read=read,
    basenames=frozenset({b"METADATA", b"PKG-INFO", b"WHEEL"}),
    suffixes=(b".egg-info",),
    claims=claims,
)
