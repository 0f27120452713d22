"""Puts blobs, manifests and referrers into a registry (OCI distribution specification, "Push")."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from sealmark.adapters.registry import open_session
from sealmark.adapters.registry_documents import check_promise, tagged_manifest
from sealmark.adapters.registry_referrers import referrer_pages
from sealmark.artifact.manifest import media_type_of
from sealmark.artifact.referrers import entry_for, fallback_tag, lists, with_entry
from sealmark.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sealmark.adapters.registry import Access
    from sealmark.adapters.registry_credentials import Credentials
    from sealmark.adapters.registry_session import Session
    from sealmark.artifact.manifest import Descriptor, RawManifest
    from sealmark.artifact.referrers import Artifact
    from sealmark.artifact.repository import ImageName

_MOST_TRIES = 5


@contextmanager
def open_registry_target(
    name: ImageName,
    access: Access,
    credentials: Callable[[], Credentials | None] | None = None,
) -> Iterator[RegistryTarget]:
    """Open the repository of `name` for writing. Raises UsageError as `open_session` does."""
    with open_session(name, access, credentials, "pull,push") as session:
        yield RegistryTarget(session)


class RegistryTarget:
    """One repository of a registry, to put things into."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Return whether the repository has a blob."""
        response = self._session.send("HEAD", f"blobs/{descriptor.digest}", {})
        if response.status_code == 404:
            response.close()
            return False
        self._done(response, 200)
        return True

    def put_blob(self, descriptor: Descriptor, chunks: Iterable[bytes]) -> None:
        """Upload a blob in one go.

        Raises UnreadableError before the end of what is not what `descriptor` says, and then
        nothing is kept.
        """
        started = self._session.send("POST", "blobs/uploads/", {"Content-Length": "0"})
        self._done(started, 202)
        url = self._session.target(started.url, started.headers.get("location", ""))
        url = httpx.URL(url).copy_merge_params({"digest": str(descriptor.digest)})
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(descriptor.size),
        }
        checked = descriptor.checked(chunks, "blob")
        body: Callable[[], Iterable[bytes]] = lambda: checked  # noqa: E731
        self._done(self._session.send("PUT", str(url), headers, body, descriptor.size), 201)

    def put_manifest(self, raw: RawManifest, tag: str = "") -> None:
        """Upload a manifest, by its digest or as `tag`."""
        name = tag or str(raw.digest)
        headers = {"Content-Type": media_type_of(raw)}
        response = self._session.send("PUT", f"manifests/{name}", headers, lambda: raw.content)
        promised = response.headers.get("docker-content-digest", "")
        self._done(response, 201)
        check_promise(promised, raw.content, f"manifest {name} of {self._session.name.repository}")

    def put_referrer(self, artifact: Artifact) -> None:
        """Upload a manifest with a subject, and see to it that it is listed.

        A registry without the interface, or whose interface does not list it, gets it into the
        index under the tag `sha256-…`. There is no way to lock that: of two writers at one moment
        one may be lost.
        """
        self.put_manifest(artifact.raw)
        subject = artifact.subject.digest
        pages = referrer_pages(self._session, subject)
        if any(lists(page, artifact.raw.digest) for page in pages or ()):
            return
        tag = fallback_tag(subject)
        for _ in range(_MOST_TRIES):
            present = tagged_manifest(self._session, tag)
            wanted = with_entry(present, entry_for(artifact))
            if wanted is present:
                return
            self.put_manifest(wanted, tag)
        raise ServiceError(f"{self._session.name.registry}: {tag} does not keep what is put there")

    def _done(self, response: httpx.Response, *wanted: int) -> None:
        self._session.expect(response, *wanted)
        response.close()
