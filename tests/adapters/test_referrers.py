"""Pushing, copying and listing what refers to an image: in a real registry and in layouts."""

from __future__ import annotations

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.lying_registry import Answer, Peer, Request, lying_registry
from tests.support.mirrored import mirror
from tests.support.registry import running_registry
from tests.support.shop import build_shop
from tests.support.shop_registry import LOGIN, guarded_registry

from sealmark.adapters.oci_layout import OciLayout
from sealmark.adapters.oci_layout_writer import OciLayoutTarget
from sealmark.adapters.registry import Access, open_registry
from sealmark.adapters.registry_credentials import Credentials
from sealmark.adapters.registry_push import open_registry_target
from sealmark.artifact.digest import Digest
from sealmark.artifact.image import load_image
from sealmark.artifact.manifest import INDEX_TYPES, MANIFEST_TYPES, Descriptor, RawManifest
from sealmark.artifact.platform import Platform
from sealmark.artifact.referrers import (
    ReferrerError,
    fallback_tag,
    find_referrers,
    load_referrer,
    parse_artifact,
    with_entry,
)
from sealmark.artifact.repository import parse_image_name
from sealmark.errors import SealmarkError, ServiceError, UnreadableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sealmark.artifact.source import ImageTarget, ReferrerSource

EMPTY = b"{}"
EMPTY_CONFIG = Descriptor("application/vnd.oci.empty.v1+json", Digest.of(EMPTY), len(EMPTY))
AMD64 = Platform("linux", "amd64")


class Place:
    """Somewhere to push to and to read from, with both sides open."""

    def __init__(self, source: ReferrerSource, target: ImageTarget) -> None:
        self.source = source
        self.target = target


@contextmanager
def registry_place(address: str) -> Iterator[Place]:
    name, access = parse_image_name(f"{address}/team/shop:1.0"), Access(plain_http=True)
    with (
        open_registry(name, access, lambda: None) as source,
        open_registry_target(name, access, lambda: None) as target,
    ):
        yield Place(source, target)


def layout_place(directory: Path) -> Place:
    target = OciLayoutTarget(directory)
    return Place(OciLayout(directory, tag="1.0"), target)


@pytest.fixture
def shop(tmp_path: Path) -> OciLayout:
    build_shop(tmp_path)
    return OciLayout(tmp_path / "shop", tag="1.0")


@pytest.fixture(params=["registry", "layout"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "layout":
        yield layout_place(tmp_path / "copy")
        return
    with running_registry(tmp_path / "registry") as address, registry_place(address) as opened:
        yield opened


def descriptor(raw: RawManifest) -> dict[str, Any]:
    return {"mediaType": raw.media_type, "digest": str(raw.digest), "size": len(raw.content)}


def referrer(subject: RawManifest, kind: str, note: str = "") -> RawManifest:
    """A manifest that refers to `subject`, with an empty configuration and one part."""
    part = {"mediaType": EMPTY_CONFIG.media_type, "digest": str(EMPTY_CONFIG.digest), "size": 2}
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPES[0],
        "artifactType": kind,
        "config": part,
        "layers": [part],
        "subject": descriptor(subject),
        "annotations": {"note": note},
    }
    return RawManifest(json.dumps(document).encode(), MANIFEST_TYPES[0])


def attach(target: ImageTarget, raw: RawManifest) -> None:
    if not target.has_blob(EMPTY_CONFIG):
        target.put_blob(EMPTY_CONFIG, [EMPTY])
    target.put_referrer(parse_artifact(raw))


def test_an_image_that_is_copied_is_the_same_image(shop: OciLayout, place: Place) -> None:
    digest = mirror(shop, place.target, "1.0").named.digest
    assert load_image(place.source, AMD64, chosen=False) == load_image(shop, AMD64, chosen=False)
    assert place.source.manifest(None).digest == digest
    assert mirror(shop, place.target, "1.0").named.digest == digest


def test_an_index_is_copied_with_every_image(place: Place, tmp_path: Path) -> None:
    build_shop(tmp_path)
    shop, images = OciLayoutTarget(tmp_path / "shop"), []
    for tag, architecture in (("1.0", "amd64"), ("1.1", "arm64")):
        raw = OciLayout(tmp_path / "shop", tag=tag).manifest(None)
        platform = {"os": "linux", "architecture": architecture}
        images.append({**descriptor(raw), "platform": platform})
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPES[0], "manifests": images}
    raw = RawManifest(json.dumps(index).encode(), INDEX_TYPES[0])
    shop.put_manifest(raw, "both")
    source = OciLayout(tmp_path / "shop", tag="both")
    assert mirror(source, place.target, "1.0").named.digest == raw.digest
    assert place.source.manifest(None) == raw
    assert load_image(place.source, AMD64, chosen=False) == load_image(source, AMD64, chosen=False)
    for image in images:
        child = Descriptor(image["mediaType"], Digest.parse(image["digest"]), image["size"])
        assert str(place.source.manifest(child).digest) == image["digest"]


