"""`sealmark copy` mirrors an image with all that belongs to it, or leaves no tag: never half."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.registry import running_registry
from tests.support.sigstore.images import BUNDLE, ENVELOPE, INDEX, SIMPLE, Store
from tests.support.sigstore.pushed import push_store

from sealmark.adapters.archive import open_archive
from sealmark.adapters.oci_archive import OciArchive
from sealmark.adapters.oci_layout import OciLayout
from sealmark.adapters.oci_layout_writer import OciLayoutTarget
from sealmark.adapters.registry import Access, open_registry
from sealmark.artifact.digest import Digest
from sealmark.artifact.manifest import Descriptor, ManifestError, RawManifest
from sealmark.artifact.mirror import IncompleteError, check_whole, put_whole
from sealmark.artifact.repository import parse_image_name
from sealmark.artifact.whole import Whole, find_whole
from sealmark.cli.main import run
from sealmark.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEALMARK_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def store() -> Store:
    """An index of two images; everything that one can hang beside an image hangs somewhere."""
    store = Store()
    children = [store.image("amd64"), store.image("arm64")]
    entries = [
        {"mediaType": one.media_type, "digest": str(one.digest), "size": len(one.content)}
        for one in children
    ]
    store.named = store.put({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
    bundle = store.refer(store.named, b"a bundle")
    store.refer(bundle, b"a time stamp of it", "application/x-stamp")
    store.refer(children[1], b"a bill", "application/spdx+json")
    store.sign(store.named, (SIMPLE, b"signed", {"a": "b"}), (ENVELOPE, b"attested", {}))
    store.sign(children[0], (SIMPLE, b"signed too", {}))
    return store


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with running_registry(tmp_path / "registry") as address:
        yield address


def same(found: Whole, wanted: Whole) -> bool:
    """Compare what there is; the order of lists is the place's own."""

    def parts(whole: Whole) -> tuple[Any, ...]:
        return (
            whole.named.digest,
            {raw.digest for raw in whole.manifests},
            {one.raw.digest for one in whole.referrers},
            {(tag, raw.digest) for tag, raw in whole.tagged},
            {(one.digest, one.size) for one in whole.blobs},
        )

    return parts(found) == parts(wanted)


def in_registry(name: str) -> Whole:
    with open_registry(parse_image_name(name), Access(plain_http=True)) as source:
        return find_whole(source)


def test_nothing_is_lost_from_registry_to_layout_to_archive_and_back(
    store: Store, address: str, tmp_path: Path, capsys: Capture
) -> None:
    push_store(store, address, "team/app", "1.0")
    whole = find_whole(store)
    assert (len(whole.manifests), len(whole.referrers), len(whole.tagged)) == (6, 3, 3)
    layout, archive = f"oci:{tmp_path}/layout:1.0", f"oci-archive:{tmp_path}/app.tar:1.0"
    stations = [f"{address}/team/app:1.0", layout, archive, f"{address}/else/where:2.0"]
    for here, there in itertools.pairwise(stations):
        assert run(["copy", here, there]) == 0, capsys.readouterr().err
    assert same(find_whole(OciLayout(tmp_path / "layout", tag="1.0")), whole)
    with open_archive(tmp_path / "app.tar") as opened:
        assert same(find_whole(OciArchive(opened, "1.0")), whole)
    assert same(in_registry(f"{address}/else/where:2.0"), whole)
    said = capsys.readouterr().out
    assert f"copied: {stations[0]} to {layout}\n  digest     {whole.named.digest}\n" in said
    assert run(["copy", stations[0], stations[3]]) == 0
    assert f"0 moved, {len(whole.blobs)} there already" in capsys.readouterr().out


def test_a_copy_is_given_the_tag_of_the_original_or_its_own(
    store: Store, address: str, tmp_path: Path
) -> None:
    push_store(store, address, "team/app", "1.0")
    digest = f"{address}/team/app@{store.named.digest}"
    for here, there, tag in (
        (f"{address}/team/app:1.0", "a", "1.0"),
        (f"{address}/team/app:1.0", "b:mine", "mine"),
        (digest, "c", "latest"),
    ):
        assert run(["copy", here, f"oci:{tmp_path}/{there}"]) == 0
        directory = tmp_path / there.partition(":")[0]
        assert OciLayout(directory, tag=tag).manifest(None).digest == store.named.digest


def test_skopeo_reads_an_archive_that_was_copied(store: Store, tmp_path: Path) -> None:
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed: run `make packages`")
    put(store, tmp_path / "layout")
    assert run(["copy", f"oci:{tmp_path}/layout:1.0", f"oci-archive:{tmp_path}/a.tar"]) == 0
    command = ["skopeo", "inspect", "--raw", f"oci-archive:{tmp_path}/a.tar:1.0"]
    done = subprocess.run(command, capture_output=True)
    assert done.stdout == store.named.content, done.stderr


def test_the_same_image_makes_the_same_archive(store: Store, tmp_path: Path) -> None:
    put(store, tmp_path / "layout")
    for name in ("a.tar", "b.tar"):
        assert run(["copy", f"oci:{tmp_path}/layout:1.0", f"oci-archive:{tmp_path}/{name}"]) == 0
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def put(store: Store, directory: Path) -> None:
    target = OciLayoutTarget(directory)
    put_whole(store, target, find_whole(store))
    target.put_manifest(store.named, "1.0")


def blob(store: Store, content: bytes) -> str:
    assert Digest.of(content) in store.blobs
    return f"blobs/sha256/{Digest.of(content).hex}"


