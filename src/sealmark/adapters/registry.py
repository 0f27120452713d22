"""`docker://NAME`: images in a registry (OCI distribution specification, "Pull")."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from sealmark.adapters.registry_auth import Authenticator
from sealmark.adapters.registry_credentials import find_credentials
from sealmark.adapters.registry_http import (
    BrokenOffError,
    Patience,
    PatientClient,
    open_client,
    read_url,
    tls_context,
)
from sealmark.artifact.digest import Digest, DigestError
from sealmark.artifact.manifest import INDEX_TYPES, LARGEST_MANIFEST, MANIFEST_TYPES, RawManifest
from sealmark.artifact.repository import DOCKER_HUB
from sealmark.errors import ServiceError, UnreadableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import httpx

    from sealmark.adapters.registry_credentials import Credentials
    from sealmark.artifact.manifest import Descriptor
    from sealmark.artifact.repository import ImageName

_HUB_HOST = "registry-1.docker.io"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_MOST_RESUMPTIONS = 4
_MOST_PAGES = 16
_NO_REFERRERS_API = frozenset({400, 404, 405, 501})
_ACCEPT = {"Accept": ", ".join((*MANIFEST_TYPES, *INDEX_TYPES))}
_SAYS_NOTHING = ("application/json", "application/octet-stream", "text/plain")


@dataclass(frozen=True, slots=True)
class Access:
    """How a registry may be reached."""

    plain_http: bool = False
    authority: Path | None = None
    patience: Patience = field(default_factory=Patience)


@contextmanager
def open_registry(
    name: ImageName,
    access: Access,
    credentials: Callable[[], Credentials | None] | None = None,
) -> Iterator[RegistrySource]:
    """Open the registry of `name`; without `credentials` they are looked up when asked for."""
    host = _HUB_HOST if name.registry == DOCKER_HUB else name.registry
    root = read_url(f"https://{host}/v2/{name.repository}/")
    if root is None:
        raise UsageError(f"{name}: {host} is no registry host")
    tls = tls_context(host, access.authority)
    with open_client(tls, access.patience, trust_environment=not name.is_loopback) as client:
        http = PatientClient(client, access.patience)
        plain = access.plain_http or (name.is_loopback and not http.speaks_tls(host))
        look_up = credentials or (lambda: find_credentials(name, os.environ))
        yield RegistrySource(name, root.copy_with(scheme="http") if plain else root, http, look_up)


class RegistrySource:
    """One repository of a registry. Secrets are looked up once, and only when asked for."""

    def __init__(
        self,
        name: ImageName,
        root: httpx.URL,
        http: PatientClient,
        credentials: Callable[[], Credentials | None],
    ) -> None:
        self._name = name
        self._root = root
        self._http = http
        self._look_up = credentials
        self._login = Authenticator(http, root, name.repository, lambda: self._credentials)

    def manifest(self, descriptor: Descriptor | None) -> RawManifest:
        """Return manifest bytes: those of `descriptor`, or what the name itself names."""
        chosen = str(descriptor.digest) if descriptor else self._name.chosen
        response = self._get(f"manifests/{chosen}")
        what = f"manifest {chosen} of {self._name}"
        if descriptor is not None:
            self._expect_promised(response, what)
        raw = self._manifest(response, what)
        if descriptor is None and self._name.digest is not None:
            self._name.digest.check(raw.content, "manifest")
        return raw

    @contextmanager
    def blob(self, descriptor: Descriptor) -> Iterator[Iterator[bytes]]:
        """Open a blob as chunks."""
        what = f"blob {descriptor.digest} of {self._name}"
        with ExitStack() as opened:
            response = self._get(f"blobs/{descriptor.digest}")
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
                for chunk in self._http.chunks(response, descriptor.size - received, what):
                    received += len(chunk)
                    yield chunk
            except (BrokenOffError, ServiceError):
                response.close()
                response = self._get(f"blobs/{descriptor.digest}", {"Range": f"bytes={received}-"})
                opened.callback(response.close)
                begins = response.headers.get("content-range", "").startswith(f"bytes {received}-")
                if response.status_code != 206 or not begins:
                    raise
            else:
                return
        raise ServiceError(f"{what} breaks off again and again, now after {received} bytes")

    def referrers(self, digest: Digest) -> tuple[RawManifest, ...]:
        """Return the indexes that list what refers to `digest`; none if nothing does.

        A registry without the interface keeps them under the tag `sha256-…` (distribution
        specification, "Referrers Tag Schema").
        """
        pages: list[RawManifest] = []
        path = f"referrers/{digest}"
        while path:
            response = self._get(path)
            missing = response.status_code in _NO_REFERRERS_API or not _is_index(response)
            if not pages and missing:
                response.close()
                return self._tagged_referrers(digest)
            path = self._next_page(response)
            pages.append(self._manifest(response, f"referrers of {digest}"))
            if len(pages) > _MOST_PAGES:
                raise UnreadableError(f"referrers of {digest} fill over {_MOST_PAGES} pages")
        return tuple(pages)

    def _tagged_referrers(self, digest: Digest) -> tuple[RawManifest, ...]:
        response = self._get(f"manifests/{digest.algorithm}-{digest.hex}")
        if response.status_code == 404:
            response.close()
            return ()
        return (self._manifest(response, f"referrers of {digest}"),)

    def _next_page(self, response: httpx.Response) -> str:
        following = response.links.get("next", {}).get("url", "")
        return str(self._target(response.url, following)) if following else ""

    @cached_property
    def _credentials(self) -> Credentials | None:
        return self._look_up()

    def _get(self, path: str, headers: Mapping[str, str] = _ACCEPT) -> httpx.Response:
        """Return the answer to a request below the repository, logged in if it has to be."""
        url = self._root.join(path)
        response = self._follow(url, headers)
        challenge = ", ".join(response.headers.get_list("www-authenticate"))
        own = self._login.is_own(response.url)
        if response.status_code == 401 and own and challenge:
            response.close()
            if self._login.answer(challenge):
                response = self._follow(url, headers)
        return response

    def _follow(self, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        for _ in range(_MOST_REDIRECTS + 1):
            response = self._http.send("GET", url, {**headers, **self._login.headers_for(url)})
            if response.status_code not in _REDIRECTS:
                return response
            response.close()
            url = self._target(url, response.headers.get("location", ""))
        raise ServiceError(f"{self._name.registry}: redirects more than {_MOST_REDIRECTS} times")

    def _target(self, url: httpx.URL, location: str) -> httpx.URL:
        """Return where a redirect leads; never from https to what others can read and change."""
        target = read_url(location, url) if location else None
        if target is None or (url.scheme == "https" and target.scheme != "https"):
            raise ServiceError(f"{url.host}: redirects to what is no safe address")
        return target

    def _manifest(self, response: httpx.Response, what: str) -> RawManifest:
        try:
            self._expect_success(response)
            kind = response.headers.get("content-type", "").partition(";")[0].strip()
            content = self._http.read(response, LARGEST_MANIFEST, what)
        finally:
            response.close()
        _check_promise(response.headers.get("docker-content-digest", ""), content, what)
        return RawManifest(content, "" if kind in _SAYS_NOTHING else kind)

    def _expect_promised(self, response: httpx.Response, what: str) -> None:
        """Take a 404 for what the image itself is: it promises what is not there."""
        if response.status_code == 404:
            response.close()
            raise UnreadableError(f"{what} is not in the registry")
        self._expect_success(response)

    def _expect_success(self, response: httpx.Response) -> None:
        status, registry = response.status_code, response.url.host
        if status == 200:
            return
        if status == 404:
            raise UsageError(
                f"{self._name}: there is no such image in {registry}; check its name and tag"
            )
        if status == 401:
            tried = "refuses the login" if self._credentials else "wants a login"
            raise ServiceError(
                f"{registry} {tried} for {self._name.repository}; run "
                f"`docker login {self._name.registry}` or `podman login {self._name.registry}`"
            )
        if status == 403:
            raise ServiceError(
                f"{registry} denies access to {self._name.repository}; "
                "ask its owner for the right to pull"
            )
        raise ServiceError(f"{registry} answers {status} for {self._name}")


def _is_index(response: httpx.Response) -> bool:
    kind = response.headers.get("content-type", "").partition(";")[0].strip()
    return response.status_code != 200 or kind in INDEX_TYPES


def _check_promise(promised: str, content: bytes, what: str) -> None:
    """Hold a registry to the digest it names in a header; some send none, or another kind."""
    try:
        digest = Digest.parse(promised)
    except DigestError:
        return
    digest.check(content, what)
