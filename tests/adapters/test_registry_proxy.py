"""Registries behind a real proxy that wants a login: plain, and over a tunnel to TLS."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.proxy import RunningProxy, behind_tls, running_proxy
from tests.support.registry import push, running_registry
from tests.support.shop import build_shop
from tests.support.shop_registry import LOGIN, guarded_registry, log_in, sealmark

from sealmark.adapters.registry import Access, open_registry
from sealmark.adapters.registry_proxy import Proxies
from sealmark.artifact.repository import parse_image_name
from sealmark.errors import ServiceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "Pr0xySecret"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    build_shop(tmp_path)
    return tmp_path


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[RunningProxy]:
    with running_proxy(tmp_path / "proxy", "carol", PASSWORD) as running:
        yield running


def beyond(address: str) -> str:
    """The same address under a name that nobody takes for loopback, and so goes over a proxy."""
    return address.replace("127.0.0.1", "0.0.0.0")  # connected to, not bound


def secrets_in(directory: Path) -> list[Path]:
    """Files of the state that hold a password."""
    words = [PASSWORD.encode(), LOGIN[1].encode()]
    files = [path for path in directory.rglob("*") if path.is_file()]
    return [path for path in files if any(word in path.read_bytes() for word in words)]


def test_a_tls_registry_is_reached_through_the_tunnel(shop: Path, proxy: RunningProxy) -> None:
    with guarded_registry(shop, "0.0.0.0") as address:  # a name in a certificate
        host = beyond(address)
        log_in(shop, host, LOGIN[1])
        command = ("check", f"{host}/team/shop:1.0", "--registry-ca", "ca.pem")
        through = f"http://carol:{PASSWORD}@{proxy.address}"
        done = sealmark(shop, *command, HTTPS_PROXY=through)
        assert done.returncode in (1, 2), done.stderr
        assert f"CONNECT {host}" in proxy.requests()
        assert secrets_in(shop / "state") == []
        for login in ("", "carol:wrong@"):
            done = sealmark(shop, *command, https_proxy=f"http://{login}{proxy.address}")
            assert (done.returncode, len(done.stderr.splitlines())) == (5, 1)
            assert "the proxy refuses the login" in done.stderr
            assert "wrong" not in done.stderr
        before = proxy.requests()
        done = sealmark(shop, *command, HTTPS_PROXY=through, NO_PROXY="10.0.0.0/8, 0.0.0.0/32")
        assert done.returncode in (1, 2), done.stderr
        assert proxy.requests() == before


def test_a_proxy_may_speak_tls_itself(shop: Path, proxy: RunningProxy) -> None:
    with guarded_registry(shop, "0.0.0.0") as address:  # a name in a certificate
        host = beyond(address)
        log_in(shop, host, LOGIN[1])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(shop / "server.crt", shop / "server.key")
        with behind_tls(proxy, context) as secured:
            through = f"https://carol:{PASSWORD}@{secured}"
            command = ("check", f"{host}/team/shop:1.0", "--registry-ca", "ca.pem")
            done = sealmark(shop, *command, HTTPS_PROXY=through)
            assert done.returncode in (1, 2), done.stderr
            done = sealmark(shop, *command[:2], HTTPS_PROXY=through)
            assert (done.returncode, len(done.stderr.splitlines())) == (5, 1)
            assert PASSWORD not in done.stderr
    assert f"CONNECT {host}" in proxy.requests()


def test_a_plain_registry_is_reached_through_the_proxy(shop: Path, proxy: RunningProxy) -> None:
    with running_registry(shop / "registry") as address:
        with httpx.Client() as client:
            push(shop / "shop", f"http://{address}", "team/shop", client)
        command = ("check", f"{beyond(address)}/team/shop:1.0", "--plain-http")
        through = f"http://carol:{PASSWORD}@{proxy.address}"
        done = sealmark(shop, *command, HTTP_PROXY=through)
        assert done.returncode in (1, 2), done.stderr
        assert f"http://{beyond(address)}/v2/team/shop/manifests/1.0" in proxy.requests()
        done = sealmark(shop, *command, HTTP_PROXY=f"http://carol:wrong@{proxy.address}")
        assert (done.returncode, len(done.stderr.splitlines())) == (5, 1)
        assert "login" in done.stderr
        assert "wrong" not in done.stderr


def test_registries_on_this_machine_are_reached_directly(shop: Path, proxy: RunningProxy) -> None:
    with running_registry(shop / "registry") as address:
        with httpx.Client() as client:
            push(shop / "shop", f"http://{address}", "team/shop", client)
        done = sealmark(
            shop, "check", f"{address}/team/shop:1.0", ALL_PROXY=f"http://{proxy.address}"
        )
    assert done.returncode in (1, 2), done.stderr
    assert "team/shop" not in proxy.requests()


def test_a_proxy_that_is_not_there_is_one_line_without_its_password(shop: Path) -> None:
    nowhere = f"http://carol:{PASSWORD}@127.0.0.1:1"
    done = sealmark(shop, "check", "registry.invalid/shop", ALL_PROXY=nowhere)
    assert (done.returncode, len(done.stderr.splitlines())) == (5, 1)
    assert PASSWORD not in done.stderr


@pytest.mark.parametrize("value", [f"socks5://a:{PASSWORD}@x", "http://", f"ftp://:{PASSWORD}@x"])
def test_a_proxy_of_an_unknown_kind_is_a_usage_error_without_its_password(value: str) -> None:
    with pytest.raises(UsageError, match="HTTPS_PROXY") as caught:
        Proxies({"HTTPS_PROXY": value}).proxy_for(httpx.URL("https://registry.example/"))
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("exempt", "url", "direct"),
    [
        ("*", "https://registry.example", True),
        ("example", "https://registry.example", True),
        ("registry.example", "https://registry.example", True),
        (".registry.example", "https://registry.example", False),
        ("*.example", "https://registry.example", True),
        ("gistry.example", "https://registry.example", False),
        ("registry.example:5000", "https://registry.example", False),
        ("registry.example:443", "https://registry.example", True),
        ("REGISTRY.example:5000 , x", "https://registry.example:5000", True),
        ("10.0.0.0/8", "https://10.1.2.3:5000", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.1.2.3:5000", "https://10.1.2.3:5000", True),
        ("fd00::/8", "https://[fd00::1]:5000", True),
        ("[fd00::1]:5000", "https://[fd00::1]:5000", True),
        ("0/0,%%%,:", "https://registry.example", False),
        ("", "https://127.0.0.1:5000", True),
        ("", "https://[::1]", True),
        ("", "https://localhost:1", True),
    ],
)
def test_no_proxy_names_hosts_domains_ports_and_networks(
    exempt: str, url: str, direct: bool
) -> None:
    environment = {"HTTPS_PROXY": "http://p.example:3128", "no_proxy": exempt}
    assert (Proxies(environment).proxy_for(httpx.URL(url)) is None) == direct


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("403 Filtered", "refuses to connect: 403 Filtered"),
        ("407 Proxy Authentication Required", "refuses the login"),
    ],
)
def test_a_tunnel_that_is_refused_is_not_asked_for_again(status: str, words: str) -> None:
    answers = iter([f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()])

    def answer_once() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1 << 16)
            connection.sendall(next(answers))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        environment = {"ALL_PROXY": f"http://127.0.0.1:{listener.getsockname()[1]}"}
        threading.Thread(target=answer_once).start()
        name = parse_image_name("registry.invalid/shop")
        with (
            open_registry(name, Access(environment=environment), lambda: None) as source,
            pytest.raises(ServiceError, match=words),
        ):
            source.manifest(None)


@given(st.text(max_size=40) | st.from_regex(r"[0-9./:,*a-z\[\]]{0,30}", fullmatch=True))
def test_any_list_of_exceptions_is_read(exempt: str) -> None:
    for url in ("https://registry.example:5000", "http://10.0.0.1", "https://[fd00::1]"):
        Proxies({"all_proxy": "http://p:1", "no_proxy": exempt}).proxy_for(httpx.URL(url))


def test_a_proxys_login_does_not_show_itself() -> None:
    environment = {"https_proxy": f"http://carol:{PASSWORD}%40@p.example:3128"}
    proxy = Proxies(environment).proxy_for(httpx.URL("https://registry.example"))
    assert proxy is not None
    assert proxy.login == ("carol", f"{PASSWORD}@")
    assert PASSWORD not in repr((proxy, Proxies(environment)))
