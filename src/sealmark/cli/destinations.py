"""Where copies go: a registry, a layout directory, an archive; and how they are read back."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealmark.artifact.repository import parse_image_name
from sealmark.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealmark.artifact.reference import Reference
    from sealmark.artifact.source import ImageTarget, ReferrerSource
    from sealmark.cli.options import SourceOptions

DEFAULT_TAG = "latest"


@dataclass(frozen=True, slots=True)
class Destination:
    """Both sides of a place, and the tag that is to be put there."""

    target: ImageTarget
    copy: ReferrerSource
    tag: str


def tag_of(reference: Reference) -> str:
    """Return the tag that a reference names; "" if it names none."""
    if reference.transport == "docker":
        name = parse_image_name(reference.name)
        return "" if name.digest else name.tag
    path, at, _ = reference.name.partition("@")
    return "" if at else _split(reference.transport, path)[1]


@contextmanager
def open_destination(
    reference: Reference, options: SourceOptions, tag: str
) -> Iterator[Destination]:
    """Open what `reference` names for writing; `tag` is given if it names none itself.

    Raises UsageError for what cannot be written to.
    """
    if "@" in reference.name:
        raise UsageError(f"{reference}: a copy is given a tag; its digest is that of the original")
    tag = tag_of(reference) or tag or DEFAULT_TAG
    if reference.transport == "docker":
        with _registry(reference.name, options) as (target, copy):
            yield Destination(target, copy, tag)
    elif reference.transport == "oci":
        yield _layout(_split("oci", reference.name)[0], tag)
    elif reference.transport == "oci-archive":
        from sealmark.adapters.oci_archive_writer import archived

        with archived(_split("oci-archive", reference.name)[0]) as directory:
            yield _layout(directory, tag)
    else:
        raise UsageError(f"{reference}: copies go to registries, oci:DIR and oci-archive:FILE only")


def _split(transport: str, name: str) -> tuple[Path, str]:
    """Split at the colon at which `transports` splits: the last one, an archive's first."""
    if ":" not in name:
        return Path(name), ""
    path, _, tag = name.rpartition(":") if transport == "oci" else name.partition(":")
    return Path(path), tag


def _layout(directory: Path, tag: str) -> Destination:
    from sealmark.adapters.oci_layout import OciLayout
    from sealmark.adapters.oci_layout_writer import OciLayoutTarget

    target = OciLayoutTarget(directory)
    return Destination(target, OciLayout(directory, tag=tag), tag)


@contextmanager
def _registry(name: str, options: SourceOptions) -> Iterator[tuple[ImageTarget, ReferrerSource]]:
    """Mirrors are not asked: the registry itself takes the copy and shows it."""
    from sealmark.adapters.registries_conf import load_registries_conf
    from sealmark.adapters.registry import Access, open_registry
    from sealmark.adapters.registry_http import Patience
    from sealmark.adapters.registry_push import open_registry_target

    patience = Patience(operation=options.registry_timeout.total_seconds())
    access = Access(options.plain_http, options.registry_ca, patience)
    settings = load_registries_conf(access.environment)
    settings.check_short_name(name)
    *_, endpoint = settings.endpoints(parse_image_name(name))
    allowed = Access(access.plain_http, access.authority, patience, endpoint.insecure)
    with (
        open_registry_target(endpoint.name, allowed) as target,
        open_registry(endpoint.name, allowed) as source,
    ):
        yield target, source
