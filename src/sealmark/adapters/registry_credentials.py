"""Where people keep their registry logins: containers-auth.json(5), Docker's config.json, helpers.

Secrets are read here and nowhere shown: not in messages, not in `repr`.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sealmark.adapters.credential_helper import ask_helper
from sealmark.artifact.repository import DOCKER_HUB
from sealmark.errors import ServiceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sealmark.artifact.repository import ImageName

_LARGEST_FILE = 4 << 20
_HELPER_SECONDS = 30.0
_HUB_KEY = "https://index.docker.io/v1/"
_HUB_ALIASES = ("index.docker.io", "registry-1.docker.io")
_IDENTITY = "<token>"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name with a password, or a token.

    An identity token is exchanged by a token service, a registry token is sent as it is.
    """

    username: str = field(repr=False)
    password: str = field(repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)


class _Entry(msgspec.Struct, frozen=True):
    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""
    registrytoken: str = ""

    @property
    def is_login(self) -> bool:
        return bool(self.auth or self.username or self.identitytoken or self.registrytoken)


class _File(msgspec.Struct, frozen=True, rename="camel"):
    auths: dict[str, _Entry | None] | None = None
    cred_helpers: dict[str, str] | None = None
    creds_store: str = ""


class _HelperAnswer(msgspec.Struct, frozen=True, rename="pascal"):
    username: str
    secret: str


def find_credentials(
    name: ImageName, environment: Mapping[str, str], seconds: float = _HELPER_SECONDS
) -> Credentials | None:
    """Return the login for `name` from the first file that has one; None without any.

    Raises UsageError for a file that cannot be read, ServiceError for a helper that fails.
    """
    for path in _files(environment):
        content = _read(path)
        if content is None:
            continue
        found = _from_file(path, content, name, seconds)
        if found is not None:
            return found
    return None


def _files(environment: Mapping[str, str]) -> Iterator[Path]:
    named = environment.get("REGISTRY_AUTH_FILE")
    if named:
        yield Path(named)
        return
    home = Path(environment["HOME"]) if environment.get("HOME") else None
    runtime = environment.get("XDG_RUNTIME_DIR")
    if runtime:
        yield Path(runtime, "containers", "auth.json")
    config = environment.get("XDG_CONFIG_HOME") or (home and home / ".config")
    if config:
        yield Path(config, "containers", "auth.json")
    docker = environment.get("DOCKER_CONFIG") or (home and home / ".docker")
    if docker:
        yield Path(docker, "config.json")


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if len(content) > _LARGEST_FILE:
        raise UsageError(f"{path} is larger than {_LARGEST_FILE} bytes")
    return content


def _from_file(path: Path, content: bytes, name: ImageName, seconds: float) -> Credentials | None:
    try:
        file = msgspec.json.decode(content, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UsageError(f"{path} holds no logins: it is not the JSON it should be") from None
    helpers = {_normal(key): helper for key, helper in (file.cred_helpers or {}).items()}
    helper = helpers.get(name.registry)
    if helper:
        return _ask_helper(helper, name.registry, seconds)
    found = _from_auths(path, file, name)
    if found is None and file.creds_store:
        return _ask_helper(file.creds_store, name.registry, seconds)
    return found


def _from_auths(path: Path, file: _File, name: ImageName) -> Credentials | None:
    """Look under `host/org/name`, `host/org`, `host`, in this order."""
    entries = {_normal(key): entry for key, entry in (file.auths or {}).items()}
    key = f"{name.registry}/{name.repository}"
    while key:
        entry = entries.get(key)
        if entry is not None and entry.is_login:
            return _credentials(path, key, entry)
        key = key.rpartition("/")[0]
    return None


def _normal(key: str) -> str:
    """Turn `https://host/v1/`, as Docker writes it, into `host`; keep `host/path` as it is."""
    scheme, separator, rest = key.partition("://")
    name = rest.partition("/")[0] if separator and scheme in ("http", "https") else key.rstrip("/")
    host, slash, path = name.partition("/")
    return f"{DOCKER_HUB if host in _HUB_ALIASES else host}{slash}{path}"


def _credentials(path: Path, key: str, entry: _Entry) -> Credentials:
    username, password = entry.username, entry.password
    if entry.auth:
        try:
            decoded = base64.b64decode(entry.auth, validate=True).decode()
        except (binascii.Error, ValueError):
            raise UsageError(f"{path}: the login for {key} is not base64; log in again") from None
        username, _, password = decoded.partition(":")
        password = password.rstrip("\0")
    if not entry.registrytoken.isascii() or not f"{entry.registrytoken}-".isprintable():
        raise UsageError(f"{path}: the registry token for {key} is none; log in again")
    return Credentials(username, password, entry.identitytoken, entry.registrytoken)


def _ask_helper(helper: str, registry: str, seconds: float) -> Credentials | None:
    output = ask_helper(helper, _HUB_KEY if registry == DOCKER_HUB else registry, seconds)
    if output is None:
        return None
    try:
        answer = msgspec.json.decode(output, type=_HelperAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ServiceError(f"docker-credential-{helper} did not answer with a login") from None
    if answer.username == _IDENTITY:
        return Credentials("", "", answer.secret)
    return Credentials(answer.username, answer.secret)