def test_referrers_are_listed_by_type_and_once(shop: OciLayout, place: Place) -> None:
    mirror(shop, place.target, "1.0")
    image = shop.manifest(None)
    assert find_referrers(place.source, image.digest) == ()
    signature, bill = referrer(image, "x/signature", "a"), referrer(image, "x/bill", "b")
    for raw in (signature, bill, signature):
        attach(place.target, raw)
    found = find_referrers(place.source, image.digest)
    assert [one.descriptor.digest for one in found] == [signature.digest, bill.digest]
    assert [one.annotations for one in found] == [{"note": "a"}, {"note": "b"}]
    (one,) = find_referrers(place.source, image.digest, "x/bill")
    artifact = load_referrer(place.source, one, image.digest)
    assert (artifact.raw.content, artifact.artifact_type) == (bill.content, "x/bill")
    with place.source.blob(artifact.parts[-1]) as chunks:
        assert b"".join(chunks) == EMPTY
    assert place.source.manifest(None).digest == image.digest


def test_an_image_travels_with_what_refers_to_it(
    shop: OciLayout, place: Place, tmp_path: Path
) -> None:
    mirror(shop, place.target, "1.0")
    image = shop.manifest(None)
    signature = referrer(image, "x/signature")
    for raw in (signature, referrer(signature, "x/timestamp"), referrer(image, "x/bill")):
        attach(place.target, raw)
    there = layout_place(tmp_path / "there")
    assert len(mirror(place.source, there.target, "1.0").referrers) == 3
    back = OciLayout(tmp_path / "there")
    assert back.manifest(None).digest == image.digest
    kinds = [one.artifact_type for one in find_referrers(back, image.digest)]
    assert sorted(kinds) == ["x/bill", "x/signature"]
    assert len(find_referrers(back, signature.digest)) == 1
    with running_registry(tmp_path / "second") as address, registry_place(address) as second:
        assert len(mirror(back, second.target, "1.0").referrers) == 3
        assert len(find_referrers(second.source, image.digest)) == 2


def test_skopeo_reads_a_layout_that_was_written(shop: OciLayout, tmp_path: Path) -> None:
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed: run `make packages`")
    there = layout_place(tmp_path / "there")
    digest = mirror(shop, there.target, "1.0").named.digest
    attach(there.target, referrer(shop.manifest(None), "x/signature"))
    command = ["skopeo", "inspect", "--format", "{{.Digest}}", f"oci:{tmp_path}/there:1.0"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.strip() == str(digest), done.stderr


def test_a_blob_that_is_another_is_not_kept(shop: OciLayout, place: Place) -> None:
    promised = Descriptor("x/y", Digest.of(b"promised"), 8)
    for other in (b"other!!!", b"short", b"much too long"):
        with pytest.raises(SealmarkError, match=r"blob|DIGEST_INVALID"):
            place.target.put_blob(promised, [other])
        assert not place.target.has_blob(promised)
    place.target.put_blob(promised, [b"prom", b"ised"])
    assert place.target.has_blob(promised)


def test_a_push_over_tls_needs_the_login(shop: OciLayout, tmp_path: Path) -> None:
    with guarded_registry(tmp_path) as address:
        name = parse_image_name(f"{address}/other:1.0")
        access = Access(authority=tmp_path / "ca.pem")
        with (
            open_registry_target(name, access, lambda: None) as target,
            pytest.raises(ServiceError, match="docker login"),
        ):
            mirror(shop, target, "1.0")
        login = Credentials(*LOGIN)
        with open_registry_target(name, access, lambda: login) as target:
            digest = mirror(shop, target, "1.0").named.digest
        with open_registry(name, access, lambda: login) as source:
            assert source.manifest(None).digest == digest


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(403), "right to push"),
        (Answer(404, b'{"errors": [{"code": "NAME_UNKNOWN"}]}'), r"404 \(NAME_UNKNOWN\)"),
        (Answer(202), "no safe address"),
        (Answer(202, headers={"Location": "ftp://x/"}), "no safe address"),
        (Answer(400, b'{"errors": [{"code": "no code\\n"}]}'), "answers 400 for"),
    ],
)
def test_an_upload_that_is_refused_says_why(answer: Answer, words: str) -> None:
    with (
        lying_registry(lambda _: answer) as peer,
        registry_place(peer.address) as opened,
        pytest.raises(ServiceError, match=words),
    ):
        opened.target.put_blob(EMPTY_CONFIG, [EMPTY])


