"""The lines that upgrade packages, to be put into a Dockerfile: one for each package manager.

What stands here is meant to be copied into a shell, and names come out of images that strangers
made: a name, version or directory that is not of its ecosystem's plain form is not put into a
line, and a comment says how many were left out.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealmark.cli.render.plan import lacks_manager
from sealmark.cli.render.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sealmark.cli.render.plan import Change
    from sealmark.evidence.component import Component

MOST_NAMED = 40
"""Most packages named in one line; beyond, the line upgrades all there are."""

_NAMES = {
    "deb": re.compile(r"[a-z0-9][a-z0-9+.-]{1,99}", re.ASCII),
    "apk": re.compile(r"[a-z0-9_][a-z0-9_+.-]{0,99}", re.ASCII | re.IGNORECASE),
    "pypi": re.compile(r"[a-z0-9][a-z0-9._-]{0,99}", re.ASCII | re.IGNORECASE),
    "npm": re.compile(r"(@[a-z0-9][a-z0-9._-]{0,99}/)?[a-z0-9][a-z0-9._-]{0,99}", re.ASCII),
}
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+!_-]{0,99}", re.ASCII)
_DIRECTORY = re.compile(r"(/[A-Za-z0-9._+][A-Za-z0-9._+-]*){1,40}", re.ASCII)
_COMMAND = re.compile(f"pip|{_DIRECTORY.pattern}", re.ASCII)
_SYSTEM_PREFIXES = ("", "/usr", "/usr/local")
_NODE_MODULES = "/node_modules/"

NO_MANAGER = "without a package manager beside it: a newer base brings the fix"
_UNNAMEABLE = "with a name or version that no command should carry"
_INSIDE = "inside another npm package: upgrade or override that one"
_OF_SYSTEM = "installed by the distribution: upgrade its package"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One installed package, and the version that clears it where that is known."""

    component: Component
    to: str | None

    @property
    def path(self) -> str:
        locations = self.component.locations
        return locations[0].path if locations else ""


def dockerfile_lines(changes: Sequence[Change]) -> tuple[str, ...]:
    """Return the lines that carry out all upgrades among `changes`, then what they leave out."""
    wanted = list(_wanted(changes))
    left_out: Counter[str] = Counter()
    sound = []
    for one in wanted:
        why = _why_not(one)
        if why:
            left_out[why] += 1
        elif one.component.type in _NAMES:
            sound.append(one)
    comments = (f"# not here: {counted(n, 'package')} {why}" for why, n in left_out.items())
    return (*_lines(sound), *comments)


def _wanted(changes: Iterable[Change]) -> Iterator[_Wanted]:
    seen = set()
    for change in changes:
        for part in (change, *change.instead_of):
            for item in part.items if part.kind == "upgrade" else ():
                for component in item.components:
                    if component.purl not in seen:
                        seen.add(component.purl)
                        yield _Wanted(component, part.to)


def _why_not(one: _Wanted) -> str:
    """Return why no line can upgrade a package, nothing where one can."""
    component, path = one.component, one.path
    name = _NAMES.get(component.type)
    if name is None:
        return ""
    versioned = component.type in {"pypi", "npm"}
    if not name.fullmatch(component.name) or (versioned and not _VERSION.fullmatch(one.to or "")):
        return _UNNAMEABLE
    if component.type == "npm":
        return _why_not_npm(path)
    if lacks_manager(component):
        return NO_MANAGER
    if path.startswith("/usr/lib/python3/dist-packages/"):
        return _OF_SYSTEM
    return "" if component.type != "pypi" or _COMMAND.fullmatch(_pip(path)) else _UNNAMEABLE


def _why_not_npm(path: str) -> str:
    if path.count(_NODE_MODULES) > 1:
        return _INSIDE
    return "" if _DIRECTORY.fullmatch(_project(path) or "/srv") else _UNNAMEABLE


def _lines(sound: Sequence[_Wanted]) -> Iterator[str]:
    names = {
        type_: sorted({one.component.name for one in sound if one.component.type == type_})
        for type_ in ("deb", "apk")
    }
    if names["deb"]:
        few = len(names["deb"]) <= MOST_NAMED
        rest = f"install -y --only-upgrade {' '.join(names['deb'])}" if few else "upgrade -y"
        yield f"RUN apt-get update && apt-get {rest}"
    if names["apk"]:
        few = len(names["apk"]) <= MOST_NAMED
        yield f"RUN apk upgrade --no-cache {' '.join(names['apk']) if few else ''}".rstrip()
    commands: dict[str, list[str]] = {}
    for one in sound:
        name, to = one.component.name, one.to
        if one.component.type == "pypi":
            commands.setdefault(f"RUN {_pip(one.path)} install", []).append(f"'{name}>={to}'")
        elif one.component.type == "npm":
            commands.setdefault(f"RUN {_npm(one.path)}", []).append(f"{name}@{to}")
    for command, packages in commands.items():
        yield from _chunked(command, packages)


def _pip(path: str) -> str:
    """Return the pip of the environment that a project is installed in."""
    prefix, found, _ = path.partition("/lib/python")
    return f"{prefix}/bin/pip" if found and prefix not in _SYSTEM_PREFIXES else "pip"


def _npm(path: str) -> str:
    project = _project(path)
    if project.endswith("/lib"):
        return "npm install -g"
    return f"cd {project} && npm install" if project else "npm install"


def _chunked(command: str, packages: Iterable[str]) -> Iterator[str]:
    named = list(dict.fromkeys(packages))
    for start in range(0, len(named), MOST_NAMED):
        yield f"{command} {' '.join(named[start : start + MOST_NAMED])}"


def _project(path: str) -> str:
    """Return the directory of the project that a package or a lock file lies in."""
    before, found, _ = path.partition(_NODE_MODULES)
    return before if found else path.rpartition("/")[0]
