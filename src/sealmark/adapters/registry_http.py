"""HTTP with patience and limits: retries, deadlines, bounded bodies."""

from __future__ import annotations

import ssl
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import inf
from typing import TYPE_CHECKING, NamedTuple

import httpx

from sealmark.adapters.registry_transport import DEADLINE, HostTransport
from sealmark.errors import ServiceError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sealmark.adapters.registry_proxy import Proxies

_UNTIL = "sealmark.until"
_TRY_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_NOT_DONE = frozenset({429, 503})
_HARMLESS = frozenset({"GET", "HEAD", "PUT"})
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)


class BrokenOffError(UnreadableError):
    """A body ended before the length it was announced with."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a registry is waited for: seconds, attempts, and bytes a second at the least.

    `request` is for one request until its answer begins, `operation` for all that leads to one
    document or to the first byte of a blob: logins, redirects, attempts and the pauses between.
    """

    connect: float = 10.0
    read: float = 30.0
    request: float = 60.0
    operation: float = 300.0
    attempts: int = 4
    pause: float = 0.5
    longest_pause: float = 30.0
    slowest: int = 4096

    def allowed(self, received: int) -> float:
        """Return how many seconds so many bytes may have taken."""
        return self.read + received / self.slowest

    def before(self, attempt: int, asked: float | None) -> float:
        """Return how long to pause after `attempt`: as the peer asked, but never endlessly."""
        wanted = self.pause * 2 ** (attempt - 1) if asked is None else asked
        return min(max(wanted, 0.0), self.longest_pause)


class _Trouble(NamedTuple):
    """Why an attempt failed, and how long the peer asks to be left alone."""

    text: str
    is_hopeless: bool = False
    asked: float | None = None


