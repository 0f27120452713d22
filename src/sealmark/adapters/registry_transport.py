"""Connections with a deadline; each host has its own CAs, client certificate and proxy.

httpx bounds every single wait, so a peer that sends a byte now and then holds it for ever. Here a
request may carry the moment by which its answer has to have begun.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import httpcore
import httpx

from sealmark.errors import ServiceError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator

    from sealmark.adapters.registry_proxy import Proxies

DEADLINE = "sealmark.deadline"
_MOST_HOSTS = 32
_MOST_CONNECTIONS = 16


class HostTransport(httpx.BaseTransport):
    """Sends requests over pools, one for each scheme, host and port."""

    def __init__(self, tls_for: Callable[[str], ssl.SSLContext], proxies: Proxies) -> None:
        self._tls_for = tls_for
        self._proxies = proxies
        self._network = _Network()
        self._pools: dict[tuple[str, str], httpcore.ConnectionPool] = {}
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` before the deadline in its extensions, if there is one."""
        pool = self._pool(request.url)
        outgoing = httpcore.Request(
            request.method,
            httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=cast("httpx.SyncByteStream", request.stream),
            extensions=request.extensions,
        )
        with _as_httpx(), self._network.until(request.extensions.get(DEADLINE)):
            answer = pool.handle_request(outgoing)
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(answer),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for pool in self._pools.values():
                pool.close()
            self._pools.clear()

    def _pool(self, url: httpx.URL) -> httpcore.ConnectionPool:
        key = (url.scheme, url.netloc.decode("ascii"))
        with self._lock:
            pool = self._pools.get(key)
            if pool is None:
                if len(self._pools) >= _MOST_HOSTS:
                    raise ServiceError(f"{url.host}: one host too many, after {_MOST_HOSTS}")
                pool = self._pools[key] = self._new_pool(url, key[1])
            return pool

    def _new_pool(self, url: httpx.URL, host: str) -> httpcore.ConnectionPool:
        proxy = self._proxies.proxy_for(url)
        return httpcore.ConnectionPool(
            ssl_context=self._tls_for(host) if url.scheme == "https" else None,
            proxy=proxy.for_httpcore(self._tls_for) if proxy else None,
            max_connections=_MOST_CONNECTIONS,
            keepalive_expiry=5.0,
            network_backend=self._network,
        )


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


@contextmanager
def _as_httpx() -> Iterator[None]:
    """Turn httpcore's errors into httpx's of the same name."""
    try:
        yield
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.ProxyError,
        httpcore.UnsupportedProtocol,
    ) as error:
        kind = getattr(httpx, type(error).__name__, httpx.NetworkError)
        raise kind(str(error)) from error


class _Network(httpcore.NetworkBackend):
    """The usual network, but no wait of a thread lasts beyond the moment set for it."""

    def __init__(self) -> None:
        self._plain = httpcore.SyncBackend()
        self._limit = threading.local()

    @contextmanager
    def until(self, moment: float | None) -> Iterator[None]:
        self._limit.moment = moment
        try:
            yield
        finally:
            self._limit.moment = None

    def within(self, timeout: float | None, error: type[Exception]) -> float | None:
        moment: float | None = getattr(self._limit, "moment", None)
        if moment is None:
            return timeout
        left = moment - time.monotonic()
        if left <= 0:
            raise error("no answer in time")
        return left if timeout is None else min(left, timeout)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        allowed = self.within(timeout, httpcore.ConnectTimeout)
        stream = self._plain.connect_tcp(host, port, allowed, local_address, socket_options)
        return _Stream(stream, self)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, network: _Network) -> None:
        self._stream = stream
        self._network = network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._network.within(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._network.within(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        allowed = self._network.within(timeout, httpcore.ConnectTimeout)
        secured = self._stream.start_tls(ssl_context, server_hostname, allowed)
        return _Stream(secured, self._network)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
