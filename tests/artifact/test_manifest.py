"""Manifests, indexes and configurations: read once, and nothing that can be read in two ways."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmark.artifact.image import as_written
from sealmark.artifact.manifest import (
    LARGEST_CONFIG,
    LARGEST_MANIFEST,
    Index,
    Manifest,
    ManifestError,
    RawManifest,
    parse_config,
    parse_manifest,
)
from sealmark.errors import UnreadableError

OCI = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
BLOB = {"mediaType": "application/x", "digest": "sha256:" + "0" * 64, "size": 7}
IMAGE: dict[str, Any] = {"schemaVersion": 2, "config": BLOB, "layers": [BLOB]}
LIST: dict[str, Any] = {"schemaVersion": 2, "manifests": [BLOB]}

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([BLOB, OCI, OCI_INDEX, "sha256:" + "0" * 64, 2, -1, 1 << 70])
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
_FIELDS = st.sampled_from(
    ["schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "digest"]
)


def parse(document: object, announced: str = "") -> Manifest | Index:
    return parse_manifest(RawManifest(json.dumps(document).encode(), announced))


@given(st.binary(max_size=300), st.text(max_size=20))
def test_any_bytes_are_a_manifest_or_an_own_error(content: bytes, announced: str) -> None:
    try:
        parse_manifest(RawManifest(content, announced))
    except UnreadableError:
        return


@given(st.sampled_from([IMAGE, LIST]), st.dictionaries(_FIELDS, _JSON, max_size=3))
def test_any_changed_manifest_is_a_manifest_or_an_own_error(
    sound: dict[str, Any], changes: dict[str, Any]
) -> None:
    try:
        found = parse({**sound, **changes})
    except UnreadableError:
        return
    blobs = found.manifests if isinstance(found, Index) else (found.config, *found.layers)
    assert all(0 <= blob.size < 1 << 51 for blob in blobs)


@given(st.dictionaries(st.sampled_from(["mediaType", "digest", "size", "platform"]), _JSON))
def test_any_changed_descriptor_is_a_descriptor_or_an_own_error(changes: dict[str, Any]) -> None:
    try:
        parse({**IMAGE, "layers": [{**BLOB, **changes}]})
    except UnreadableError:
        return


@given(st.binary(max_size=300) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_configuration_or_an_own_error(content: bytes) -> None:
    try:
        parse_config(content)
    except UnreadableError:
        return


@given(
    st.dictionaries(
        st.sampled_from(["os", "architecture", "config", "history", "created", "rootfs"]), _JSON
    ),
    st.dictionaries(
        st.sampled_from(["User", "Env", "Cmd", "Labels", "Healthcheck", "Volumes"]), _JSON
    ),
)
def test_any_changed_configuration_is_one_or_an_own_error(
    changes: dict[str, Any], execution: dict[str, Any]
) -> None:
    document = {"rootfs": {"diff_ids": []}, "config": execution, **changes}
    try:
        parse_config(json.dumps(document).encode())
    except UnreadableError:
        return


@pytest.mark.parametrize("announced", [OCI, DOCKER, ""])
def test_images_of_both_families_are_read(announced: str) -> None:
    assert isinstance(parse({**IMAGE, "mediaType": announced or OCI}, announced), Manifest)


@pytest.mark.parametrize("announced", [OCI_INDEX, DOCKER_LIST, ""])
def test_indexes_of_both_families_are_read(announced: str) -> None:
    assert isinstance(parse({**LIST, "mediaType": announced or OCI_INDEX}, announced), Index)


@pytest.mark.parametrize(
    ("document", "announced", "why"),
    [
        ({**IMAGE, **LIST}, "", "ambiguous"),
        ({**LIST, "config": BLOB}, "", "ambiguous"),
        ({**IMAGE, "mediaType": OCI_INDEX}, "", "not an image manifest"),
        ({**LIST, "mediaType": OCI}, "", "not an image manifest"),
        ({**IMAGE, "mediaType": OCI}, DOCKER, "announced"),
        ({**IMAGE, "mediaType": "application/x-cake"}, "", "application/x-cake"),
        ({**IMAGE, "schemaVersion": 1}, "", "schema version 1"),
        ({"schemaVersion": 2}, "", "not an image manifest"),
        ({**IMAGE, "layers": [{**BLOB, "size": -1}]}, "", "absurd size -1"),
        ({**IMAGE, "layers": [{**BLOB, "size": 1 << 60}]}, "", "absurd size"),
        ({**IMAGE, "layers": [{**BLOB, "size": 1 << 200}]}, "", "absurd size|out of range"),
        ({**IMAGE, "layers": [{**BLOB, "size": 1.5}]}, "", "cannot be read"),
        ({**IMAGE, "layers": [{**BLOB, "digest": "sha256:../../x"}]}, "", "hex"),
        ({**IMAGE, "layers": [BLOB] * 5000}, "", "5000 entries"),
        ([], "", "cannot be read"),
    ],
)
def test_what_is_doubtful_is_refused(document: object, announced: str, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        parse(document, announced)


def test_endless_and_bottomless_documents_are_refused() -> None:
    with pytest.raises(ManifestError, match="larger"):
        parse_manifest(RawManifest(b" " * (LARGEST_MANIFEST + 1), ""))
    with pytest.raises(ManifestError, match="larger"):
        parse_config(b" " * (LARGEST_CONFIG + 1))
    deep = b'{"rootfs":{"diff_ids":[]},"config":{"Healthcheck":{"a":' + b"[" * 2_000_000
    with pytest.raises(ManifestError, match="cannot be read"):
        parse_config(deep)
    with pytest.raises(ManifestError, match="cannot be read"):
        parse_manifest(RawManifest(b'{"x":' + b"[" * 2_000_000, ""))


@pytest.mark.parametrize(
    ("recorded", "written"),
    [
        ('/bin/sh -c #(nop)  CMD ["bash"]', 'CMD ["bash"]'),
        ("/bin/sh -c apt-get update", "RUN apt-get update"),
        ("RUN /bin/sh -c apt-get update # buildkit", "RUN apt-get update"),
        ("RUN |2 A=1 B=x y /bin/sh -c make\ninstall # buildkit", "RUN make\ninstall"),
        ("COPY . /bin/sh -c # buildkit", "COPY . /bin/sh -c"),
        ("RUN ls # buildkit", "RUN ls"),
        ("", ""),
    ],
)
def test_what_builders_record_is_shown_as_it_was_written(recorded: str, written: str) -> None:
    assert as_written(recorded) == written