def test_an_upload_elsewhere_carries_no_secret() -> None:
    with lying_registry(lambda _: Answer(201)) as other:

        def answer(request: Request) -> Answer:
            if "authorization" not in request.headers:
                return Answer(401, headers={"WWW-Authenticate": "Basic realm=x"})
            return Answer(202, headers={"Location": f"http://{other.address}/put?a=b"})

        login, name = Credentials(*LOGIN), "{}/team/shop:1".format
        with (
            lying_registry(answer) as peer,
            open_registry_target(
                parse_image_name(name(peer.address)), Access(plain_http=True), lambda: login
            ) as target,
        ):
            target.put_blob(EMPTY_CONFIG, [EMPTY])
    (put,) = other.seen
    assert put.path == f"/put?a=b&digest={EMPTY_CONFIG.digest}".replace("sha256:", "sha256%3A")
    assert "authorization" not in put.headers


def test_a_manifest_whose_parts_are_missing_is_refused_with_the_registrys_reason(
    shop: OciLayout, tmp_path: Path
) -> None:
    with (
        running_registry(tmp_path / "registry") as address,
        registry_place(address) as opened,
        pytest.raises(ServiceError, match="BLOB_UNKNOWN"),
    ):
        opened.target.put_manifest(shop.manifest(None), "1.0")


def test_a_tag_that_is_no_list_is_not_overwritten(shop: OciLayout, tmp_path: Path) -> None:
    image = shop.manifest(None)
    with running_registry(tmp_path / "registry") as address, registry_place(address) as opened:
        mirror(shop, opened.target, "1.0")
        opened.target.put_manifest(image, fallback_tag(image.digest))
        with pytest.raises(ReferrerError, match="list of referrers cannot be read"):
            attach(opened.target, referrer(image, "x/signature"))
        kept = opened.source.tagged(fallback_tag(image.digest))
        assert kept is not None
        assert kept.digest == image.digest


def test_many_writers_of_one_layout_lose_nothing(shop: OciLayout, tmp_path: Path) -> None:
    image = shop.manifest(None)
    layout_place(tmp_path / "there")
    raws = [referrer(image, "x/y", str(number)) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda raw: attach(OciLayoutTarget(tmp_path / "there"), raw), raws))
    found = find_referrers(OciLayout(tmp_path / "there"), image.digest)
    assert {one.descriptor.digest for one in found} == {raw.digest for raw in raws}
    assert not list((tmp_path / "there").rglob(".partial-*"))


