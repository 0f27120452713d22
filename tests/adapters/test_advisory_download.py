"""Fetching a feed from a stranger: bounded in size and time, and nothing secret is printed."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from tests.support.publisher import Publisher

from sealmark.adapters.advisory_download import Budget, Downloader, Validators, shown
from sealmark.errors import ServiceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTHING = Validators()
STARTED = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with Publisher() as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file"


def downloader(seconds: float = 20, size: int = 1 << 24) -> Downloader:
    return Downloader(Budget(size=size, seconds=seconds, idle=5), sleep=lambda _: None)


def refusal(url: str, target: Path, **budget: float) -> str:
    with pytest.raises(ServiceError) as caught:
        downloader(seconds=budget.get("seconds", 20)).fetch(url, target, NOTHING)
    return str(caught.value)


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", STARTED], ids=["nothing", "headers", "body"]
)
def test_a_peer_that_sends_a_byte_now_and_then_is_cut_off_at_the_deadline(
    publisher: Publisher, target: Path, sent: bytes
) -> None:
    publisher.drip["/slow"] = sent
    began = time.monotonic()
    said = refusal(f"{publisher.url}/slow", target, seconds=0.6)
    assert time.monotonic() - began < 3
    assert said.endswith("/slow: not done after 0.6 seconds") or "illegal" in said


def test_a_peer_that_never_ends_its_handshake_is_cut_off_too(target: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"https://127.0.0.1:{server.getsockname()[1]}/x"

        def dawdle() -> None:
            peer, _ = server.accept()
            with peer:
                peer.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
                while True:
                    try:
                        peer.sendall(b"x")
                    except OSError:
                        return
                    time.sleep(0.05)

        thread = Thread(target=dawdle)
        thread.start()
        said = refusal(address, target, seconds=0.6)
        thread.join(5)
    assert said.endswith("/x: not done after 0.6 seconds")


def test_waiting_between_attempts_counts_towards_the_deadline(
    publisher: Publisher, target: Path
) -> None:
    publisher.answers["/kev.json"] = [(503, {"Retry-After": "9" * 5})] * 9
    waited: list[float] = []
    patient = Downloader(Budget(seconds=7), sleep=waited.append)
    with pytest.raises(ServiceError, match="answered 503, 3 times"):
        patient.fetch(f"{publisher.url}/kev.json", target, NOTHING)
    assert max(waited) <= 7


@pytest.mark.parametrize("length", ["9999999999999999999", "20000000"])
def test_more_than_may_come_is_refused_when_it_is_announced(
    publisher: Publisher, target: Path, length: str
) -> None:
    publisher.headers["/kev.json"] = {"Content-Length": length}
    assert "bytes are announced" in refusal(f"{publisher.url}/kev.json", target)
    assert not target.exists()


def test_more_than_may_come_is_refused_when_it_comes(publisher: Publisher, target: Path) -> None:
    publisher.drip["/long"] = b"HTTP/1.0 200 OK\r\n\r\n" + bytes(2000)
    with pytest.raises(ServiceError, match="more than 1000 bytes"):
        downloader().fetch(f"{publisher.url}/long", target, NOTHING, 1000)
    assert target.stat().st_size <= 1000


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("file:///etc/passwd", "redirects to 'file', which is no web address"),
        ("ftp://127.0.0.1/x", "redirects to 'ftp', which is no web address"),
        ("/kev.json", "more than 5 redirects"),
        ("http://x:y/", "Invalid"),
    ],
)
def test_redirects_lead_nowhere_but_the_web_and_not_for_ever(
    publisher: Publisher, target: Path, to: str, said: str
) -> None:
    publisher.answers["/kev.json"] = [(302, {"Location": to})] * 20
    assert said in refusal(f"{publisher.url}/kev.json", target)


def test_a_redirect_from_tls_to_plain_text_is_refused(
    publisher: Publisher, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Publisher(tls=tmp_path) as secure:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert downloader().fetch(f"{secure.url}/kev.json", target, NOTHING)
        secure.answers["/kev.json"] = [(302, {"Location": f"{publisher.url}/kev.json?t=hunter2"})]
        said = refusal(f"{secure.url}/kev.json", target)
    assert f"redirects from https to {publisher.url}/kev.json" in said
    assert "hunter2" not in said


def test_a_certificate_nobody_vouches_for_is_refused(target: Path, tmp_path: Path) -> None:
    with Publisher(tls=tmp_path) as secure:
        assert "certificate verify failed" in refusal(f"{secure.url}/kev.json", target)


def test_a_login_does_not_travel_to_another_host(publisher: Publisher, target: Path) -> None:
    with Publisher() as other:
        publisher.answers["/kev.json"] = [(302, {"Location": f"{other.url}/kev.json"})]
        address = publisher.url.replace("//", "//user:hunter2@")
        assert downloader().fetch(f"{address}/kev.json", target, NOTHING)
        assert "Authorization" in publisher.asked[0]
        assert "Authorization" not in other.asked[0]


def test_a_web_page_is_no_feed(publisher: Publisher, target: Path) -> None:
    publisher.headers["/kev.json"] = {"Content-Type": "Text/HTML; charset=utf-8"}
    assert "answered with a web page" in refusal(f"{publisher.url}/kev.json", target)


def test_a_file_that_is_packed_by_its_name_may_be_called_encoded(
    publisher: Publisher, target: Path
) -> None:
    for path in ("/epss.csv.gz", "/kev.json"):
        publisher.headers[path] = {"Content-Encoding": "gzip"}
    downloader().fetch(f"{publisher.url}/epss.csv.gz", target, NOTHING)
    assert target.read_bytes() == publisher.files["/epss.csv.gz"]
    assert "in an encoding nobody asked for" in refusal(f"{publisher.url}/kev.json", target)


def test_a_proxy_of_the_environment_is_used_and_its_login_is_not_printed(
    publisher: Publisher, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", publisher.url.replace("//", "//user:hunter2@"))
    said = refusal("http://feeds.example/nothing.json", target)
    assert said == "http://feeds.example/nothing.json: answered 404"
    assert "Proxy-Authorization" in publisher.asked[0]


@pytest.mark.parametrize("proxy", ["gopher://x", "http://x:y", "socks5://127.0.0.1:1"])
def test_a_proxy_that_cannot_be_used_is_a_usage_error(
    publisher: Publisher, target: Path, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(UsageError, match="a proxy in the environment"):
        downloader().fetch(f"{publisher.url}/kev.json", target, NOTHING)


@pytest.mark.parametrize(
    "url", ["ftp://x/y", "file:///etc/passwd", "nothing", "http://", "http://x:y", "http://\udc00"]
)
def test_what_is_no_web_address_is_a_usage_error(target: Path, url: str) -> None:
    with pytest.raises(UsageError):
        downloader().fetch(url, target, NOTHING)


def test_credentials_in_an_address_are_not_printed(publisher: Publisher, target: Path) -> None:
    url = publisher.url.replace("//", "//user:hunter2@") + "/nothing?token=hunter2"
    assert refusal(url, target) == f"{publisher.url}/nothing: answered 404"
    assert shown(url) == f"{publisher.url}/nothing"


def test_headers_without_end_are_refused(publisher: Publisher, target: Path) -> None:
    publisher.drip["/long"] = b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 20)
    began = time.monotonic()
    assert refusal(f"{publisher.url}/long", target)
    assert time.monotonic() - began < 5


def test_reading_starts_no_thread_that_outlives_it(publisher: Publisher, target: Path) -> None:
    script = (
        "import sys, threading\n"
        "from pathlib import Path\n"
        "from sealmark.adapters.advisory_download import Downloader, Validators\n"
        "Downloader().fetch(sys.argv[1], Path(sys.argv[2]), Validators())\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
    )
    command = [sys.executable, "-c", script, f"{publisher.url}/kev.json", str(target)]
    assert subprocess.run(command, timeout=30, check=False).returncode == 0


def test_a_disk_that_takes_no_more_costs_the_feed_and_not_the_program(publisher: Publisher) -> None:
    with pytest.raises(ServiceError, match="cannot be kept: No space left on device"):
        downloader().fetch(f"{publisher.url}/kev.json", Path("/dev/full"), NOTHING)
