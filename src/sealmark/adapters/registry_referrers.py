"""Lists of referrers as registries keep them: an interface, or a tag for those without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealmark.adapters.registry_documents import read_manifest
from sealmark.artifact.manifest import INDEX_TYPES
from sealmark.errors import ServiceError, UnreadableError

if TYPE_CHECKING:
    import httpx

    from sealmark.adapters.registry_session import Session
    from sealmark.artifact.digest import Digest
    from sealmark.artifact.manifest import RawManifest

_MOST_PAGES = 16
_NO_INTERFACE = frozenset({400, 404, 405, 501})


def referrer_pages(session: Session, digest: Digest) -> tuple[RawManifest, ...] | None:
    """Return the pages of the list for `digest`; None from a registry without the interface."""
    pages: list[RawManifest] = []
    path = f"referrers/{digest}"
    while path:
        response = session.get(path, {"Accept": INDEX_TYPES[0]})
        missing = response.status_code in _NO_INTERFACE or not _is_index(response)
        if not pages and missing:
            response.close()
            return None
        path = _next_page(session, response)
        pages.append(read_manifest(session, response, f"referrers of {digest}"))
        if len(pages) > _MOST_PAGES:
            raise UnreadableError(f"referrers of {digest} fill over {_MOST_PAGES} pages")
    return tuple(pages)


def _next_page(session: Session, response: httpx.Response) -> str:
    """Return where the list goes on; it has to be the same registry."""
    following = response.links.get("next", {}).get("url", "")
    if not following:
        return ""
    url = session.target(response.url, following)
    if not session.is_own(url):
        response.close()
        raise ServiceError(f"{response.url.host}: its list goes on at another host, {url.host}")
    return str(url)


def _is_index(response: httpx.Response) -> bool:
    kind = response.headers.get("content-type", "").partition(";")[0].strip()
    return response.status_code != 200 or kind in INDEX_TYPES