def test_a_layout_is_not_begun_where_something_else_lies(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    with pytest.raises(UsageError, match="neither empty"):
        OciLayoutTarget(tmp_path)
    with pytest.raises(ServiceError):
        OciLayoutTarget(tmp_path / "precious" / "below")


def test_a_layout_with_a_broken_index_is_left_alone(shop: OciLayout, tmp_path: Path) -> None:
    there = layout_place(tmp_path / "there")
    for broken in (b"", b"[]", b'{"manifests": 1}', b'{"manifests": [1]}', b"[" * 100_000):
        (tmp_path / "there" / "index.json").write_bytes(broken)
        with pytest.raises(UnreadableError):
            there.target.put_manifest(shop.manifest(None), "1.0")
        assert (tmp_path / "there" / "index.json").read_bytes() == broken


class Modern:
    """A registry with the referrers interface, in memory, that pages and does not filter."""

    def __init__(self, *, lists: bool = True) -> None:
        self.lists = lists
        self.manifests: dict[str, tuple[bytes, str]] = {}

    def __call__(self, request: Request) -> Answer:
        kind, _, name = request.path.removeprefix("/v2/team/shop/").partition("/")
        if request.method == "PUT":
            content, announced = request.body.encode(), request.headers["content-type"]
            self.manifests[name] = self.manifests[str(Digest.of(content))] = (content, announced)
            return Answer(201, headers={"OCI-Subject": "sha256:said"})
        if kind == "referrers":
            return self._page(*name.partition("?page=")[::2]) if self.lists else Answer(404)
        if request.method == "HEAD":
            return Answer(200)
        if name not in self.manifests:
            return Answer(404)
        content, announced = self.manifests[name]
        return Answer(body=content, headers={"Content-Type": announced})

    def _page(self, subject: str, page: str) -> Answer:
        found = {
            str(Digest.of(content)): parse_artifact(RawManifest(content, kind))
            for content, kind in self.manifests.values()
            if b'"subject"' in content
        }
        matching = [one for one in found.values() if str(one.subject.digest) == subject]
        at = int(page or 0)
        entries = [
            {**descriptor(one.raw), "artifactType": one.artifact_type}
            for one in matching[at : at + 1]
        ]
        more = f'</v2/team/shop/referrers/{subject}?page={at + 1}>; rel="next"'
        headers = {"Content-Type": INDEX_TYPES[0], "OCI-Filters-Applied": "artifactType"}
        if at + 1 < len(matching):
            headers["Link"] = more
        body = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()
        return Answer(body=body, headers=headers)


@pytest.mark.parametrize("lists", [True, False])
def test_a_registry_that_lists_by_itself_needs_no_tag_whatever_it_says(
    shop: OciLayout, *, lists: bool
) -> None:
    """`OCI-Subject` alone proves nothing: some send it and list nothing."""
    image, registry = shop.manifest(None), Modern(lists=lists)
    raws = [referrer(image, f"x/{number}") for number in range(3)]
    with lying_registry(registry) as peer, registry_place(peer.address) as opened:
        for raw in raws:
            attach(opened.target, raw)
        found = find_referrers(opened.source, image.digest)
        assert [one.descriptor.digest for one in found] == [raw.digest for raw in raws]
        (one,) = find_referrers(opened.source, image.digest, "x/1")
        assert one.descriptor.digest == raws[1].digest
    assert (fallback_tag(image.digest) in registry.manifests) is not lists


@contextmanager
def listing(entries: list[dict[str, Any]], raw: RawManifest) -> Iterator[tuple[Peer, Place]]:
    """A registry without the interface whose fallback tag says what the test wants."""
    index = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()

    def answer(request: Request) -> Answer:
        if "/referrers/" in request.path:
            return Answer(404)
        if "/manifests/sha256-" in request.path:
            return Answer(body=index, headers={"Content-Type": INDEX_TYPES[0]})
        return Answer(body=raw.content, headers={"Content-Type": raw.media_type})

    with lying_registry(answer) as peer, registry_place(peer.address) as opened:
        yield peer, opened


def test_a_list_that_lies_is_found_out(shop: OciLayout) -> None:
    image = shop.manifest(None)
    other = RawManifest(b'{"other": 1}', MANIFEST_TYPES[0])
    true, false = referrer(image, "x/signature"), referrer(other, "x/signature")
    cases = [
        (descriptor(false), false, "but refers to"),
        ({**descriptor(true), "artifactType": "x/bill"}, true, "is listed as 'x/bill'"),
        (descriptor(true), false, "expected sha256:"),
        (descriptor(image), image, "refers to nothing"),
    ]
    for entry, served, words in cases:
        with listing([entry], served) as (_, opened):
            (one,) = find_referrers(opened.source, image.digest)
            with pytest.raises(UnreadableError, match=words):
                load_referrer(opened.source, one, image.digest)


def test_an_entry_without_a_type_is_kept_until_it_is_known(shop: OciLayout) -> None:
    image = shop.manifest(None)
    raw = referrer(image, "x/signature")
    with listing([descriptor(raw), descriptor(raw)], raw) as (_, opened):
        (one,) = find_referrers(opened.source, image.digest, "x/signature")
        assert load_referrer(opened.source, one, image.digest).artifact_type == "x/signature"


def test_a_list_that_is_absurdly_long_or_large_is_refused(shop: OciLayout) -> None:
    image = shop.manifest(None)
    raw = referrer(image, "x/y")
    many = [{**descriptor(raw), "digest": str(Digest.of(str(n).encode()))} for n in range(5000)]
    large = [{**descriptor(raw), "annotations": {"x": "y" * (5 << 20)}}]
    for entries in (many, large):
        with (
            listing(entries, raw) as (_, opened),
            pytest.raises(UnreadableError, match=r"over 4096|larger than"),
        ):
            find_referrers(opened.source, image.digest)
    with pytest.raises(ReferrerError, match="larger than"):
        with_entry(None, large[0])


@given(st.binary(max_size=80) | st.from_regex(rb'\{"(manifests|subject|config)":.{0,40}\}'))
def test_any_bytes_are_a_list_or_an_error_of_ours(content: bytes) -> None:
    raw = RawManifest(content, "")
    for read in (parse_artifact, lambda given: with_entry(given, {"digest": "x"})):
        with suppress(UnreadableError):
            read(raw)
