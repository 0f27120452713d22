"""How the image says it wants to be run: the execution parameters of its configuration.

OCI image specification, config.md; how a user is looked up is the container runtime's way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealmark.evidence.settings import Settings
from sealmark.scan.secrets import argument_kinds, find_secrets, redact, secret_kind

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_GREATEST_UID = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class RawSettings:
    """The configuration's fields as decoded, empty where absent."""

    user: str = ""
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    working_dir: str = ""
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = ""
    healthcheck: bool = False
    created: str | None = None


def read_settings(raw: RawSettings, user_ids: Mapping[str, int] | None = None) -> Settings:
    """Return the settings as evidence: names of the environment only, secrets redacted.

    `user_ids` are the uids by name of the image's /etc/passwd, where it has one.
    """
    arguments = {"entrypoint": raw.entrypoint, "command": raw.cmd}
    return Settings(
        user=raw.user,
        runs_as_root=runs_as_root(raw.user, user_ids),
        environment=tuple(dict.fromkeys(redact(e.partition("=")[0]) for e in raw.env)),
        entrypoint=_redacted_arguments(raw.entrypoint),
        command=_redacted_arguments(raw.cmd),
        working_directory=raw.working_dir,
        exposed_ports=tuple(sorted(raw.exposed_ports)),
        volumes=tuple(sorted(raw.volumes)),
        health_check=raw.healthcheck,
        stop_signal=raw.stop_signal,
        labels=dict(sorted((redact(k), _redacted_label(k, v)) for k, v in raw.labels.items())),
        created=raw.created,
        secrets=find_secrets(raw.env, raw.labels, arguments),
    )


def _redacted_label(key: str, value: str) -> str:
    return _without(value, secret_kind(key, value))


def _redacted_arguments(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(_without, words, argument_kinds(words)))


def _without(text: str, kind: str | None) -> str:
    """Return the text without its secret: the part that is one, or all of it."""
    redacted = redact(text)
    return f"[redacted {kind}]" if kind and redacted == text else redacted


def runs_as_root(user: str, user_ids: Mapping[str, int] | None = None) -> bool | None:
    """Tell whether a `User` field means uid 0; None where a name cannot be looked up.

    No user is root. A number is always a uid, even if /etc/passwd has it as a name; one beyond
    what a uid can be is not known, for some runtimes wrap it around to 0 (CVE-2024-40635). The
    name "root" is root unless /etc/passwd says otherwise.
    """
    name = user.partition(":")[0]
    if not name:
        return True
    if _NUMBER.fullmatch(name):
        uid: int | None = int(name)
    else:
        uid = (user_ids or {}).get(name, 0 if name == "root" else None)
    return uid == 0 if uid is not None and 0 <= uid <= _GREATEST_UID else None
