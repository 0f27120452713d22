"""From a reference to the place that holds the image: one line per transport."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sealmark.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from sealmark.artifact.reference import Reference
    from sealmark.artifact.source import ReferrerSource
    from sealmark.cli.options import SourceOptions

    Opener = Callable[[str, SourceOptions], AbstractContextManager[ReferrerSource]]


@contextmanager
def _oci(name: str, _: SourceOptions) -> Iterator[ReferrerSource]:
    from sealmark.adapters.oci_layout import OciLayout

    directory, at, digest = name.partition("@")
    tag = ""
    if at:
        _refuse_empty("oci", name, digest)
    elif ":" in name:
        directory, _colon, tag = name.rpartition(":")
        _refuse_empty("oci", name, directory, tag)
    yield OciLayout(Path(directory), tag, digest)


def _refuse_empty(transport: str, name: str, *parts: str) -> None:
    """What stands before or after a colon chooses among images; if empty, something was lost."""
    if not all(parts):
        raise UsageError(f"{transport}:{name} names no image: a part of it is empty")


@contextmanager
def _oci_archive(name: str, _: SourceOptions) -> Iterator[ReferrerSource]:
    from sealmark.adapters.archive import open_archive
    from sealmark.adapters.oci_archive import OciArchive

    file, at, digest = name.partition("@")
    tag = ""
    if not at:
        file, colon, tag = name.partition(":")
    if at or colon:
        _refuse_empty("oci-archive", name, file, digest or tag)
    with open_archive(Path(file)) as archive:
        yield OciArchive(archive, tag, digest)


@contextmanager
def _docker_archive(name: str, _: SourceOptions) -> Iterator[ReferrerSource]:
    from sealmark.adapters.archive import open_archive
    from sealmark.adapters.docker_archive import DockerArchive

    file, colon, reference = name.partition(":")
    if colon:
        _refuse_empty("docker-archive", name, file, reference)
    with open_archive(Path(file)) as archive:
        yield DockerArchive(archive, reference)


@contextmanager
def _docker(name: str, options: SourceOptions) -> Iterator[ReferrerSource]:
    from sealmark.adapters.registries_conf import load_registries_conf
    from sealmark.adapters.registry import Access
    from sealmark.adapters.registry_http import Patience
    from sealmark.adapters.registry_mirrors import open_endpoints
    from sealmark.artifact.repository import parse_image_name

    patience = Patience(operation=options.registry_timeout.total_seconds())
    access = Access(options.plain_http, options.registry_ca, patience)
    settings = load_registries_conf(access.environment)
    settings.check_short_name(name)
    with open_endpoints(settings.endpoints(parse_image_name(name)), access) as source:
        yield source


def _containers_storage(name: str, _: SourceOptions) -> AbstractContextManager[ReferrerSource]:
    from sealmark.adapters.containers_storage import open_containers_storage

    return open_containers_storage(name)


_OPENERS: dict[str, Opener] = {
    "containers-storage": _containers_storage,
    "docker": _docker,
    "docker-archive": _docker_archive,
    "oci": _oci,
    "oci-archive": _oci_archive,
}


def open_source(
    reference: Reference, options: SourceOptions
) -> AbstractContextManager[ReferrerSource]:
    """Open what `reference` names, for as long as the context lasts.

    Raises UsageError for what is not there, ServiceError for a service that does not answer.
    """
    opener = _OPENERS.get(reference.transport)
    if opener is None:
        readable = ", ".join(sorted(_OPENERS))
        raise UsageError(f"{reference}: {reference.transport} cannot be read yet, only {readable}")
    return opener(reference.name, options)
