"""A Debian archive made on the spot: packages with changelogs, indexes, a signature, a server."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import os
import shutil
import subprocess
import tarfile
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import format_datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime


@dataclass(frozen=True)
class Key:
    """A signing key in a home of its own."""

    home: Path

    @property
    def keyring(self) -> Path:
        return self.home / "keyring.gpg"

    def gpg(self, *arguments: str) -> None:
        command = ["gpg", "--batch", "--homedir", str(self.home), "--pinentry-mode", "loopback"]
        done = subprocess.run(
            [*command, "--passphrase", "", *arguments], capture_output=True, timeout=60
        )
        assert done.returncode == 0, done.stderr.decode()

    def sign(self, release: Path, *options: str) -> None:
        signed = release.with_name("InRelease")
        self.gpg("--yes", *options, "--clear-sign", "--output", str(signed), str(release))


@contextmanager
def signing_key(kind: str = "ed25519", *options: str, expires: str = "never") -> Iterator[Key]:
    """A fresh key; the agent that gpg starts for it is told to leave."""
    if not shutil.which("gpg") or not shutil.which("gpgv"):
        pytest.skip("gpg and gpgv are needed to sign an archive")
    home = Path(tempfile.mkdtemp(prefix="gpg", dir="/tmp"))  # sockets need a short path
    key = Key(home)
    try:
        key.gpg(*options, "--quick-gen-key", "archive@test.invalid", kind, "sign", expires)
        key.gpg("--export", "--output", str(key.keyring))
        yield key
    finally:
        environment = {**os.environ, "GNUPGHOME": str(home)}
        subprocess.run(["gpgconf", "--kill", "all"], env=environment, check=False)
        shutil.rmtree(home, ignore_errors=True)


def deb(
    files: dict[str, bytes], compression: str = "xz", links: dict[str, str] | None = None
) -> bytes:
    """A binary package with these files in its data.tar."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for path, target in (links or {}).items():
            link = tarfile.TarInfo(path)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    packers: dict[str, Callable[[bytes], bytes]] = {
        "xz": lzma.compress,
        "gz": gzip.compress,
        "zst": _zstd,
    }
    data = packers[compression](stream.getvalue())
    members = {"debian-binary": b"2.0\n", "control.tar.xz": b"?", f"data.tar.{compression}": data}
    return b"!<arch>\n" + b"".join(_ar_member(name, body) for name, body in members.items())


def _zstd(content: bytes) -> bytes:
    import zstandard

    return zstandard.compress(content)


def _ar_member(name: str, body: bytes) -> bytes:
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(body):<10}`\n".encode()
    return header + body + b"\n" * (len(body) % 2)


def changelog(*entries: tuple[str, str, str, str]) -> bytes:
    """Entries of (source, version, suite, text), newest first."""
    return "\n".join(
        f"{source} ({version}) {suite}; urgency=high\n\n  * {text}\n\n"
        f" -- Somebody <somebody@test.invalid>  Wed, 01 Nov 2023 10:00:00 +0000\n"
        for source, version, suite, text in entries
    ).encode()


@dataclass(frozen=True)
class Archive:
    """A directory laid out as a mirror; `publish` writes a suite and signs it."""

    root: Path
    key: Key

    def package(self, name: str, source: str, version: str, content: bytes) -> str:
        """Store a package; return its stanza."""
        path = f"pool/{name}_{version}_amd64.deb"
        (self.root / "pool").mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(content)
        return (
            f"Package: {name}\nSource: {source}\nVersion: {version}\nArchitecture: amd64\n"
            f"Filename: {path}\nSize: {len(content)}\n"
            f"SHA256: {hashlib.sha256(content).hexdigest()}\n"
        )

    def publish(self, suite: str, stanzas: list[str], date: datetime, until: datetime) -> Path:
        """Write and sign the suite's indexes; return its directory."""
        index, path = "\n".join(stanzas).encode(), "main/binary-amd64/Packages"
        files = {path: index, f"{path}.xz": lzma.compress(index)}
        return self.publish_files(suite, files, date, until)

    def publish_files(
        self, suite: str, files: dict[str, bytes], date: datetime, until: datetime
    ) -> Path:
        """Write files of a suite and sign a `Release` that names them."""
        directory = self.root / "dists" / suite
        listed = []
        for path, content in files.items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_bytes(content)
            listed.append(f" {hashlib.sha256(content).hexdigest()} {len(content)} {path}\n")
        (directory / "Release").write_text(
            f"Codename: {suite}\nDate: {format_datetime(date)}\n"
            f"Valid-Until: {format_datetime(until)}\nSHA256:\n{''.join(listed)}"
        )
        self.key.sign(directory / "Release")
        return directory


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(root: Path) -> Iterator[str]:
    """Serve a directory on loopback; yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
