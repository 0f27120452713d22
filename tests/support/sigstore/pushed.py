"""A store's content in a real registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from sealmark.artifact.referrers import fallback_tag

if TYPE_CHECKING:
    from tests.support.sigstore.images import Store

    from sealmark.artifact.manifest import RawManifest


def push_store(store: Store, address: str, repository: str, tag: str) -> None:
    """Upload everything; the named image gets `tag`, lists of referrers their fallback tags."""
    base = f"http://{address}/v2/{repository}"
    with httpx.Client() as client:
        for digest, content in store.blobs.items():
            started = client.post(f"{base}/blobs/uploads/")
            where = httpx.URL(base).join(started.headers["location"])
            put = where.copy_merge_params({"digest": str(digest)})
            client.put(put, content=content).raise_for_status()
        for raw in store.manifests.values():
            _put(client, f"{base}/manifests/{raw.digest}", raw)
        for name, raw in store.tags.items():
            _put(client, f"{base}/manifests/{name}", raw)
        for digest in store.listed:
            (page,) = store.referrers(digest)
            _put(client, f"{base}/manifests/{fallback_tag(digest)}", page)
        _put(client, f"{base}/manifests/{tag}", store.named)


def _put(client: httpx.Client, url: str, raw: RawManifest) -> None:
    kind = {"Content-Type": raw.media_type}
    client.put(url, content=raw.content, headers=kind).raise_for_status()
