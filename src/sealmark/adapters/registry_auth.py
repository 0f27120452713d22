"""Logging in to a registry: Basic, and tokens (distribution, spec/auth/token.md and oauth.md).

Secrets go to the registry itself and to the token service it names, and the latter only over
https, or over http if it is on the host of a registry that is spoken to over http too.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from sealmark.adapters.registry_http import read_url
from sealmark.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from sealmark.adapters.registry_credentials import Credentials
    from sealmark.adapters.registry_http import PatientClient

_LONGEST_CHALLENGE = 8192
_LARGEST_ANSWER = 1 << 20
_PART = re.compile(
    r"[\s,]*(?:(?P<scheme>[A-Za-z][A-Za-z0-9_-]*)(?=\s+[A-Za-z]|\s*,|\s*\Z)"
    r'|(?P<key>[A-Za-z][A-Za-z0-9_-]*)=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s,"]*)))',
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to log in that a server offers; the scheme and the keys are lower-case."""

    scheme: str
    parameters: Mapping[str, str]


class _TokenAnswer(msgspec.Struct, frozen=True):
    token: str = ""
    access_token: str = ""


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Read WWW-Authenticate (RFC 9110, 11.6.1), as far as it makes sense."""
    found: list[tuple[str, dict[str, str]]] = []
    at = 0
    while at < len(header) <= _LONGEST_CHALLENGE and (part := _PART.match(header, at)):
        at = part.end()
        if part["scheme"]:
            found.append((part["scheme"].lower(), {}))
        elif found:
            quoted = part["quoted"]
            value = part["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            found[-1][1].setdefault(part["key"].lower(), value)
    return tuple(Challenge(scheme, parameters) for scheme, parameters in found)


class Authenticator:
    """Holds what is sent as Authorization to one registry, and renews it when it is refused."""

    def __init__(
        self,
        http: PatientClient,
        registry: httpx.URL,
        scope: str,
        credentials: Callable[[], Credentials | None],
    ) -> None:
        self._http = http
        self._registry = registry
        self.scope = scope
        self._credentials = credentials
        self._authorization = ""

    def is_own(self, url: httpx.URL) -> bool:
        """Return whether `url` is the registry's: same scheme, host and port."""
        own = self._registry
        return (url.scheme, url.host, url.port) == (own.scheme, own.host, own.port)

    def headers_for(self, url: httpx.URL) -> dict[str, str]:
        """Return the header with the secret, if `url` is the registry's own; else nothing."""
        known = self._authorization and self.is_own(url)
        return {"Authorization": self._authorization} if known else {}

    def answer(self, header: str, until: float) -> bool:
        """Prepare for another try after `header` came with a 401; False if there is no hope."""
        offered = {one.scheme: one.parameters for one in reversed(parse_challenges(header))}
        known = self._credentials() if {"bearer", "basic"} & offered.keys() else None
        if known is not None and known.registry_token:
            return self._use(f"Bearer {known.registry_token}")
        if "bearer" in offered:
            self._authorization = f"Bearer {self._token(offered['bearer'], known, until)}"
            return True
        if known is None or known.identity_token:
            return False
        return self._use(_basic(known))

    def _use(self, authorization: str) -> bool:
        """Take what never changes; there is no hope if it was refused already."""
        refused = authorization == self._authorization
        self._authorization = authorization
        return not refused

    def _token(self, challenge: Mapping[str, str], known: Credentials | None, until: float) -> str:
        """Ask for what we need, whatever scope the challenge names."""
        realm = self._realm(challenge.get("realm", ""))
        asked = {"scope": self.scope}
        if challenge.get("service"):
            asked["service"] = challenge["service"]
        if known is not None and known.identity_token:
            refresh = {"grant_type": "refresh_token", "refresh_token": known.identity_token}
            form = {**asked, **refresh, "client_id": "sealmark"}
            response = self._http.send("POST", realm, {}, until, form=form)
        else:
            headers = {"Authorization": _basic(known)} if known else {}
            response = self._http.send("GET", realm.copy_merge_params(asked), headers, until)
        content = self._http.read(response, _LARGEST_ANSWER, "the token")
        return self._read(realm, response.status_code, content, known)

    def _realm(self, text: str) -> httpx.URL:
        realm, plain = read_url(text), self._registry.scheme == "http"
        if realm is None or not (
            realm.scheme == "https" or (plain and realm.host == self._registry.host)
        ):
            raise ServiceError(
                f"{self._registry.host}: it names a token service that no secret is sent to: "
                f"{text[:160]!r} is not https"
            )
        return realm

    def _read(
        self, realm: httpx.URL, status: int, content: bytes, known: Credentials | None
    ) -> str:
        if status in (400, 401, 403):
            refused = "refuses the login" if known else "wants a login"
            raise ServiceError(
                f"{realm.host}: the token service {refused} for {self._registry.host}; "
                f"run `docker login {self._registry.netloc.decode()}` or `podman login`"
            )
        try:
            answer = msgspec.json.decode(content, type=_TokenAnswer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            answer = _TokenAnswer()
        token = answer.token or answer.access_token
        if status != 200 or not token.isascii() or not token.isprintable() or " " in token:
            token = ""
        if not token:
            raise ServiceError(f"{realm.host}: the token service gives no token ({status})")
        return token


def _basic(known: Credentials) -> str:
    both = f"{known.username}:{known.password}".encode()
    return f"Basic {base64.b64encode(both).decode()}"
