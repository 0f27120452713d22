"""The shop's images in a registry behind TLS and a login, and the command line that asks it."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import trustme
from tests.support.registry import Server, htpasswd_line, push, running_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

SEALMARK = str(Path(sys.executable).with_name("sealmark"))
LOGIN = ("alice", "correct horse")


def sealmark(directory: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in `directory`, its home, with `extra` in the environment."""
    environment = {"HOME": str(directory), "PATH": "/usr/bin:/bin", "SEALMARK_HOME": "state"}
    return subprocess.run(
        [SEALMARK, *arguments],
        cwd=directory,
        env={**environment, **extra},
        capture_output=True,
        text=True,
    )


def log_in(home: Path, address: str, password: str) -> None:
    """Write what `docker login` writes."""
    secret = base64.b64encode(f"{LOGIN[0]}:{password}".encode()).decode()
    (home / ".docker").mkdir(exist_ok=True)
    file = {"auths": {address: {"auth": secret}}}
    (home / ".docker" / "config.json").write_text(json.dumps(file))


@contextmanager
def guarded_registry(
    shop: Path, host: str = "127.0.0.1", *, clients: bool = False
) -> Iterator[str]:
    """Run a registry with `shop/shop` in it as team/shop; yield `127.0.0.1:PORT`.

    Its authority is in `ca.pem`; with `clients` it also wants a certificate, as `client.cert` and
    `client.key` are.
    """
    authority = trustme.CA()
    authority.cert_pem.write_to_path(shop / "ca.pem")
    pair = authority.issue_cert("127.0.0.1", host)
    pair.cert_chain_pems[0].write_to_path(shop / "server.crt")
    pair.private_key_pem.write_to_path(shop / "server.key")
    client_pair = authority.issue_cert("client.example")
    client_pair.cert_chain_pems[0].write_to_path(shop / "client.cert")
    client_pair.private_key_pem.write_to_path(shop / "client.key")
    (shop / "logins").write_text(htpasswd_line(*LOGIN))
    server = Server(shop / "server.crt", shop / "server.key", shop / "logins")
    if clients:
        server = replace(server, clients=shop / "ca.pem")
    with running_registry(shop / "registry", server) as address:
        trust = httpx.create_ssl_context()
        trust.load_verify_locations(shop / "ca.pem")
        trust.load_cert_chain(shop / "client.cert", shop / "client.key")
        with httpx.Client(verify=trust, auth=LOGIN) as client:
            push(shop / "shop", f"https://{address}", "team/shop", client)
        yield address
