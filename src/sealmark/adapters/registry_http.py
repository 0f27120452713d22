"""HTTP with patience and limits: retries, bounded waits, bounded bodies, TLS with private CAs."""

from __future__ import annotations

import ssl
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from sealmark.errors import ServiceError, UnreadableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

CERTIFICATE_DIRECTORIES = (Path("/etc/containers/certs.d"), Path("/etc/docker/certs.d"))
_TRY_AGAIN = frozenset({408, 429, 500, 502, 503, 504})


class BrokenOffError(UnreadableError):
    """A body ended before the length it was announced with."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a registry is waited for: seconds, attempts, and bytes a second at the least."""

    connect: float = 10.0
    read: float = 30.0
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


class PatientClient:
    """Sends requests again while there is hope; every trouble becomes one of our errors."""

    def __init__(
        self,
        client: httpx.Client,
        patience: Patience,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._patience = patience
        self._sleep = sleep

    def send(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Return the answer, its body not read yet; redirects are the caller's to judge.

        Raises ServiceError when there is none after the last attempt.
        """
        trouble = ""
        for attempt in range(1, self._patience.attempts + 1):
            asked: float | None = None
            try:
                request = self._client.build_request(method, url, headers=headers, data=form)
                response = self._client.send(request, stream=True)
            except httpx.TransportError as error:
                _give_up_on_certificate(url, error)
                trouble = _short(error)
            except (ValueError, httpx.InvalidURL) as error:  # httpx looks at a Location itself
                raise ServiceError(f"{url.host}: redirects to what is no address") from error
            else:
                if response.status_code not in _TRY_AGAIN:
                    return response
                trouble = f"it answers {response.status_code}"
                asked = _retry_after(response)
                response.close()
            if attempt < self._patience.attempts:
                self._sleep(self._patience.before(attempt, asked))
        raise ServiceError(
            f"{url.host}: {trouble}, {self._patience.attempts} times; try again later"
        )

    def chunks(self, response: httpx.Response, most: int, what: str) -> Iterator[bytes]:
        """Yield the body as stored, at most `most` bytes of it.

        Raises UnreadableError when it is longer or breaks off, ServiceError when it stalls.
        """
        started, total = time.monotonic(), 0
        try:
            for chunk in response.iter_raw():
                total += len(chunk)
                if total > most:
                    raise UnreadableError(f"{what} is larger than {most} bytes")
                if time.monotonic() - started > self._patience.allowed(total):
                    raise ServiceError(f"{response.url.host}: {what} comes too slowly")
                yield chunk
        except httpx.RemoteProtocolError as error:
            raise BrokenOffError(f"{what} breaks off after {total} bytes") from error
        except httpx.TransportError as error:
            raise ServiceError(
                f"{response.url.host}: {what}, after {total} bytes: {_short(error)}"
            ) from error

    def read(self, response: httpx.Response, most: int, what: str) -> bytes:
        """Return the whole body, at most `most` bytes, and close the response."""
        with closing(response):
            return b"".join(self.chunks(response, most, what))

    def speaks_tls(self, registry: str) -> bool:
        """Return False if what listens there answers, but not in TLS."""
        request = self._client.build_request("GET", f"https://{registry}/v2/")
        try:
            self._client.send(request, stream=True).close()
        except httpx.TransportError as error:
            cause = _ssl_error(error)
            return cause is None or isinstance(cause, ssl.SSLCertVerificationError)
        return True


def open_client(
    tls: ssl.SSLContext, patience: Patience, *, trust_environment: bool
) -> httpx.Client:
    """Return a client that follows no redirect by itself; proxies come from the environment.

    Raises UsageError for proxies that make no sense.
    """
    try:
        return httpx.Client(
            verify=tls,
            trust_env=trust_environment,
            follow_redirects=False,
            timeout=httpx.Timeout(patience.read, connect=patience.connect),
            headers={"User-Agent": "sealmark", "Accept-Encoding": "identity"},
        )
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise UsageError("a proxy in the environment (HTTPS_PROXY …) cannot be used") from error


def read_url(text: str, base: httpx.URL | None = None) -> httpx.URL | None:
    """Return an http or https address with a host and without a login; None for all else."""
    try:
        url = base.join(text) if base else httpx.URL(text)
        sound = url.scheme in ("http", "https") and url.host and not url.userinfo
    except (ValueError, httpx.InvalidURL):
        return None
    return url if sound else None


def tls_context(
    registry: str,
    authority: Path | None,
    directories: Sequence[Path] = CERTIFICATE_DIRECTORIES,
) -> ssl.SSLContext:
    """Return what trusts the system's CAs, those in certs.d/REGISTRY/*.crt, and `authority`.

    Raises UsageError for a file that holds no certificate.
    """
    paths = ssl.get_default_verify_paths()
    known = paths.cafile or paths.capath
    context = ssl.create_default_context() if known else httpx.create_ssl_context()
    found = [path for one in directories for path in sorted((one / registry).glob("*.crt"))]
    for path in [*found, *([authority] if authority else [])]:
        try:
            context.load_verify_locations(path)
        except (OSError, ValueError) as error:
            raise UsageError(f"{path}: no CA certificate can be read from it") from error
    return context


def _give_up_on_certificate(url: httpx.URL, error: httpx.TransportError) -> None:
    cause = _ssl_error(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        raise ServiceError(
            f"{url.host}: its certificate is not trusted ({cause.verify_message}); "
            "name its CA with --registry-ca FILE"
        ) from error


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
