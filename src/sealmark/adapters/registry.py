"""`docker://NAME`: images in a registry (OCI distribution specification, "Pull")."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealmark.adapters.registry_credentials import find_credentials
from sealmark.adapters.registry_documents import ACCEPT, read_manifest, tagged_manifest
from sealmark.adapters.registry_http import (
    BrokenOffError,
    Patience,
    PatientClient,
    open_client,
    read_url,
)
from sealmark.adapters.registry_proxy import Proxies
from sealmark.adapters.registry_referrers import referrer_pages
from sealmark.adapters.registry_session import Session
from sealmark.adapters.registry_tls import certificate_directories, tls_context
from sealmark.artifact.referrers import fallback_tag
from sealmark.artifact.repository import DOCKER_HUB
from sealmark.errors import ServiceError, UnreadableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import httpx

    from sealmark.adapters.registry_credentials import Credentials
    from sealmark.artifact.digest import Digest
    from sealmark.artifact.manifest import Descriptor, RawManifest
    from sealmark.artifact.repository import ImageName

_HUB_HOST = "registry-1.docker.io"
_MOST_RESUMPTIONS = 4


@dataclass(frozen=True, slots=True)
class Access:
    """How a registry may be reached; `insecure` allows plain HTTP to one that has no TLS."""

    plain_http: bool = False
    authority: Path | None = None
    patience: Patience = field(default_factory=Patience)
    insecure: bool = False
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)


@contextmanager
def open_session(
    name: ImageName,
    access: Access,
    credentials: Callable[[], Credentials | None] | None = None,
    actions: str = "pull",
) -> Iterator[Session]:
    """Reach the registry of `name`; without `credentials` they are looked up when asked for.

    Raises UsageError for what is no host, and for proxies that make no sense.
    """
    host = _HUB_HOST if name.registry == DOCKER_HUB else name.registry
    root = read_url(f"https://{host}/v2/{name.repository}/")
    if root is None:
        raise UsageError(f"{name}: {host} is no registry host")
    directories = certificate_directories(access.environment)
    proxies = Proxies(access.environment)
    proxies.proxy_for(root)
    with open_client(
        lambda one: tls_context(one, access.authority, directories), proxies, access.patience
    ) as client:
        http = PatientClient(client, access.patience)
        may_be_plain = name.is_loopback or access.insecure
        plain = access.plain_http or (may_be_plain and not http.speaks_tls(host))
        look_up = credentials or (lambda: find_credentials(name, access.environment))
        yield Session(
            name, root.copy_with(scheme="http") if plain else root, http, look_up, actions
        )


@contextmanager
def open_registry(
    name: ImageName,
    access: Access,
    credentials: Callable[[], Credentials | None] | None = None,
) -> Iterator[RegistrySource]:
    """Open the repository of `name` for reading. Raises UsageError as `open_session` does."""
    with open_session(name, access, credentials) as session:
        yield RegistrySource(session)


class RegistrySource:
    """One repository of a registry."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._name = session.name

    def manifest(self, descriptor: Descriptor | None) -> RawManifest:
        """Return manifest bytes: those of `descriptor`, or what the name itself names."""
        chosen = str(descriptor.digest) if descriptor else self._name.chosen
        response = self._session.get(f"manifests/{chosen}", ACCEPT)
        what = f"manifest {chosen} of {self._name}"
        if descriptor is not None:
            self._expect_promised(response, what)
        raw = read_manifest(self._session, response, what)
        if descriptor is None and self._name.digest is not None:
            self._name.digest.check(raw.content, "manifest")
        return raw

    @contextmanager
    def blob(self, descriptor: Descriptor) -> Iterator[Iterator[bytes]]:
        """Open a blob as chunks."""
        what = f"blob {descriptor.digest} of {self._name}"
        with ExitStack() as opened:
            response = self._session.get(f"blobs/{descriptor.digest}", {})
            opened.callback(response.close)
            self._expect_promised(response, what)
            promised = response.headers.get("content-length", str(descriptor.size))
            if promised != str(descriptor.size):
                raise UnreadableError(
                    f"{what} has {descriptor.size} bytes by its manifest, "
                    f"{promised[:20]!r} by the registry"
                )
            yield self._stream(response, descriptor, what, opened)

    def _stream(
        self, response: httpx.Response, descriptor: Descriptor, what: str, opened: ExitStack
    ) -> Iterator[bytes]:
        """Yield the blob; where the connection fails, go on from there, a few times."""
        received = 0
        for _ in range(_MOST_RESUMPTIONS + 1):
            try:
                for chunk in self._session.http.chunks(response, descriptor.size - received, what):
                    received += len(chunk)
                    yield chunk
            except (BrokenOffError, ServiceError):
                response.close()
                beyond = {"Range": f"bytes={received}-"}
                response = self._session.get(f"blobs/{descriptor.digest}", beyond)
                opened.callback(response.close)
                begins = response.headers.get("content-range", "").startswith(f"bytes {received}-")
                if response.status_code != 206 or not begins:
                    raise
            else:
                return
        raise ServiceError(f"{what} breaks off again and again, now after {received} bytes")

    def tagged(self, tag: str) -> RawManifest | None:
        """Return the manifest of another tag of the same repository; None if there is none."""
        return tagged_manifest(self._session, tag)

    def referrers(self, digest: Digest) -> tuple[RawManifest, ...]:
        """Return the indexes that list what refers to `digest`; none if nothing does.

        A registry without the interface keeps them under the tag `sha256-…` (distribution
        specification, "Referrers Tag Schema").
        """
        pages = referrer_pages(self._session, digest)
        if pages is not None:
            return pages
        listed = self.tagged(fallback_tag(digest))
        return (listed,) if listed else ()

    def _expect_promised(self, response: httpx.Response, what: str) -> None:
        """Take a 404 for what the image itself is: it promises what is not there."""
        if response.status_code == 404:
            response.close()
            raise UnreadableError(f"{what} is not in the registry")
        self._session.expect(response, 200)
