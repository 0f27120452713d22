"""The settings part of `evidence/v1`: how the image says it wants to be run."""

from __future__ import annotations

import msgspec


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """A value that looks like a credential: where and which kind, never the value itself."""

    where: str
    kind: str


class Settings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The execution parameters of an image configuration (OCI image specification, config.md).

    `environment` holds names only. `user` is as written; `runs_as_root` is None where a named
    user could not be looked up in the image's /etc/passwd.
    """

    user: str = ""
    runs_as_root: bool | None = True
    environment: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    working_directory: str = ""
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    health_check: bool = False
    stop_signal: str = ""
    labels: dict[str, str] = {}
    created: str | None = None
    secrets: tuple[Secret, ...] = ()
