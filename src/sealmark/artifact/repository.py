"""Names of images in registries, read as Docker reads them (distribution, reference.go)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from sealmark.artifact.digest import Digest, DigestError
from sealmark.errors import UsageError

DOCKER_HUB: Final = "docker.io"
_LONGEST_REPOSITORY = 255
_HOST = re.compile(
    r"(?:\[[0-9A-Fa-f:.]{2,45}\]"
    r"|[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})){0,31})"
    r"(?::[0-9]{1,5})?",
    re.ASCII,
)
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|__?|-{1,16})[a-z0-9]+)*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ImageName:
    """An image in a registry; with a digest the tag says nothing and is only kept to be shown."""

    registry: str
    repository: str
    tag: str
    digest: Digest | None

    @property
    def chosen(self) -> str:
        """Return what the registry is asked for: the digest, or else the tag."""
        return str(self.digest) if self.digest else self.tag

    @property
    def host(self) -> str:
        """Return the host without its port and without brackets."""
        if self.registry.startswith("["):
            return self.registry[1:].partition("]")[0]
        return self.registry.partition(":")[0]

    @property
    def is_loopback(self) -> bool:
        """Return whether the registry runs on this machine, by its very name."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"


def parse_image_name(text: str) -> ImageName:
    """Read `[host[:port]/]repository[:tag][@digest]`; what is left out is filled in as by Docker.

    `debian` is `docker.io/library/debian:latest`. Raises UsageError for what is no such name.
    """
    rest, at, digest = text.partition("@")
    registry, path = _registry(rest)
    repository, colon, tag = path.partition(":")
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    if colon and not _TAG.fullmatch(tag):
        raise UsageError(f"{text[:160]!r}: {tag[:160]!r} is no tag")
    _check_repository(text, repository)
    if not colon and not at:
        tag = "latest"
    return ImageName(registry, repository, tag, _digest(text, digest) if at else None)


def is_short_name(text: str) -> bool:
    """Return whether a name leaves out its registry, as `debian` and `team/shop` do."""
    first, slash, _ = text.partition("/")
    return not slash or not _names_a_host(first)


def _names_a_host(first: str) -> bool:
    """Tell whether a first component looks like a host rather than a part of a name."""
    return "." in first or ":" in first or first == "localhost" or first != first.lower()


def _registry(text: str) -> tuple[str, str]:
    """Split off the registry."""
    first, _, rest = text.partition("/")
    if is_short_name(text):
        return DOCKER_HUB, text
    if not _HOST.fullmatch(first) or len(first) > 255:
        raise UsageError(f"{text[:160]!r}: {first[:160]!r} is no registry host")
    _check_port(first)
    registry = first.lower()
    return (DOCKER_HUB if registry == "index.docker.io" else registry), rest


def _check_port(registry: str) -> None:
    _, colon, port = registry.rpartition("]")[2].partition(":")
    if colon and not 0 < int(port) < 65536:
        raise UsageError(f"{registry!r}: {port} is no port")


def _check_repository(text: str, repository: str) -> None:
    components = repository.split("/")
    if len(repository) > _LONGEST_REPOSITORY or not all(map(_COMPONENT.fullmatch, components)):
        raise UsageError(
            f"{text[:160]!r}: {repository[:160]!r} is no repository name "
            "(lower-case letters, digits and single separators)"
        )
    if _HEX.fullmatch(text):
        raise UsageError(f"{text!r} is an image identifier, not a name; name the image")


def _digest(text: str, digest: str) -> Digest:
    try:
        return Digest.parse(digest)
    except DigestError as error:
        raise UsageError(f"{text[:160]!r}: {error}") from error