class PatientClient:
    """Sends requests again while there is hope; every trouble becomes one of our errors."""

    def __init__(
        self,
        client: httpx.Client,
        patience: Patience,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self.patience = patience
        self._sleep = sleep

    def send(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        until: float,
        *,
        form: Mapping[str, str] | None = None,
        content: bytes | Iterable[bytes] = b"",
    ) -> httpx.Response:
        """Return the answer, its body not read yet; redirects are the caller's to judge.

        What may have had an effect is not sent again. Raises ServiceError when there is no answer
        after the last attempt, or `until` then.
        """
        again = method in _HARMLESS and isinstance(content, bytes)
        most = self.patience.attempts if isinstance(content, bytes) else 1
        trouble, attempt = _Trouble("no answer in time"), 0
        while attempt < most and time.monotonic() < until:
            attempt += 1
            request = self._request(method, url, headers, form, content, until)
            outcome = self._attempt(request, again=again)
            if isinstance(outcome, httpx.Response):
                return outcome
            trouble = outcome
            if trouble.is_hopeless or not self._pause(attempt, trouble.asked, until):
                break
        raise ServiceError(f"{url.host}: {trouble.text}, {_times(attempt)}; try again later")

    def _attempt(self, request: httpx.Request, *, again: bool) -> httpx.Response | _Trouble:
        try:
            response = self._client.send(request, stream=True)
        except httpx.TransportError as error:
            _give_up_on_certificate(request.url, error)
            _give_up_on_proxy(request.url, error)
            return _Trouble(_short(error), not again and not isinstance(error, _NEVER_SENT))
        except (ValueError, httpx.InvalidURL) as error:  # httpx looks at a Location itself
            raise ServiceError(f"{request.url.host}: redirects to what is no address") from error
        status = response.status_code
        if status not in _TRY_AGAIN or not (again or status in _NOT_DONE):
            return response
        response.close()
        return _Trouble(f"it answers {status}", asked=_retry_after(response))

    def _request(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None,
        content: bytes | Iterable[bytes],
        until: float,
    ) -> httpx.Request:
        allowed = min(until, time.monotonic() + self.patience.request)
        if not isinstance(content, bytes):
            allowed = until
        return self._client.build_request(
            method,
            url,
            headers=headers,
            data=form,
            content=None if form else content or None,
            extensions={DEADLINE: allowed, _UNTIL: until},
        )

    def _pause(self, attempt: int, asked: float | None, until: float) -> bool:
        """Wait for the next attempt; False, at once, if there is to be none."""
        pause = self.patience.before(attempt, asked)
        if attempt >= self.patience.attempts or time.monotonic() + pause >= until:
            return False
        self._sleep(pause)
        return True

    def chunks(
        self, response: httpx.Response, most: int, what: str, until: float = inf
    ) -> Iterator[bytes]:
        """Yield the body as stored, at most `most` bytes of it.

        Raises UnreadableError when it is longer or breaks off, ServiceError when it stalls or goes
        on beyond `until`.
        """
        started, total = time.monotonic(), 0
        try:
            for chunk in response.iter_raw():
                total += len(chunk)
                if total > most:
                    raise UnreadableError(f"{what} is larger than {most} bytes")
                now = time.monotonic()
                if now > until or now - started > self.patience.allowed(total):
                    raise ServiceError(f"{response.url.host}: {what} comes too slowly")
                yield chunk
        except httpx.RemoteProtocolError as error:
            raise BrokenOffError(f"{what} breaks off after {total} bytes") from error
        except httpx.TransportError as error:
            raise ServiceError(
                f"{response.url.host}: {what}, after {total} bytes: {_short(error)}"
            ) from error

    def read(self, response: httpx.Response, most: int, what: str) -> bytes:
        """Return the whole body, at most `most` bytes, and close the response.

        It has to be there by the time that the request was given.
        """
        until = response.request.extensions.get(_UNTIL, inf)
        with closing(response):
            return b"".join(self.chunks(response, most, what, until))

    def speaks_tls(self, registry: str) -> bool:
        """Return False if what listens there answers, but not in TLS."""
        url, until = httpx.URL(f"https://{registry}/v2/"), time.monotonic() + self.patience.request
        request = self._request("GET", url, {}, None, b"", until)
        try:
            self._client.send(request, stream=True).close()
        except httpx.TransportError as error:
            cause = _ssl_error(error)
            return cause is None or isinstance(cause, ssl.SSLCertVerificationError)
        return True


def open_client(
    tls_for: Callable[[str], ssl.SSLContext], proxies: Proxies, patience: Patience
) -> httpx.Client:
    """Return a client that follows no redirect by itself; `tls_for` is asked for each host."""
    return httpx.Client(
        transport=HostTransport(tls_for, proxies),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(patience.read, connect=patience.connect),
        headers={"User-Agent": "sealmark", "Accept-Encoding": "identity"},
    )


def read_url(text: str, base: httpx.URL | None = None) -> httpx.URL | None:
    """Return an http or https address with a host and without a login; None for all else."""
    try:
        url = base.join(text) if base else httpx.URL(text)
        sound = url.scheme in ("http", "https") and url.host and not url.userinfo
    except (ValueError, httpx.InvalidURL):
        return None
    return url if sound else None


def _give_up_on_certificate(url: httpx.URL, error: httpx.TransportError) -> None:
    cause = _ssl_error(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        raise ServiceError(
            f"{url.host}: its certificate is not trusted ({cause.verify_message}); "
            "name its CA with --registry-ca FILE"
        ) from error


def _give_up_on_proxy(url: httpx.URL, error: httpx.TransportError) -> None:
    """A tunnel that is refused; some proxies want a login with 401."""
    answer = str(error) if isinstance(error, httpx.ProxyError) else ""
    if answer.startswith(("401", "407")):
        raise ServiceError(proxy_wants_login(url.host)) from error
    if answer.startswith("4"):
        raise ServiceError(f"{url.host}: the proxy refuses to connect: {_short(error)}") from error


def proxy_wants_login(host: str) -> str:
    """Return what to say when a proxy on the way to `host` answers 407."""
    return f"{host}: the proxy refuses the login, or wants one: http://USER:PASSWORD@HOST:PORT"


def _times(attempts: int) -> str:
    return f"{attempts} times" if attempts > 1 else "once"


def _ssl_error(error: BaseException) -> ssl.SSLError | None:
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None or isinstance(seen, ssl.SSLError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def _short(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    text = "".join(one if one.isprintable() else " " for one in str(error))
    return text[:160] or type(error).__name__


def _retry_after(response: httpx.Response) -> float | None:
    """Read Retry-After: seconds or a date (RFC 9110, 10.2.3); None for anything else."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if at.tzinfo is None:
        return None
    return (at - datetime.now(UTC)).total_seconds()
