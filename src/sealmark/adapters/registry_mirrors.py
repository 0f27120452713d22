"""An image in a registry that has mirrors: the first place that hands it out is used."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from sealmark.adapters.registry import RegistrySource, open_registry
from sealmark.errors import SealmarkError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from sealmark.adapters.registries_conf import Endpoint
    from sealmark.adapters.registry import Access
    from sealmark.artifact.digest import Digest
    from sealmark.artifact.manifest import Descriptor, RawManifest
    from sealmark.artifact.source import ReferrerSource


@contextmanager
def open_endpoints(endpoints: Sequence[Endpoint], access: Access) -> Iterator[ReferrerSource]:
    """Open an image that is to be asked for at `endpoints`, one after the other."""

    def opener(endpoint: Endpoint) -> Callable[[], RegistrySource]:
        allowed = replace(access, insecure=access.insecure or endpoint.insecure)
        return lambda: opened.enter_context(open_registry(endpoint.name, allowed))

    with ExitStack() as opened:
        openers = [opener(one) for one in endpoints]
        yield openers[0]() if len(openers) == 1 else MirroredSource(openers)


class MirroredSource:
    """The first of several places that hands out the manifest; it is used for all else too."""

    def __init__(self, openers: Sequence[Callable[[], RegistrySource]]) -> None:
        self._openers = openers

    @cached_property
    def _picked(self) -> tuple[RegistrySource, RawManifest]:
        *mirrors, registry = self._openers
        for opener in mirrors:
            try:
                source = opener()
                return source, source.manifest(None)
            except SealmarkError:
                continue  # a mirror is a convenience: the registry's own answer counts
        source = registry()
        return source, source.manifest(None)

    def manifest(self, descriptor: Descriptor | None) -> RawManifest:
        """Return manifest bytes: those of `descriptor`, or what the reference itself names."""
        source, named = self._picked
        return named if descriptor is None else source.manifest(descriptor)

    def blob(self, descriptor: Descriptor) -> AbstractContextManager[Iterator[bytes]]:
        """Open a blob as chunks."""
        return self._picked[0].blob(descriptor)

    def referrers(self, digest: Digest) -> tuple[RawManifest, ...]:
        """Return the indexes that list what refers to `digest`."""
        return self._picked[0].referrers(digest)

    def tagged(self, tag: str) -> RawManifest | None:
        """Return what another tag of the repository names."""
        return self._picked[0].tagged(tag)
