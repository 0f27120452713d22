"""registries.conf, version 2 (containers-registries.conf(5)): where a name really leads here.

Mirrors, rewritten and blocked registries are followed. Short names are not resolved by it: they
are Docker's, and one that podman would take for something else is refused.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from sealmark.artifact.repository import DOCKER_HUB, ImageName, is_short_name, parse_image_name
from sealmark.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SYSTEM = Path("/etc/containers")
_LARGEST_FILE = 1 << 20
_MOST_FILES = 256
_ENDS = ("/", ":", "@")


class _Mirror(msgspec.Struct, frozen=True, rename="kebab"):
    location: str
    insecure: bool = False
    pull_from_mirror: Literal["", "all", "digest-only", "tag-only"] = "all"


class _Registry(msgspec.Struct, frozen=True, rename="kebab"):
    prefix: str = ""
    location: str = ""
    insecure: bool = False
    blocked: bool = False
    mirror_by_digest_only: bool = False
    mirror: tuple[_Mirror, ...] = ()

    @property
    def key(self) -> str:
        return (self.prefix or self.location).rstrip("/")


class _File(msgspec.Struct, frozen=True, rename="kebab"):
    unqualified_search_registries: tuple[str, ...] | None = None
    registry: tuple[_Registry, ...] = ()
    aliases: dict[str, str] = {}
    registries: Any = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A place to ask for an image; one that is insecure may speak plain HTTP."""

    name: ImageName
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class RegistriesConf:
    """What the files of a machine and a user say together."""

    registries: Mapping[str, _Registry] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    search: tuple[str, ...] = ()

    def endpoints(self, name: ImageName) -> tuple[Endpoint, ...]:
        """Return where to ask for `name`, in order: the mirrors, then the registry.

        Raises UsageError for a registry that is blocked.
        """
        found = max(
            (one for one in self.registries.values() if _matched(one.key, name)),
            key=lambda one: len(one.key),
            default=None,
        )
        if found is None:
            return (Endpoint(name),)
        if found.blocked:
            raise UsageError(f"{name}: registries.conf blocks {found.key} on this machine")
        mirrors = (
            Endpoint(_moved(name, found.key, one.location), one.insecure)
            for one in found.mirror
            if _serves(one, name, digest_only=found.mirror_by_digest_only)
        )
        return (*mirrors, Endpoint(_moved(name, found.key, found.location), found.insecure))

    def check_short_name(self, text: str) -> None:
        """Raise UsageError for a short name that podman would not take for Docker Hub's."""
        name = parse_image_name(text)
        if not is_short_name(text) or name.digest is not None:
            return
        ours = f"{name.registry}/{name.repository}"
        short = text.partition("@")[0].partition(":")[0]
        theirs = self.aliases.get(short) or next(
            (f"{one}/{short}" for one in self.search[:1] if one != DOCKER_HUB), ours
        )
        if theirs != ours:
            raise UsageError(
                f"{text} is short for {ours} to Docker, but for {theirs} by this machine's "
                "registries.conf; write out which"
            )


def load_registries_conf(environment: Mapping[str, str], system: Path = _SYSTEM) -> RegistriesConf:
    """Read the files that podman reads; what comes later counts.

    Raises UsageError for one that makes no sense, and for version 1.
    """
    registries: dict[str, _Registry] = {}
    aliases: dict[str, str] = {}
    search: tuple[str, ...] = ()
    for path in _paths(environment, system):
        file = _load(path)
        registries.update({one.key: one for one in file.registry if one.key})
        aliases.update(file.aliases)
        if file.unqualified_search_registries is not None:
            search = file.unqualified_search_registries
    return RegistriesConf(registries, aliases, search)


def _paths(environment: Mapping[str, str], system: Path) -> Iterator[Path]:
    home = environment.get("HOME", "")
    config = environment.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
    cache = environment.get("XDG_CACHE_HOME") or (f"{home}/.cache" if home else "")
    own = Path(config, "containers") if config else None
    named = environment.get("CONTAINERS_REGISTRIES_CONF")
    main = [Path(named)] if named else []
    main += [one / "registries.conf" for one in (own, system) if one]
    yield from [one for one in main if one.is_file()][:1]
    for directory in (system, own):
        if directory is not None:
            yield from sorted((directory / "registries.conf.d").glob("*.conf"))[:_MOST_FILES]
    chosen = Path(cache, "containers", "short-name-aliases.conf")
    if cache and chosen.is_file():
        yield chosen


def _load(path: Path) -> _File:
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if len(content) > _LARGEST_FILE:
        raise UsageError(f"{path} is larger than {_LARGEST_FILE} bytes")
    try:
        file = msgspec.convert(tomllib.loads(content.decode()), _File)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    if file.registries is not None:
        raise UsageError(f"{path} is version 1 of registries.conf; only version 2 is read")
    return file


def _matched(key: str, name: ImageName) -> str:
    """Return the part of a name that a prefix is about, "" if none is."""
    text = str(name)
    if key.startswith("*."):
        return name.registry if name.host.endswith(key[1:]) else ""
    return key if text == key or text.startswith(tuple(f"{key}{end}" for end in _ENDS)) else ""


def _serves(mirror: _Mirror, name: ImageName, *, digest_only: bool) -> bool:
    if name.digest is None:
        return mirror.pull_from_mirror != "digest-only" and not digest_only
    return mirror.pull_from_mirror != "tag-only"


def _moved(name: ImageName, key: str, location: str) -> ImageName:
    """Return the name with what the prefix is about replaced."""
    if not location:
        return name
    text = location.rstrip("/") + str(name).removeprefix(_matched(key, name))
    moved = parse_image_name(text)
    if is_short_name(text):
        raise UsageError(f"registries.conf: {location!r} names no registry host")
    return moved
