"""Whom a registry is believed to be, and who we are to it: CAs and client certificates.

Files as in containers-certs.d(5): `certs.d/HOST[:PORT]/{*.crt,*.cert,*.key}`.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from sealmark.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SYSTEM = (Path("/etc/containers/certs.d"), Path("/etc/docker/certs.d"))


def certificate_directories(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return where registries' certificates are kept: the user's places, then the system's."""
    home = environment.get("HOME", "")
    config = environment.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
    docker = environment.get("DOCKER_CONFIG") or (f"{home}/.docker" if home else "")
    own = [f"{config}/containers", f"{config}/docker"] if config else []
    return (*(Path(one, "certs.d") for one in (*own, *filter(None, [docker]))), *_SYSTEM)


def tls_context(
    registry: str, authority: Path | None, directories: Sequence[Path] = _SYSTEM
) -> ssl.SSLContext:
    """Return what trusts the system's CAs, those kept for `registry`, and `authority`.

    The first client certificate kept for `registry` is shown to it. Raises UsageError for a file
    that holds no certificate, and for a certificate or key without the other.
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
    for certificate, key in _pairs(registry, directories):
        _show(context, certificate, key)
        break
    return context


def _pairs(registry: str, directories: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    for directory in (one / registry for one in directories):
        keys = {path.with_suffix(".cert"): path for path in directory.glob("*.key")}
        for certificate in sorted({*directory.glob("*.cert"), *keys}):
            key = keys.get(certificate, certificate.with_suffix(".key"))
            for needed in (certificate, key):
                if not needed.exists():
                    raise UsageError(f"{needed} is missing: a client certificate needs its key")
            yield certificate, key


def _show(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    def no_password() -> str:
        raise UsageError(f"{key} is encrypted; keep it without a password")

    try:
        context.load_cert_chain(certificate, key, no_password)
    except (OSError, ValueError) as error:
        raise UsageError(f"{certificate}: no client certificate can be read from it") from error
