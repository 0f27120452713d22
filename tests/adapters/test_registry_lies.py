"""What a registry that lies, stalls or is overloaded leads to."""

from __future__ import annotations

import base64
import json
import socket
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.support.lying_registry import Answer, Peer, Request, lying_registry

from sealmark.adapters.registry import Access, RegistrySource, open_registry
from sealmark.adapters.registry_credentials import Credentials
from sealmark.adapters.registry_http import Patience
from sealmark.artifact.digest import Digest, DigestMismatchError
from sealmark.artifact.manifest import INDEX_TYPES, MANIFEST_TYPES, Descriptor
from sealmark.artifact.repository import parse_image_name
from sealmark.errors import SealmarkError, ServiceError, UnreadableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

QUICK = Patience(connect=0.5, read=0.3, attempts=3, pause=0.01, longest_pause=0.05)
MANIFEST = b'{"schemaVersion":2}'
KIND = {"Content-Type": MANIFEST_TYPES[0]}
LAYER = b"layer" * 100
BLOB = Descriptor("application/octet-stream", Digest.of(LAYER), len(LAYER))
LOGIN = Credentials("alice", "correct horse")
BASIC = "Basic " + base64.b64encode(b"alice:correct horse").decode()


def source(
    peer: Peer, chosen: str = ":1", login: Credentials | None = None
) -> AbstractContextManager[RegistrySource]:
    name = parse_image_name(f"{peer.address}/team/shop{chosen}")
    return open_registry(name, Access(plain_http=True, patience=QUICK), lambda: login)


def pulled(opened: RegistrySource) -> bytes:
    with opened.blob(BLOB) as chunks:
        return b"".join(chunks)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=LAYER[:-1]),
        Answer(body=LAYER + b"x"),
        Answer(body=LAYER[:-1], headers={"Content-Length": str(len(LAYER))}),
        Answer(status=404),
    ],
    ids=["short", "long", "breaks off", "absent"],
)
def test_a_blob_that_is_not_as_promised_is_unreadable(answer: Answer) -> None:
    with (
        lying_registry(lambda _: answer) as peer,
        source(peer) as opened,
        pytest.raises(UnreadableError, match="blob sha256:"),
    ):
        pulled(opened)


@pytest.mark.parametrize(
    ("chosen", "headers"),
    [
        (f"@{Digest.of(b'other')}", {}),
        (":1", {"Docker-Content-Digest": str(Digest.of(b"other"))}),
    ],
)
def test_a_manifest_with_another_digest_is_refused(chosen: str, headers: dict[str, str]) -> None:
    answer = Answer(body=MANIFEST, headers={**KIND, **headers})
    with (
        lying_registry(lambda _: answer) as peer,
        source(peer, chosen) as opened,
        pytest.raises(DigestMismatchError),
    ):
        opened.manifest(None)


def test_an_endless_manifest_is_cut() -> None:
    answer = Answer(body=b" " * (5 << 20), headers=KIND)
    with (
        lying_registry(lambda _: answer) as peer,
        source(peer) as opened,
        pytest.raises(UnreadableError, match="larger than"),
    ):
        opened.manifest(None)


@pytest.mark.parametrize(("status", "after"), [(429, "9999999"), (503, "0"), (503, "soon")])
def test_an_overloaded_registry_is_asked_so_many_times_and_no_more(status: int, after: str) -> None:
    answer = Answer(status, headers={"Retry-After": after})
    with (
        lying_registry(lambda _: answer) as peer,
        source(peer) as opened,
        pytest.raises(ServiceError, match=f"{status}, 3 times"),
    ):
        opened.manifest(None)
    assert len(peer.seen) == QUICK.attempts


def test_a_registry_that_recovers_is_believed() -> None:
    answers = iter([Answer(503), Answer(429), Answer(body=MANIFEST, headers=KIND)])
    with lying_registry(lambda _: next(answers)) as peer, source(peer) as opened:
        assert opened.manifest(None).content == MANIFEST


def test_a_registry_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        peer = Peer(f"127.0.0.1:{silent.getsockname()[1]}", [])
        with source(peer) as opened, pytest.raises(ServiceError, match="no answer in time"):
            opened.manifest(None)


