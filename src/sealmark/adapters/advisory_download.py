"""Files over HTTP: asked for only if changed, bounded in size and time, tried again if worth it."""

from __future__ import annotations

import ssl
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from sealmark.adapters.advisory_deadline import Deadline
from sealmark.errors import ServiceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_MAX_REDIRECTS = 5
_MAX_VALIDATOR = 1000
_LONGEST_WAIT = 30.0
_WORTH_ANOTHER_TRY = frozenset({408, 429, 500, 502, 503, 504})
_HEADERS = {"User-Agent": "sealmark", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server called one version of a file (RFC 9110, section 8.8); empty where unsaid."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most one download may take, all attempts and redirects together."""

    size: int = 2 << 30
    seconds: float = 900
    idle: float = 30
    attempts: int = 3


class _AgainError(Exception):
    """Failed in a way that may pass; `wait` is how long the server asked for."""

    def __init__(self, why: str, wait: float = 0.0) -> None:
        super().__init__(why)
        self.wait = wait


class Downloader:
    """Fetches files, one after the other. Proxies and CAs are those of the environment."""

    def __init__(
        self, budget: Budget | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._budget = budget or Budget()
        self._sleep = sleep

    def fetch(
        self, url: str, target: Path, known: Validators, size: int = 2 << 30
    ) -> Validators | None:
        """Write what `url` holds to `target`; return its validators, None if it did not change.

        At most `size` bytes, or the budget's. Raises UsageError for what is no HTTP address,
        ServiceError, naming the address without its credentials, where the file cannot be had.
        """
        name = shown(url)
        deadline = Deadline(self._budget.seconds)
        most = min(size, self._budget.size)
        for attempt in range(1, self._budget.attempts + 1):
            try:
                return self._attempt(url, target, known, (deadline, most))
            except _AgainError as error:
                if deadline.passed:
                    raise ServiceError(f"{name}: {deadline.why}") from None
                if attempt == self._budget.attempts:
                    raise ServiceError(f"{name}: {error}, {attempt} times") from None
                pause = min(max(error.wait, 0.5 * 2**attempt), _LONGEST_WAIT)
                self._sleep(min(pause, deadline.left))
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise ServiceError(f"{name}: {_words(error)}") from None
            except OSError as error:  # the disk: what the network does is httpx's error
                raise ServiceError(f"{name}: cannot be kept: {error.strerror}") from None
            except ServiceError as error:
                raise ServiceError(f"{name}: {error}") from None
        raise AssertionError("a download is tried at least once")

    def _attempt(
        self, url: str, target: Path, known: Validators, bounds: tuple[Deadline, int]
    ) -> Validators | None:
        deadline, most = bounds
        try:
            with (
                deadline.watch() as trace,
                self._client() as client,
                closing(_final(client, url, _conditions(known), trace)) as response,
            ):
                if response.status_code == httpx.codes.NOT_MODIFIED and known != Validators():
                    return None
                _check(response)
                _save(response, target, deadline, most)
                return _validators(response.headers)
        except (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError) as error:
            raise _AgainError(_words(error)) from None

    def _client(self) -> httpx.Client:
        try:
            return httpx.Client(
                headers=_HEADERS,
                timeout=self._budget.idle,
                verify=_trusted(),
                follow_redirects=False,
            )
        except (ValueError, ImportError, httpx.InvalidURL):
            raise UsageError("a proxy in the environment (HTTPS_PROXY …) cannot be used") from None


def shown(url: str) -> str:
    """Return an address as it may be printed or stored: no credentials, no query.

    Raises UsageError for what is no http or https address.
    """
    try:
        read = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise UsageError("an address of a feed is no URL") from None
    if read.scheme not in ("http", "https") or not read.host:
        raise UsageError(f"expected an http or https address of a feed, got {read.scheme[:20]!a}")
    return _shown(read)


def _shown(url: httpx.URL) -> str:
    port = f":{url.port}" if url.port else ""
    return f"{url.scheme}://{url.host}{port}{url.path}"[:300]


def _trusted() -> ssl.SSLContext:
    """Trust the system's CAs, or those SSL_CERT_FILE names; httpx's own where there are none."""
    paths = ssl.get_default_verify_paths()
    known = paths.cafile or paths.capath
    return ssl.create_default_context() if known else httpx.create_ssl_context()


def _final(
    client: httpx.Client, url: str, conditions: dict[str, str], trace: Callable[..., None]
) -> httpx.Response:
    """Return the answer at the end of the redirects; none may leave the web, or TLS for plain."""
    request = client.build_request("GET", url, headers=conditions)
    for _ in range(_MAX_REDIRECTS + 1):
        request.extensions["trace"] = trace
        response = client.send(request, stream=True)
        following = response.next_request
        if following is None:
            return response
        response.close()
        if following.url.scheme not in ("http", "https"):
            raise ServiceError(
                f"redirects to {following.url.scheme[:20]!a}, which is no web address"
            )
        if request.url.scheme == "https" and following.url.scheme != "https":
            raise ServiceError(f"redirects from https to {_shown(following.url)}")
        request = following
    raise ServiceError(f"more than {_MAX_REDIRECTS} redirects")


def _conditions(known: Validators) -> dict[str, str]:
    headers = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in headers.items() if value}


def _check(response: httpx.Response) -> None:
    code = response.status_code
    if code in _WORTH_ANOTHER_TRY:
        asked = response.headers.get("Retry-After", "")
        seconds = float(asked) if asked.isascii() and asked.isdecimal() else 0.0
        raise _AgainError(f"answered {code}", seconds)
    if code != httpx.codes.OK:
        raise ServiceError(f"answered {code}")
    if response.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "text/html":
        raise ServiceError("answered with a web page where a feed was expected")
    # Some servers call the packing of a file that ends in .gz an encoding; it is kept as it is.
    fine = ("identity", "gzip", "x-gzip") if response.url.path.endswith(".gz") else ("identity",)
    if response.headers.get("Content-Encoding", "identity").lower() not in fine:
        raise ServiceError("answered in an encoding nobody asked for")


def _save(response: httpx.Response, target: Path, deadline: Deadline, most: int) -> None:
    announced = response.headers.get("Content-Length", "")
    if announced.isascii() and announced.isdecimal() and int(announced[:20]) > most:
        raise ServiceError(f"more than {most} bytes are announced")
    size = 0
    with target.open("wb") as file:
        for chunk in response.iter_raw():
            size += len(chunk)
            if size > most:
                raise ServiceError(f"more than {most} bytes")
            if deadline.passed:
                raise ServiceError(deadline.why)
            file.write(chunk)


def _validators(headers: httpx.Headers) -> Validators:
    etag, modified = headers.get("ETag", ""), headers.get("Last-Modified", "")
    fits = [
        value if len(value) <= _MAX_VALIDATOR and value.isascii() and value.isprintable() else ""
        for value in (etag, modified)
    ]
    return Validators(*fits)


def _words(error: Exception) -> str:
    text = "".join(c for c in str(error) if c.isprintable())
    return text[:200] or type(error).__name__
