"""Which proxy leads to a host: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, read as by Go.

A proxy's login is sent to it alone and shown nowhere.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

import httpcore
import httpx

from sealmark.errors import UsageError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the login it wants."""

    address: httpx.URL
    login: tuple[str, str] | None = field(default=None, repr=False)

    def for_httpcore(self, tls_for: Callable[[str], ssl.SSLContext]) -> httpcore.Proxy:
        """Return it as the connection pool takes it; a proxy's CAs are found as a registry's."""
        secured = self.address.scheme == "https"
        login = self.login
        return httpcore.Proxy(
            httpcore.URL(
                scheme=self.address.raw_scheme,
                host=self.address.raw_host,
                port=self.address.port,
                target=b"/",
            ),
            auth=(login[0].encode(), login[1].encode()) if login else None,
            ssl_context=tls_for(self.address.netloc.decode("ascii")) if secured else None,
        )


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies of an environment, read when they are first needed."""

    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def proxy_for(self, url: httpx.URL) -> Proxy | None:
        """Return the proxy that leads to `url`, None if it is reached directly.

        Raises UsageError for a variable that names no http or https proxy.
        """
        for variable in (f"{url.scheme}_proxy", "all_proxy"):
            text = self._value(variable)
            if text:
                direct = _is_loopback(url.host) or self._is_exempt(url)
                return None if direct else _read(variable, text)
        return None

    def _value(self, variable: str) -> str:
        """Lower case counts first, as for curl."""
        return self.environment.get(variable) or self.environment.get(variable.upper(), "")

    def _is_exempt(self, url: httpx.URL) -> bool:
        port = url.port or _PORTS[url.scheme]
        entries = (one.strip().lower() for one in self._value("no_proxy").split(","))
        return any(entry and _covers(entry, url.host, port) for entry in entries)


def _read(variable: str, text: str) -> Proxy:
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")
        sound = url.scheme in _PORTS and url.host
    except (ValueError, httpx.InvalidURL):
        sound = False
    if not sound:
        raise UsageError(f"{variable.upper()} names no proxy that can be used: http:// or https://")
    login = (unquote(url.username), unquote(url.password)) if url.userinfo else None
    return Proxy(url.copy_with(userinfo=None, path="/", query=None, fragment=None), login)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _covers(entry: str, host: str, port: int) -> bool:
    """Tell whether a NO_PROXY entry means a host: `*`, a network, an address, a domain."""
    if entry == "*":
        return True
    name, wanted = _split_port(entry)
    if wanted and wanted != str(port):
        return False
    try:
        address = ipaddress.ip_address(host)
        return address in ipaddress.ip_network(name.strip("[]"), strict=False)
    except ValueError:
        bare = name.removeprefix("*").removeprefix(".")
        return bool(bare) and (
            host.endswith(f".{bare}") or (host == bare and not name.startswith((".", "*")))
        )


def _split_port(entry: str) -> tuple[str, str]:
    name, colon, port = entry.rpartition(":")
    if colon and port.isdecimal() and (":" not in name or name.endswith("]")):
        return name, port
    return entry, ""
