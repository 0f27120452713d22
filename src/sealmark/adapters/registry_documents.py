"""Manifests as a registry hands them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sealmark.artifact.digest import Digest, DigestError
from sealmark.artifact.manifest import INDEX_TYPES, LARGEST_MANIFEST, MANIFEST_TYPES, RawManifest

if TYPE_CHECKING:
    import httpx

    from sealmark.adapters.registry_session import Session

ACCEPT: Final = {"Accept": ", ".join((*MANIFEST_TYPES, *INDEX_TYPES))}
_SAYS_NOTHING = ("application/json", "application/octet-stream", "text/plain")


def read_manifest(session: Session, response: httpx.Response, what: str) -> RawManifest:
    """Return the manifest that a registry answers with, at most so large, as it announces it."""
    session.expect(response, 200)
    kind = response.headers.get("content-type", "").partition(";")[0].strip()
    content = session.http.read(response, LARGEST_MANIFEST, what)
    check_promise(response.headers.get("docker-content-digest", ""), content, what)
    return RawManifest(content, "" if kind in _SAYS_NOTHING else kind)


def tagged_manifest(session: Session, tag: str) -> RawManifest | None:
    """Return the manifest that a tag of the repository names; None if there is no such tag."""
    response = session.get(f"manifests/{tag}", ACCEPT)
    if response.status_code == 404:
        response.close()
        return None
    return read_manifest(session, response, f"manifest {tag} of {session.name.repository}")


def check_promise(promised: str, content: bytes, what: str) -> None:
    """Hold a registry to the digest it names in a header; some send none, or another kind."""
    try:
        digest = Digest.parse(promised)
    except DigestError:
        return
    digest.check(content, what)
