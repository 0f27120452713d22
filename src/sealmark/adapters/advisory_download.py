"""Files over HTTP: asked for only if changed, bounded in size and time, tried again if worth it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import httpx

from sealmark.errors import ServiceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_CHUNK = 1 << 18
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
    """The most one download may take."""

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
    """Fetches files one after the other over shared connections. Use as a context manager."""

    def __init__(
        self, budget: Budget | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._budget = budget or Budget()
        self._sleep = sleep
        self._client = httpx.Client(
            headers=_HEADERS,
            timeout=self._budget.idle,
            follow_redirects=True,
            max_redirects=_MAX_REDIRECTS,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def fetch(self, url: str, target: Path, known: Validators) -> Validators | None:
        """Write what `url` holds to `target`; return its validators, None if it did not change.

        Raises UsageError for what is no HTTP address, ServiceError, naming the address without
        its credentials, where the file cannot be had.
        """
        shown = _shown(url)
        deadline = time.monotonic() + self._budget.seconds
        for attempt in range(1, self._budget.attempts + 1):
            try:
                return self._attempt(url, target, known, deadline)
            except _AgainError as error:
                if attempt == self._budget.attempts:
                    raise ServiceError(f"{shown}: {error}, {attempt} times") from None
                self._sleep(min(max(error.wait, 0.5 * 2**attempt), _LONGEST_WAIT))
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise ServiceError(f"{shown}: {_words(error)}") from None
            except ServiceError as error:
                raise ServiceError(f"{shown}: {error}") from None
        raise AssertionError("a download is tried at least once")

    def _attempt(
        self, url: str, target: Path, known: Validators, deadline: float
    ) -> Validators | None:
        try:
            with self._client.stream("GET", url, headers=_conditions(known)) as response:
                if response.status_code == httpx.codes.NOT_MODIFIED and known != Validators():
                    return None
                _check(response)
                self._save(response, target, deadline)
                return _validators(response.headers)
        except (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError) as error:
            raise _AgainError(_words(error)) from None

    def _save(self, response: httpx.Response, target: Path, deadline: float) -> None:
        size = 0
        with target.open("wb") as file:
            for chunk in response.iter_raw(_CHUNK):
                size += len(chunk)
                if size > self._budget.size:
                    raise ServiceError(f"more than {self._budget.size} bytes")
                if time.monotonic() > deadline:
                    raise ServiceError(f"not done after {self._budget.seconds:g} seconds")
                file.write(chunk)


def _shown(url: str) -> str:
    """Return an address as it may be printed: no credentials, no query."""
    try:
        read = httpx.URL(url)
    except httpx.InvalidURL:
        raise UsageError("an address of a feed is no URL") from None
    if read.scheme not in ("http", "https") or not read.host:
        raise UsageError(f"expected an http or https address of a feed, got {read.scheme[:20]!a}")
    port = f":{read.port}" if read.port else ""
    return f"{read.scheme}://{read.host}{port}{read.path}"[:300]


def _conditions(known: Validators) -> dict[str, str]:
    headers = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in headers.items() if value}


def _check(response: httpx.Response) -> None:
    code = response.status_code
    if code in _WORTH_ANOTHER_TRY:
        asked = response.headers.get("Retry-After", "")
        raise _AgainError(f"answered {code}", float(asked) if asked.isdecimal() else 0.0)
    if code != httpx.codes.OK:
        raise ServiceError(f"answered {code}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise ServiceError("answered in an encoding nobody asked for")


def _validators(headers: httpx.Headers) -> Validators:
    etag, modified = headers.get("ETag", ""), headers.get("Last-Modified", "")
    fits = [value if len(value) <= _MAX_VALIDATOR else "" for value in (etag, modified)]
    return Validators(*fits)


def _words(error: Exception) -> str:
    text = "".join(c for c in str(error) if c.isprintable())
    return text[:200] or type(error).__name__
