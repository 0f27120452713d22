"""One spelling for ecosystems, packages and vulnerabilities, used when storing and looking up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_DISTRIBUTION_CVE = re.compile(r"(?:[A-Z]+-)*(CVE-[0-9]{4}-[0-9]{4,})", re.ASCII)
_MAX_NAME = 500
_ID = re.compile(r"[!-~]{1,200}", re.ASCII)
_PYPI_RUNS = re.compile(r"[-_.]+")
_PREFERENCE = ("CVE-", "GHSA-", "MAL-", "PYSEC-", "RUSTSEC-", "GO-", "XSA-")


def canonical_ecosystem(ecosystem: str) -> str:
    """Drop what does not change whose advisories apply ("Ubuntu:22.04:LTS" is "Ubuntu:22.04")."""
    return ecosystem.removesuffix(":LTS")


def canonical_package(ecosystem: str, package: str) -> str:
    """Normalise a package name as its ecosystem does (PyPI: PEP 503)."""
    if ecosystem == "PyPI":
        return _PYPI_RUNS.sub("-", package).lower()
    return package


def package_name(ecosystem: str, name: str) -> tuple[str, str] | None:
    """Return the canonical ecosystem and package; None where one is of no sane length."""
    if not 0 < len(name) <= _MAX_NAME or not 0 < len(ecosystem) <= _MAX_NAME:
        return None
    ecosystem = canonical_ecosystem(ecosystem)
    return ecosystem, canonical_package(ecosystem, name)


def is_id(text: str) -> bool:
    """Say whether a text can be an advisory's id."""
    return _ID.fullmatch(text) is not None


def canonical_id(identifier: str) -> str:
    """Return the CVE id inside a distribution's id (DEBIAN-CVE-2024-1234), else the id itself."""
    match = _DISTRIBUTION_CVE.fullmatch(identifier)
    return match[1] if match else identifier


def preferred(identifiers: Iterable[str]) -> str:
    """Return the id people know best: CVE before GHSA before the publishers' own."""
    return min(identifiers, key=lambda i: (_rank(i), i))


def is_cve(identifier: str) -> bool:
    """Say whether `identifier` is a CVE id."""
    match = _DISTRIBUTION_CVE.fullmatch(identifier)
    return match is not None and match[1] == identifier


def _rank(identifier: str) -> int:
    for rank, prefix in enumerate(_PREFERENCE):
        if identifier.startswith(prefix):
            return rank
    return len(_PREFERENCE)
