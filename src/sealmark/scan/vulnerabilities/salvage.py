"""What can still be told of a record that cannot be read: its id, and the packages it names.

What such a record says about those packages is not known; that it says something about them is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from sealmark.scan.vulnerabilities.names import is_id, package_name
from sealmark.scan.vulnerabilities.osv import MAX_LIST, MAX_RECORD_BYTES
from sealmark.scan.vulnerabilities.times import is_time


@dataclass(frozen=True, slots=True)
class Remains:
    """The part of an unreadable record that could be read.

    `packages` are canonical (ecosystem, package). `whole` says that these are all it names; an
    entry without a package (a range of commits) names none.
    """

    id: str = ""
    packages: tuple[tuple[str, str], ...] = ()
    whole: bool = False
    withdrawn: bool = False


def salvage(content: bytes) -> Remains:
    """Return what can be told of the bytes of a record; nothing of what is no JSON object."""
    if len(content) > MAX_RECORD_BYTES:
        return Remains()
    try:
        data = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Remains()
    if not isinstance(data, dict):
        return Remains()
    identifier = data.get("id")
    packages, whole = _packages(data.get("affected"))
    return Remains(
        id=identifier if isinstance(identifier, str) and is_id(identifier) else "",
        packages=packages,
        whole=whole,
        withdrawn=isinstance(data.get("withdrawn"), str) and is_time(data["withdrawn"]),
    )


def _packages(affected: Any) -> tuple[tuple[tuple[str, str], ...], bool]:
    """Return the packages that can be told, and whether these are all."""
    if not isinstance(affected, list) or len(affected) > MAX_LIST:
        return (), False
    named: dict[tuple[str, str], None] = {}
    whole = True
    for entry in affected:
        if not isinstance(entry, dict):
            whole = False
        elif entry.get("package") is not None:
            name = _package(entry["package"])
            whole &= name is not None
            if name is not None:
                named[name] = None
    return tuple(named), whole


def _package(package: Any) -> tuple[str, str] | None:
    if not isinstance(package, dict):
        return None
    ecosystem, name = package.get("ecosystem"), package.get("name")
    if not isinstance(ecosystem, str) or not isinstance(name, str):
        return None
    return package_name(ecosystem, name)