def without_layer(store: Store, layout: Path) -> None:
    (layout / blob(store, b"a bill")).unlink()


def with_other_layer(store: Store, layout: Path) -> None:
    (layout / blob(store, b"a bill")).write_bytes(b"A bill")


def without_child(store: Store, layout: Path) -> None:
    child = json.loads(store.named.content)["manifests"][0]["digest"]
    (layout / f"blobs/sha256/{child.removeprefix('sha256:')}").unlink()


def without_referrer(store: Store, layout: Path) -> None:
    digest = store.listed[store.named.digest][0]["digest"]
    (layout / f"blobs/sha256/{digest.removeprefix('sha256:')}").unlink()


def without_signature(store: Store, layout: Path) -> None:
    raw = store.tags[f"sha256-{store.named.digest.hex}.sig"]
    (layout / f"blobs/sha256/{raw.digest.hex}").unlink()


@pytest.mark.parametrize(
    "damage",
    [without_layer, with_other_layer, without_child, without_referrer, without_signature],
)
def test_an_image_that_is_not_whole_is_not_copied_at_all(
    store: Store, address: str, tmp_path: Path, capsys: Capture, damage: Callable[..., None]
) -> None:
    put(store, tmp_path / "layout")
    (tmp_path / "old.tar").write_bytes(b"what was there")
    damage(store, tmp_path / "layout")
    for there in (f"{address}/team/app:1.0", f"oci-archive:{tmp_path}/old.tar", "oci:new:1.0"):
        target = there.replace("oci:new", f"oci:{tmp_path}/new")
        assert run(["copy", f"oci:{tmp_path}/layout:1.0", target]) == 4
        assert len(capsys.readouterr().err.splitlines()) == 1
    with open_registry(parse_image_name(f"{address}/team/app:1.0"), Access(plain_http=True)) as one:
        assert one.tagged("1.0") is None
    assert (tmp_path / "old.tar").read_bytes() == b"what was there"
    index = tmp_path / "new" / "index.json"
    entries = json.loads(index.read_bytes())["manifests"] if index.exists() else []
    names = [
        (one.get("annotations") or {}).get("org.opencontainers.image.ref.name") for one in entries
    ]
    assert "1.0" not in names
    assert not list(tmp_path.glob(".partial-*"))


class Forgetful:
    """A target that takes everything and keeps less: `loses` says what."""

    def __init__(self, layout: OciLayoutTarget, loses: str) -> None:
        self._layout = layout
        self._loses = loses

    def has_blob(self, descriptor: Descriptor) -> bool:
        return self._layout.has_blob(descriptor)

    def put_blob(self, descriptor: Descriptor, chunks: Iterator[bytes]) -> None:
        if self._loses != "blob":
            self._layout.put_blob(descriptor, chunks)

    def put_manifest(self, raw: RawManifest, tag: str = "") -> None:
        if self._loses == "manifest" and raw.media_type == INDEX:
            return
        self._layout.put_manifest(raw, "" if self._loses == "tag" else tag)

    def put_referrer(self, artifact: Any) -> None:
        if self._loses == "referrer":
            self._layout.put_manifest(artifact.raw)
        else:
            self._layout.put_referrer(artifact)


@pytest.mark.parametrize(
    ("loses", "words"),
    [
        ("blob", "lacks the blob"),
        ("tag", r"tag sha256-.* does not lead to"),
        ("referrer", "does not list"),
        ("manifest", "No such file"),
    ],
)
def test_a_place_that_loses_what_it_took_is_found_out(
    store: Store, tmp_path: Path, loses: str, words: str
) -> None:
    whole, layout = find_whole(store), OciLayoutTarget(tmp_path / "there")
    (tmp_path / "there" / "index.json").write_text('{"schemaVersion":2,"manifests":[]}')
    target: Any = Forgetful(layout, loses)
    put_whole(store, target, whole)
    with pytest.raises(UnreadableError, match=words) as caught:
        check_whole(OciLayout(tmp_path / "there"), target, whole)
    assert isinstance(caught.value, IncompleteError) or loses == "manifest"


def test_one_digest_of_two_sizes_is_refused(store: Store) -> None:
    image = store.image()
    part = store.part(BUNDLE, b"content")
    layers = [part, {**part, "size": 9}]
    config = store.part("application/vnd.oci.image.config.v1+json", b"{}")
    store.named = store.put(
        {"schemaVersion": 2, "mediaType": image.media_type, "config": config, "layers": layers}
    )
    with pytest.raises(ManifestError, match="two sizes"):
        find_whole(store)


def test_things_that_refer_to_things_without_end_are_refused(store: Store) -> None:
    above = store.named
    for number in range(5):
        above = store.refer(above, f"{number}".encode(), "application/x-note")
    with pytest.raises(ManifestError, match="in a row"):
        find_whole(store)


@pytest.mark.parametrize(
    "arguments",
    [
        ("dir:/", "oci:there"),
        ("sbom:bill", "oci:there"),
        ("oci:{layout}:1.0", "docker-archive:there"),
        ("oci:{layout}:1.0", "oci:there@sha256:" + "0" * 64),
        ("oci:{layout}:1.0", "oci-archive:/nowhere/at/all.tar"),
        ("oci:{layout}:2.0", "oci:there"),
    ],
)
def test_copies_that_make_no_sense_are_usage_errors(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    put(store, tmp_path / "layout")
    assert run(["copy", *(one.format(layout=tmp_path / "layout") for one in arguments)]) == 3
    assert not (tmp_path / "there").exists()
