"""Deadlines: whatever a registry does with its time, it ends, with one line and exit 5."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from tests.support.lying_registry import Answer, Request, lying_registry

from sealmark.adapters.registry import Access, open_registry
from sealmark.adapters.registry_credentials import Credentials
from sealmark.adapters.registry_http import Patience
from sealmark.artifact.digest import Digest
from sealmark.artifact.manifest import MANIFEST_TYPES, Descriptor
from sealmark.artifact.repository import parse_image_name
from sealmark.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORT = Patience(
    connect=0.5, read=2, request=0.3, operation=2, attempts=1, pause=0.01, longest_pause=5
)
MANIFEST = b'{"schemaVersion":2}'
KIND = {"Content-Type": MANIFEST_TYPES[0]}


@contextmanager
def dripping(first: bytes, drop: bytes) -> Iterator[str]:
    """Serve one connection after the other: `first` at once, then `drop` for ever."""
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(first)
                    while not over.wait(0.03):
                        connection.sendall(drop)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            thread.join()


def pull(address: str, patience: Patience, login: Credentials | None = None) -> bytes:
    name = parse_image_name(f"{address}/team/shop:1")
    with open_registry(name, Access(plain_http=True, patience=patience), lambda: login) as source:
        return source.manifest(None).content


def gives_up(address: str, patience: Patience, words: str) -> float:
    """Return how long it took until it was given up."""
    begun = time.monotonic()
    with pytest.raises(ServiceError, match=words) as caught:
        pull(address, patience)
    assert "\n" not in str(caught.value)
    return time.monotonic() - begun


def test_headers_that_drip_are_given_up() -> None:
    with dripping(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n") as address:
        assert gives_up(address, SHORT, "no answer in time") < 1.5


def test_a_body_that_drips_is_given_up() -> None:
    headers = f"HTTP/1.1 200 OK\r\nContent-Type: {MANIFEST_TYPES[0]}\r\n"
    whole = f"{headers}Content-Length: 100000\r\n\r\n".encode()
    with dripping(whole, b" ") as address:
        assert gives_up(address, replace(SHORT, read=0.3), "comes too slowly") < 1.5


def test_a_document_has_no_longer_than_its_request() -> None:
    headers = f"HTTP/1.1 200 OK\r\nContent-Type: {MANIFEST_TYPES[0]}\r\n"
    whole = f"{headers}Content-Length: 3000000\r\n\r\n".encode()
    with dripping(whole, b" " * 1000) as address:
        patience = replace(SHORT, read=60, operation=0.5)
        assert gives_up(address, patience, "comes too slowly") < 2


def test_a_token_service_that_hangs_is_given_up() -> None:
    with dripping(b"", b"") as hanging:
        challenge = f'Bearer realm="http://{hanging}/token"'
        answer = Answer(401, headers={"WWW-Authenticate": challenge})
        with lying_registry(lambda _: answer) as peer:
            assert gives_up(peer.address, SHORT, "127.0.0.1: no answer in time") < 1.5


def test_all_attempts_together_end_too() -> None:
    patience = replace(SHORT, attempts=1000, operation=0.5)
    with lying_registry(lambda _: Answer(503, headers={"Retry-After": "0"})) as peer:
        assert gives_up(peer.address, patience, "times; try again later") < 2


def test_a_registry_that_asks_for_more_time_than_there_is_is_not_waited_for() -> None:
    patience = replace(SHORT, attempts=3)
    with lying_registry(lambda _: Answer(429, headers={"Retry-After": "3600"})) as peer:
        assert gives_up(peer.address, patience, "it answers 429, once") < 1


def test_retry_after_may_be_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    answers = iter(
        [Answer(503, headers={"Retry-After": soon}), Answer(body=MANIFEST, headers=KIND)]
    )
    patience = replace(SHORT, attempts=2, operation=10)
    begun = time.monotonic()
    with lying_registry(lambda _: next(answers)) as peer:
        assert pull(peer.address, patience) == MANIFEST
    assert 0.5 < time.monotonic() - begun < 5


@pytest.mark.parametrize(("status", "asked"), [(500, 1), (502, 1), (503, 3), (429, 3)])
def test_a_login_is_sent_again_only_if_it_was_not_taken(status: int, asked: int) -> None:
    """An identity token goes out with POST, and may have had an effect."""

    def answer(request: Request) -> Answer:
        if request.method == "POST":
            return Answer(status)
        realm = f"http://{request.headers['host']}/token"
        return Answer(401, headers={"WWW-Authenticate": f'Bearer realm="{realm}"'})

    with lying_registry(answer) as peer, pytest.raises(ServiceError):
        pull(peer.address, replace(SHORT, attempts=3), Credentials("", "", "identity"))
    assert sum(one.method == "POST" for one in peer.seen) == asked


def test_a_blob_is_not_continued_by_a_registry_that_starts_over() -> None:
    layer = b"layer" * 100
    whole = {"Content-Length": str(len(layer))}
    name_of = "{}/team/shop:1".format
    blob = Descriptor("application/octet-stream", Digest.of(layer), len(layer))
    with lying_registry(lambda _: Answer(body=layer[:200], headers=whole)) as peer:
        access = Access(plain_http=True, patience=SHORT)
        with (
            open_registry(parse_image_name(name_of(peer.address)), access, lambda: None) as source,
            source.blob(blob) as chunks,
            pytest.raises(Exception, match="breaks off after 200 bytes"),
        ):
            list(chunks)
    assert [one.headers.get("range") for one in peer.seen] == [None, "bytes=200-"]
