"""Writes the archives that container tools write, and damaged ones they never would."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING

from tests.support.shop import build_shop

if TYPE_CHECKING:
    from pathlib import Path


def write_archive(path: Path, members: list[tuple[str, bytes | str]]) -> Path:
    """Write members in order: bytes are a file's content, text is where a symbolic link leads."""
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            if isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return path


def shop_layout(directory: Path) -> Path:
    """Build the shop's two images and return their layout."""
    build_shop(directory)
    return directory / "shop"


def layout_members(layout: Path) -> dict[str, bytes]:
    """Return the files of a layout by name, as an archive holds them."""
    return {
        str(path.relative_to(layout)): path.read_bytes()
        for path in sorted(layout.rglob("*"))
        if path.is_file()
    }


def docker_members(layout: Path, tag: str) -> dict[str, bytes]:
    """Return one image of a layout as `docker save` of old names it, layers as they are stored."""
    index = json.loads((layout / "index.json").read_text())["manifests"]
    chosen = next(one for one in index if list(one["annotations"].values()) == [tag])
    manifest = json.loads(_blob(layout, chosen["digest"]))
    config = manifest["config"]["digest"].removeprefix("sha256:")
    members = {f"{config}.json": _blob(layout, manifest["config"]["digest"])}
    names = []
    for layer in manifest["layers"]:
        names.append(f"{layer['digest'].removeprefix('sha256:')}/layer.tar")
        members[names[-1]] = _blob(layout, layer["digest"])
    saved = {"Config": f"{config}.json", "RepoTags": [f"shop:{tag}"], "Layers": names}
    members["manifest.json"] = json.dumps([saved]).encode()
    return members


def modern_docker_members(layout: Path, tag: str) -> list[tuple[str, bytes | str]]:
    """Return one image as Docker 25 and later save it: an OCI layout that manifest.json is about.

    Members and their order as `docker save` of 25.0 writes them (moby, image/tarexport/save.go).
    """
    index = json.loads((layout / "index.json").read_text())
    (chosen,) = (one for one in index["manifests"] if list(one["annotations"].values()) == [tag])
    manifest = json.loads(_blob(layout, chosen["digest"]))
    name = f"docker.io/library/shop:{tag}"
    chosen["annotations"]["io.containerd.image.name"] = name
    parts = [chosen, manifest["config"], *manifest["layers"]]
    paths = {
        one["digest"]: f"blobs/sha256/{one['digest'].removeprefix('sha256:')}" for one in parts
    }
    layers = [one["digest"] for one in manifest["layers"]]
    saved = {
        "Config": paths[manifest["config"]["digest"]],
        "RepoTags": [f"shop:{tag}"],
        "Layers": [paths[one] for one in layers],
        "LayerSources": {one["digest"]: one for one in manifest["layers"]},
    }
    named = {"shop": {tag: layers[-1].removeprefix("sha256:")}}
    return [
        *((paths[digest], _blob(layout, digest)) for digest in sorted(paths)),
        ("index.json", json.dumps({**index, "manifests": [chosen]}).encode()),
        ("manifest.json", json.dumps([saved]).encode()),
        ("oci-layout", b'{"imageLayoutVersion": "1.0.0"}'),
        ("repositories", json.dumps(named).encode()),
    ]


def _blob(layout: Path, digest: str) -> bytes:
    return (layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()