def breaking_off(request: Request, step: int) -> Answer:
    """Send `step` bytes of the layer from where it is asked for, and hang up."""
    at = int(request.headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
    headers = {"Content-Length": str(len(LAYER) - at)}
    if at:
        headers["Content-Range"] = f"bytes {at}-{len(LAYER) - 1}/{len(LAYER)}"
    return Answer(206 if at else 200, LAYER[at : at + step], headers)


def test_a_blob_that_breaks_off_is_continued_where_it_did() -> None:
    with lying_registry(lambda one: breaking_off(one, 200)) as peer, source(peer) as opened:
        assert pulled(opened) == LAYER
    assert [one.headers.get("range") for one in peer.seen] == [None, "bytes=200-", "bytes=400-"]


def test_a_blob_that_breaks_off_for_ever_is_given_up() -> None:
    broken = pytest.raises(ServiceError, match="again and again")
    hang_up = lying_registry(lambda request: breaking_off(request, 9))
    with hang_up as peer, source(peer) as opened, broken:
        pulled(opened)


def test_a_registry_that_drips_is_given_up() -> None:
    answer = Answer(body=LAYER, pause=0.02)
    slow = pytest.raises(ServiceError, match="too slowly")
    with lying_registry(lambda _: answer) as peer, source(peer) as opened, slow:
        pulled(opened)


def test_a_proxy_that_makes_no_sense_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks9://x")
    name = parse_image_name("registry.example/shop")
    with pytest.raises(UsageError, match="proxy"), open_registry(name, Access()):
        pass


def test_a_host_that_is_none_is_a_usage_error() -> None:
    name = parse_image_name("xn--a.example/shop")
    with pytest.raises(UsageError, match="no registry host"), open_registry(name, Access()):
        pass


@pytest.mark.parametrize(
    ("status", "error", "step"),
    [
        (401, ServiceError, "docker login"),
        (403, ServiceError, "ask its owner"),
        (404, UsageError, "check its name"),
        (418, ServiceError, "418"),
    ],
)
def test_a_refusal_says_what_to_do(status: int, error: type[SealmarkError], step: str) -> None:
    with (
        lying_registry(lambda _: Answer(status)) as peer,
        source(peer) as opened,
        pytest.raises(error, match=step),
    ):
        opened.manifest(None)


def token_registry(realm: str = "") -> Callable[[Request], Answer]:
    """A registry with a token service beside it, at `realm` if that is given."""
    counted = iter(range(100))

    def answer(request: Request) -> Answer:
        own = f"http://{request.headers['host']}/token"
        if request.path.startswith("/token"):
            return Answer(body=json.dumps({"token": f"t{next(counted)}"}).encode())
        if request.headers.get("authorization") != "Bearer t0":
            bearer = f'Bearer realm="{realm or own}",service="shop, \\"the\\" one"'
            return Answer(401, headers={"WWW-Authenticate": f'Basic realm="x", {bearer}'})
        return Answer(body=LAYER if "blobs" in request.path else MANIFEST, headers=KIND)

    return answer


@pytest.mark.parametrize(
    ("login", "sent"), [(None, None), (LOGIN, BASIC)], ids=["anonymous", "with a login"]
)
def test_a_token_is_fetched_once_and_used_again(
    login: Credentials | None, sent: str | None
) -> None:
    with lying_registry(token_registry()) as peer, source(peer, login=login) as opened:
        assert opened.manifest(None).content == MANIFEST
        assert pulled(opened) == LAYER
    (asked,) = (one for one in peer.seen if one.path.startswith("/token"))
    assert asked.headers.get("authorization") == sent
    assert "scope=repository%3Ateam%2Fshop%3Apull" in asked.path
    assert "service=shop%2C%20%22the%22%20one" in asked.path.replace("+", "%20")


def test_a_token_that_has_expired_is_renewed() -> None:
    fresh, valid = iter(["t0", "t1"]), iter(["t0", "t0", "t1", "t1"])

    def answer(request: Request) -> Answer:
        if request.path.startswith("/token"):
            return Answer(body=json.dumps({"access_token": next(fresh)}).encode())
        if request.headers.get("authorization") != f"Bearer {next(valid)}":
            realm = f"http://{request.headers['host']}/token"
            return Answer(401, headers={"WWW-Authenticate": f'Bearer realm="{realm}"'})
        return Answer(body=MANIFEST, headers=KIND)

    with lying_registry(answer) as peer, source(peer) as opened:
        assert opened.manifest(None) == opened.manifest(None)
    assert sum(one.path.startswith("/token") for one in peer.seen) == 2


def test_a_token_that_is_refused_at_once_is_no_endless_loop() -> None:
    def answer(request: Request) -> Answer:
        if request.path.startswith("/token"):
            return Answer(body=b'{"token": "x"}')
        realm = f"http://{request.headers['host']}/token"
        return Answer(401, headers={"WWW-Authenticate": f'Bearer realm="{realm}"'})

    refused = pytest.raises(ServiceError, match="docker login")
    with lying_registry(answer) as peer, source(peer) as opened, refused:
        opened.manifest(None)
    assert len(peer.seen) == 3


@pytest.mark.parametrize("given", [b"{}", b"[", b'{"token": "a\\nb"}', b'{"token": "\xc3\xa9"}'])
def test_what_is_no_token_is_not_sent(given: bytes) -> None:
    def answer(request: Request) -> Answer:
        if request.path.startswith("/token"):
            return Answer(body=given)
        realm = f"http://{request.headers['host']}/token"
        return Answer(401, headers={"WWW-Authenticate": f'Bearer realm="{realm}"'})

    refused = pytest.raises(ServiceError, match="gives no token")
    with lying_registry(answer) as peer, source(peer) as opened, refused:
        opened.manifest(None)


def test_an_identity_token_is_exchanged() -> None:
    login = Credentials("", "", "identity")
    with lying_registry(token_registry()) as peer, source(peer, login=login) as opened:
        assert opened.manifest(None).content == MANIFEST
    (asked,) = (one for one in peer.seen if one.path.startswith("/token"))
    assert asked.method == "POST"
    assert "grant_type=refresh_token" in asked.body
    assert "refresh_token=identity" in asked.body
    assert "identity" not in asked.path


def test_a_registry_token_is_sent_as_it_is_and_once() -> None:
    login = Credentials("", "", "", "mine")
    refused = pytest.raises(ServiceError, match="refuses the login")
    with lying_registry(token_registry()) as peer, source(peer, login=login) as opened, refused:
        opened.manifest(None)
    assert [one.headers.get("authorization") for one in peer.seen] == [None, "Bearer mine"]


def test_a_challenge_cannot_widen_what_is_asked_for() -> None:
    def answer(request: Request) -> Answer:
        if request.path.startswith("/token"):
            return Answer(body=b'{"token": "x"}')
        realm = f"http://{request.headers['host']}/token?scope=registry:catalog:*"
        wide = 'scope="repository:team/shop:pull,push,delete repository:other:pull"'
        return Answer(401, headers={"WWW-Authenticate": f'Bearer realm="{realm}",{wide}'})

    refused = pytest.raises(ServiceError)
    with lying_registry(answer) as peer, source(peer, login=LOGIN) as opened, refused:
        opened.manifest(None)
    (asked,) = (one.path for one in peer.seen if one.path.startswith("/token"))
    assert parse_qs(urlsplit(asked).query)["scope"] == ["repository:team/shop:pull"]


@pytest.mark.parametrize(
    "realm",
    [
        "http://localhost:1/token",
        "http://192.0.2.1/token",
        "file:///etc/passwd",
        "https://xn--a/",
        ":",
        "",
    ],
)
def test_a_token_service_without_tls_on_another_host_gets_nothing(realm: str) -> None:
    challenge = Answer(401, headers={"WWW-Authenticate": f'Bearer realm="{realm}"'})
    with (
        lying_registry(lambda _: challenge) as peer,
        source(peer, login=LOGIN) as opened,
        pytest.raises(ServiceError, match="token service") as caught,
    ):
        opened.manifest(None)
    assert "correct" not in str(caught.value)
    assert len(peer.seen) == 1


@pytest.fixture
def storage() -> Iterator[Peer]:
    with lying_registry(lambda _: Answer(body=LAYER)) as peer:
        yield peer


def test_a_redirect_to_another_host_carries_no_secret(storage: Peer) -> None:
    def answer(request: Request) -> Answer:
        if request.headers.get("authorization") != BASIC:
            return Answer(401, headers={"WWW-Authenticate": 'Basic realm="shop"'})
        return Answer(307, headers={"Location": f"http://{storage.address}/stored?x=1"})

    with lying_registry(answer) as peer, source(peer, login=LOGIN) as opened:
        assert pulled(opened) == LAYER
    assert [one.path for one in storage.seen] == ["/stored?x=1"]
    assert "authorization" not in storage.seen[0].headers


def test_a_challenge_from_another_host_gets_no_secret() -> None:
    challenge = Answer(401, headers={"WWW-Authenticate": 'Basic realm="shop"'})
    with lying_registry(lambda _: challenge) as other:
        redirect = Answer(302, headers={"Location": f"http://{other.address}/"})
        with (
            lying_registry(lambda _: redirect) as peer,
            source(peer, login=LOGIN) as opened,
            pytest.raises(ServiceError),
        ):
            opened.manifest(None)
        assert not any("authorization" in one.headers for one in (*other.seen, *peer.seen))


@pytest.mark.parametrize(
    "location", ["", "file:///etc/passwd", "http://a:b@127.0.0.1/", "http://xn--a/"]
)
def test_a_redirect_to_no_address_is_refused(location: str) -> None:
    redirect = Answer(302, headers={"Location": location})
    with (
        lying_registry(lambda _: redirect) as peer,
        source(peer) as opened,
        pytest.raises(ServiceError, match="redirects"),
    ):
        opened.manifest(None)


def test_redirects_in_a_circle_end() -> None:
    redirect = Answer(302, headers={"Location": "/v2/"})
    with (
        lying_registry(lambda _: redirect) as peer,
        source(peer) as opened,
        pytest.raises(ServiceError, match="more than 5"),
    ):
        opened.manifest(None)


INDEX = b'{"schemaVersion":2,"manifests":[]}'
DIGEST = Digest.of(MANIFEST)


def test_referrers_come_in_pages() -> None:
    def answer(request: Request) -> Answer:
        more = {} if "page=2" in request.path else {"Link": '</v2/more?page=2>; rel="next"'}
        return Answer(body=INDEX, headers={"Content-Type": INDEX_TYPES[0], **more})

    with lying_registry(answer) as peer, source(peer) as opened:
        assert [page.content for page in opened.referrers(DIGEST)] == [INDEX, INDEX]
    assert peer.seen[0].path == f"/v2/team/shop/referrers/{DIGEST}"


@pytest.mark.parametrize("answered", [Answer(404), Answer(200, b"<html>"), Answer(405)])
def test_referrers_without_the_interface_are_found_by_tag(answered: Answer) -> None:
    def answer(request: Request) -> Answer:
        if request.path.endswith(f"/manifests/sha256-{DIGEST.hex}"):
            return Answer(body=INDEX, headers={"Content-Type": INDEX_TYPES[0]})
        return answered

    with lying_registry(answer) as peer, source(peer) as opened:
        assert [page.content for page in opened.referrers(DIGEST)] == [INDEX]


def test_what_nothing_refers_to_has_no_referrers() -> None:
    with lying_registry(lambda _: Answer(404)) as peer, source(peer) as opened:
        assert opened.referrers(DIGEST) == ()


def test_a_list_of_referrers_does_not_go_on_at_another_host(storage: Peer) -> None:
    more = {"Link": f'<http://{storage.address}/v2/more>; rel="next"'}
    answer = Answer(body=INDEX, headers={"Content-Type": INDEX_TYPES[0], **more})
    elsewhere = pytest.raises(ServiceError, match="another host")
    with lying_registry(lambda _: answer) as peer, source(peer) as opened, elsewhere:
        opened.referrers(DIGEST)
    assert storage.seen == []


def test_referrers_without_end_are_cut() -> None:
    headers = {"Content-Type": INDEX_TYPES[0], "Link": '</v2/more>; rel="next"'}
    answer = Answer(body=INDEX, headers=headers)
    unreadable = pytest.raises(UnreadableError, match="pages")
    with lying_registry(lambda _: answer) as peer, source(peer) as opened, unreadable:
        opened.referrers(DIGEST)
