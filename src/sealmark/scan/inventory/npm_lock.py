"""npm packages that a lock file names: package-lock.json versions 1 to 3, npm-shrinkwrap.json.

Format: docs.npmjs.com, "package-lock.json". What a lock file names need not be installed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from sealmark.scan.inventory.facts import FileFacts, Package
from sealmark.scan.inventory.limits import Collector, ReadError, decode_json, field
from sealmark.scan.inventory.npm import stated_licenses
from sealmark.scan.inventory.reader import MEBIBYTE, Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

_MODULES = "node_modules/"
# A dependency from one of these is not the registry's package of that name.
_ELSEWHERE = re.compile(
    r"git[+:]|github:|gitlab:|bitbucket:|gist:|file:|link:|workspace:|\.{0,2}/|~/"
    r"|https?://(codeload\.|www\.)?(github\.com|gitlab\.com|bitbucket\.org)/"
    r"|[\w.-]+/[\w.-]+(#|$)"
)
_URL = re.compile(r"[a-z][a-z0-9+.-]*:")


_ABSENT = msgspec.Raw()


class Entry(msgspec.Struct):
    """One dependency in either layout; odd types are judged where a field is used."""

    name: object = None
    version: object = None
    resolved: object = None
    license: object = None
    link: object = False


class OldEntry(msgspec.Struct):
    """One dependency of version 1, with its own below it."""

    version: object = None
    dependencies: dict[str, OldEntry] | None = None


class Lock(msgspec.Struct):
    """A lock file: `packages` since version 2, `dependencies` alone in version 1."""

    packages: msgspec.Raw = _ABSENT
    dependencies: msgspec.Raw = _ABSENT


def read(_path: bytes, content: bytes) -> FileFacts:
    """Read the packages a lock file names, each not installed as far as it can tell."""
    found = Collector("npm")
    try:
        lock = decode_json(content, Lock)
        if lock.packages is not _ABSENT:
            found.gather(decode_json(lock.packages, dict[str, Entry]).items(), _package)
        elif lock.dependencies is not _ABSENT:
            found.gather(_tree(decode_json(lock.dependencies, dict[str, OldEntry])), _old_package)
    except ReadError as error:
        found.trouble(str(error))
    return found.facts()


def _package(item: tuple[str, Entry]) -> Package | None:
    """Read an entry of `packages`, keyed by its place.

    The place '' is the project itself, a link stands for an entry elsewhere, and a place outside
    node_modules is a workspace of the project, which may have no version.
    """
    place, entry = item
    if place == "" or entry.link is True:
        return None
    _, inside, name = place.rpartition(_MODULES)
    if isinstance(entry.name, str) and entry.name:
        name = entry.name
    if not isinstance(entry.version, str):
        if inside:
            raise ReadError(f"the version of {name[:80]} is missing")
        return None
    resolved = entry.resolved if isinstance(entry.resolved, str) else ""
    local = not inside or _is_elsewhere(resolved)
    return _lock_package(name, entry.version, stated_licenses(entry.license), local=local)


def _old_package(item: tuple[str, OldEntry]) -> Package:
    """Read an entry of `dependencies` (version 1), where `version` may be a specifier."""
    name, entry = item
    if not isinstance(entry.version, str):
        raise ReadError(f"the version of {name[:80]} is missing")
    version = entry.version
    if version.startswith("npm:"):
        name, _, version = version.removeprefix("npm:").rpartition("@")
        return _lock_package(name, version, (), local=False)
    is_url = _URL.match(version) is not None
    elsewhere = is_url or _is_elsewhere(version)
    if is_url and "#" in version:
        version = version.rpartition("#")[2]
    return _lock_package(name, version, (), local=elsewhere)


def _lock_package(name: str, version: str, stated: tuple[str, ...], *, local: bool) -> Package:
    name = field(name, "a package's name")
    return Package(
        type="npm",
        name=name,
        version=field(version, f"the version of {name}"),
        ecosystem=None if local else "npm",
        licenses=stated,
        installed=False,
    )


def _is_elsewhere(specifier: str) -> bool:
    return _ELSEWHERE.match(specifier) is not None


def _tree(dependencies: dict[str, OldEntry]) -> Iterator[tuple[str, OldEntry]]:
    """Walk nested dependencies without recursion."""
    waiting = [dependencies]
    while waiting:
        for name, entry in waiting.pop().items():
            yield name, entry
            if entry.dependencies:
                waiting.append(entry.dependencies)


def claims(path: bytes) -> bool:
    """Tell whether npm itself would honour the lock file in this place.

    Inside node_modules it is npm's own record of the tree that counts, and nothing a
    dependency happens to ship.
    """
    if path.endswith(b"node_modules/.package-lock.json"):
        return True
    return b"node_modules/" not in path and path[path.rfind(b"/") + 1 :] != b".package-lock.json"


READER = Reader(
    name="npm-lock",
    version=1,
    affects=("npm",),
    read=read,
    basenames=frozenset({b"package-lock.json", b".package-lock.json", b"npm-shrinkwrap.json"}),
    claims=claims,
    size_limit=32 * MEBIBYTE,
)
