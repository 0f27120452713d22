"""Requests below one repository of a registry: logged in, redirected, within their time."""

from __future__ import annotations

import re
import time
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from sealmark.adapters.registry_auth import Authenticator
from sealmark.adapters.registry_http import proxy_wants_login, read_url
from sealmark.errors import SealmarkError, ServiceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import httpx

    from sealmark.adapters.registry_credentials import Credentials
    from sealmark.adapters.registry_http import PatientClient
    from sealmark.artifact.repository import ImageName

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_LARGEST_REASON = 1 << 16
_CODE = re.compile(r"[A-Z_]{1,64}", re.ASCII)


class _Error(msgspec.Struct, frozen=True):
    code: str = ""


class _Errors(msgspec.Struct, frozen=True):
    errors: tuple[_Error, ...] = ()


class Session:
    """One repository. Secrets are looked up once, and only when the registry asks for a login."""

    def __init__(
        self,
        name: ImageName,
        root: httpx.URL,
        http: PatientClient,
        credentials: Callable[[], Credentials | None],
        actions: str = "pull",
    ) -> None:
        self.name = name
        self.http = http
        self._root = root
        self._look_up = credentials
        self._login = Authenticator(
            http, root, f"repository:{name.repository}:{actions}", lambda: self._credentials
        )

    @cached_property
    def _credentials(self) -> Credentials | None:
        return self._look_up()

    def get(self, path: str, headers: Mapping[str, str]) -> httpx.Response:
        """Return the answer for what lies below the repository, wherever it leads."""
        return self.send("GET", path, headers)

    def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        content: Callable[[], bytes | Iterable[bytes]] = bytes,
        size: int = 0,
    ) -> httpx.Response:
        """Return the answer to a request, logged in if it has to be; `content` may be asked twice.

        Raises ServiceError when there is none within the time that an operation may take, and the
        sending of `size` bytes.
        """
        url = self._root.join(path)
        patience = self.http.patience
        until = time.monotonic() + patience.operation + size / patience.slowest
        response = self._follow(method, url, headers, content, until)
        challenge = ", ".join(response.headers.get_list("www-authenticate"))
        if response.status_code == 401 and challenge and self.is_own(response.url):
            response.close()
            if self._login.answer(challenge, until):
                response = self._follow(method, url, headers, content, until)
        return response

    def is_own(self, url: httpx.URL) -> bool:
        """Return whether an address is the registry's own, where secrets may go."""
        return self._login.is_own(url)

    def _follow(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        content: Callable[[], bytes | Iterable[bytes]],
        until: float,
    ) -> httpx.Response:
        """Follow redirects, but only of what reads: nothing is uploaded to where one leads."""
        for _ in range(_MOST_REDIRECTS + 1):
            sent = {**headers, **self._login.headers_for(url)}
            response = self.http.send(method, url, sent, until, content=content())
            if response.status_code not in _REDIRECTS or method not in ("GET", "HEAD"):
                return response
            response.close()
            url = self.target(url, response.headers.get("location", ""))
        raise ServiceError(f"{self.name.registry}: redirects more than {_MOST_REDIRECTS} times")

    def target(self, url: httpx.URL, location: str) -> httpx.URL:
        """Return where a redirect leads; never from https to what others can read and change."""
        target = read_url(location, url) if location else None
        if target is None or (url.scheme == "https" and target.scheme != "https"):
            raise ServiceError(f"{url.host}: redirects to what is no safe address")
        return target

    def expect(self, response: httpx.Response, *wanted: int) -> None:
        """Raise, and close the response, unless its status is a wanted one; say what to do."""
        if response.status_code in wanted:
            return
        reason = self._reason(response)
        raise self._refusal(response.status_code, response.url.host, reason)

    def _reason(self, response: httpx.Response) -> str:
        """Return the registry's error code, in parentheses; "" without one."""
        if response.is_closed:
            return ""
        try:
            content = self.http.read(response, _LARGEST_REASON, "the error")
            codes = [one.code for one in msgspec.json.decode(content, type=_Errors).errors]
        except (SealmarkError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return ""
        return f" ({codes[0]})" if codes and _CODE.fullmatch(codes[0]) else ""

    def _refusal(self, status: int, registry: str, reason: str) -> ServiceError | UsageError:
        pushing = "push" in self._login.scope
        if status == 404 and not pushing:
            return UsageError(
                f"{self.name}: there is no such image in {registry}; check its name and tag"
            )
        if status == 401:
            tried = "refuses the login" if self._credentials else "wants a login"
            return ServiceError(
                f"{registry} {tried} for {self.name.repository}; run "
                f"`docker login {self.name.registry}` or `podman login {self.name.registry}`"
            )
        if status == 403:
            right = "push" if pushing else "pull"
            return ServiceError(
                f"{registry} denies access to {self.name.repository}; "
                f"ask its owner for the right to {right}"
            )
        if status == 407:
            return ServiceError(proxy_wants_login(registry))
        return ServiceError(f"{registry} answers {status}{reason} for {self.name}")
