"""A real registry on a free loopback port, and what pushes an image layout to it."""

from __future__ import annotations

import ctypes
import json
import re
import secrets
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BCRYPT_LETTERS = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_LISTENS = re.compile(r"listening on (127\.0\.0\.1:\d+)")
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True, slots=True)
class TokenService:
    """Where a registry sends people for tokens, and the certificate of who signs them."""

    realm: str
    certificate: Path


@dataclass(frozen=True, slots=True)
class Server:
    """Files that make a registry speak TLS, or ask for a login or a client certificate."""

    certificate: Path | None = None
    key: Path | None = None
    logins: Path | None = None
    clients: Path | None = None
    tokens: TokenService | None = None


@contextmanager
def running_registry(directory: Path, server: Server | None = None) -> Iterator[str]:
    """Run Debian's docker-registry with storage in `directory`; yield `127.0.0.1:PORT`."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("docker-registry is not installed: run `make packages`")
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps(_configuration(directory, server)))
    with (directory / "log").open("wb") as log:
        command = [program, "serve", str(directory / "config.json")]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield _address(directory / "log", process)
        finally:
            process.terminate()
            process.wait(10)


def _configuration(directory: Path, server: Server | None) -> dict[str, object]:
    http: dict[str, object] = {"addr": "127.0.0.1:0", "secret": "none"}
    configuration: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(directory / "storage")}},
        "http": http,
    }
    if server and server.certificate:
        http["tls"] = {
            "certificate": str(server.certificate),
            "key": str(server.key),
            **({"clientcas": [str(server.clients)]} if server.clients else {}),
        }
    if server and server.logins:
        configuration["auth"] = {"htpasswd": {"realm": "shop", "path": str(server.logins)}}
    if server and server.tokens:
        configuration["auth"] = {
            "token": {
                "realm": server.tokens.realm,
                "service": "shop",
                "issuer": "tokens",
                "rootcertbundle": str(server.tokens.certificate),
            }
        }
    return configuration


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    for _ in range(200):
        found = _LISTENS.search(log.read_text())
        if found:
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"docker-registry does not start: {log.read_text()[-500:]}")


def htpasswd_line(user: str, password: str) -> str:
    """A line with a bcrypt hash, made by the C library's crypt(3)."""
    try:
        crypt = ctypes.CDLL("libcrypt.so.1").crypt
    except OSError:
        pytest.skip("there is no libcrypt.so.1 to make a bcrypt hash")
    crypt.restype = ctypes.c_char_p
    salt = "".join(secrets.choice(_BCRYPT_LETTERS) for _ in range(21)) + "."
    hashed: bytes = crypt(password.encode(), f"$2b$05${salt}".encode())
    return f"{user}:{hashed.decode().replace('$2b$', '$2y$', 1)}\n"


def push(layout: Path, base: str, repository: str, client: httpx.Client) -> dict[str, str]:
    """Upload every image of `layout`; return the digest of each tag."""
    index = json.loads((layout / "index.json").read_text())
    for blob in sorted((layout / "blobs" / "sha256").iterdir()):
        _push_blob(f"{base}/v2/{repository}/blobs/uploads/", blob, client)
    digests = {}
    for entry in index["manifests"]:
        digest, tag = entry["digest"], entry["annotations"]["org.opencontainers.image.ref.name"]
        content = (layout / "blobs" / digest.replace(":", "/")).read_bytes()
        _push_manifest(layout, f"{base}/v2/{repository}/manifests/", tag, content, client)
        digests[tag] = digest
    return digests


def _push_manifest(layout: Path, url: str, name: str, content: bytes, client: httpx.Client) -> None:
    document = json.loads(content)
    for entry in document.get("manifests", ()):
        child = (layout / "blobs" / entry["digest"].replace(":", "/")).read_bytes()
        _push_manifest(layout, url, entry["digest"], child, client)
    kind = {"Content-Type": document.get("mediaType", _MANIFEST)}
    client.put(url + name, content=content, headers=kind).raise_for_status()


def _push_blob(url: str, blob: Path, client: httpx.Client) -> None:
    started = client.post(url)
    started.raise_for_status()
    client.put(
        httpx.URL(started.headers["location"]).copy_merge_params({"digest": f"sha256:{blob.name}"}),
        content=blob.read_bytes(),
    ).raise_for_status()
