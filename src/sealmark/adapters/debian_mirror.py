"""A Debian mirror over HTTP: signed indexes and changelogs, nothing believed unverified.

`InRelease` is verified by gpgv with the distribution's keyring, and only the text gpgv hands
back is read; every other file is checked by the size and SHA-256 that text leads to.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

import httpx

from sealmark.errors import ServiceError, UnreadableError
from sealmark.scan.vulnerabilities.apt_sources import AptSource, parse_sources
from sealmark.scan.vulnerabilities.deb_file import DebFileError, gunzip, read_documentation, unxz
from sealmark.scan.vulnerabilities.debian_changelog import (
    ChangelogEntry,
    ChangelogError,
    parse_changelog,
)
from sealmark.scan.vulnerabilities.debian_fixes import SourceVersion, newest_sources
from sealmark.scan.vulnerabilities.debian_index import (
    MAX_RELEASE,
    IndexedFile,
    IndexedPackage,
    Release,
    parse_packages,
    parse_release,
)

if TYPE_CHECKING:
    from datetime import datetime

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_BEGIN = b"-----BEGIN PGP SIGNED MESSAGE-----\n"
_MAX_INDEX = 64 << 20
_MAX_INDEX_UNPACKED = 512 << 20
_MAX_PACKAGE = 192 << 20
_MAX_TOTAL = 2 << 30
_SMALL = 4 << 20
_TRIES = 8


class UnverifiedError(UnreadableError):
    """An index is not signed by a key of the keyring."""


def machine_sources(directory: Path) -> tuple[AptSource, ...]:
    """Return the mirrors apt is configured with in `directory`; none where there is no apt."""
    paths = [directory / "sources.list"]
    paths += sorted((directory / "sources.list.d").glob("*.list"))
    paths += sorted((directory / "sources.list.d").glob("*.sources"))
    found: list[AptSource] = []
    for path in paths:
        try:
            found += parse_sources(path.name, path.read_text(errors="replace"))
        except OSError:
            continue
    return tuple(found)


class DebianMirror:
    """Reads suites of the mirrors in an apt configuration, within limits of size and time."""

    def __init__(self, now: datetime, timeout: float = 60.0) -> None:
        self._now = now
        self._client = httpx.Client(timeout=timeout, follow_redirects=True, max_redirects=5)
        self._left = _MAX_TOTAL
        self._seen = hashlib.sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @property
    def digest(self) -> str:
        """The digest of everything verified so far, in the order it was read."""
        return f"sha256:{self._seen.hexdigest()}"

    def release(self, source: AptSource) -> Release:
        """Fetch and verify a suite's `InRelease`. Raises UnreadableError or ServiceError."""
        signed = self._fetch(f"{_suite(source)}/InRelease", MAX_RELEASE)
        text = verified(signed, Path(source.keyring or KEYRING))
        self._seen.update(text)
        release = parse_release(text)
        release.check(source.suite, self._now)
        return release

    def sources(
        self, source: AptSource, release: Release, architecture: str
    ) -> dict[str, SourceVersion]:
        """Fetch a suite's package indexes; return the newest version of each source."""
        found: dict[str, SourceVersion] = {}
        for component in source.components or ("main",):
            path = f"{component}/binary-{architecture}/Packages"
            named = release.files.get(f"{path}.xz") or release.files.get(f"{path}.gz")
            if named is None:
                continue
            packed = self._checked(f"{_suite(source)}/{named.path}", named, _MAX_INDEX)
            unpack = unxz if named.path.endswith(".xz") else gunzip
            packages = parse_packages(unpack(packed, _MAX_INDEX_UNPACKED))
            found |= newest_sources(packages, source.suite, source.uri.rstrip("/"))
        return found

    def changelog(self, update: SourceVersion) -> tuple[ChangelogEntry, ...]:
        """Read the changelog of a source out of its packages; empty if none can be read.

        The smallest come first. Many only link to the documentation of another: that one is next
        if it is small, and in any case before giving up.
        """
        pending = [p for p in update.binaries if p.file.size <= _MAX_PACKAGE]
        linked: set[str] = set()
        for attempt in range(_TRIES):
            if not pending:
                break
            package = _next(pending, linked, last=attempt >= _TRIES - 2)
            pending.remove(package)
            url = f"{update.base}/{package.file.path}"
            entries, links = _read(self._checked(url, package.file, _MAX_PACKAGE), update.source)
            if entries:
                return entries
            linked.update(links)
        return ()

    def _checked(self, url: str, named: IndexedFile, limit: int) -> bytes:
        if named.size > limit:
            raise UnreadableError(f"{url}: the index says {named.size} bytes, at most {limit}")
        content = self._fetch(url, named.size)
        named.check(content)
        self._seen.update(named.sha256.encode())
        return content

    def _fetch(self, url: str, limit: int) -> bytes:
        content = bytearray()
        try:
            with self._client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise ServiceError(f"{url}: the mirror answers {answer.status_code}")
                for piece in answer.iter_raw(1 << 16):
                    content += piece
                    self._left -= len(piece)
                    if len(content) > limit or self._left < 0:
                        raise UnreadableError(f"{url}: more than the {limit} bytes expected")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceError(f"{url}: the mirror cannot be read: {error}") from None
        return bytes(content)


def verified(signed: bytes, keyring: Path) -> bytes:
    """Return the text a clear-signed message holds. Raises UnverifiedError or ServiceError.

    One good signature by a key of the keyring is enough (archives sign with several keys), a bad
    one is too many. The text is what gpgv hands back, so nothing outside the signature is read.
    """
    if not keyring.is_file():
        raise ServiceError(f"{keyring}: there is no such keyring, so no index can be verified")
    if not signed.startswith(_BEGIN) or signed.count(_BEGIN) != 1:
        raise UnverifiedError("the index is not one clear-signed message")
    with tempfile.TemporaryDirectory(prefix="sealmark-") as directory:
        message, text = Path(directory, "InRelease"), Path(directory, "Release")
        message.write_bytes(signed)
        status = _gpgv(keyring, message, text)
        words = [line.split()[1] for line in status.splitlines() if line.startswith("[GNUPG:] ")]
        if not {"GOODSIG", "VALIDSIG"} <= set(words) or "BADSIG" in words or not text.is_file():
            raise UnverifiedError(f"the index is not signed by a key of {keyring}")
        return text.read_bytes()


def _gpgv(keyring: Path, message: Path, text: Path) -> str:
    command = ["gpgv", "--keyring", str(keyring.resolve()), "--status-fd", "1"]
    command += ["--output", str(text), str(message)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
        )
    except FileNotFoundError:
        raise ServiceError("gpgv is needed to verify a Debian index: install it") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServiceError(f"gpgv did not answer: {error}") from None
    return done.stdout.decode(errors="replace")


def _suite(source: AptSource) -> str:
    return f"{source.uri.rstrip('/')}/dists/{source.suite}"


def _next(pending: list[IndexedPackage], linked: set[str], *, last: bool) -> IndexedPackage:
    """Choose among packages in order of size."""
    named = [p for p in pending if p.name in linked and (last or p.file.size <= _SMALL)]
    return (named or pending)[0]


def _read(package: bytes, source: str) -> tuple[tuple[ChangelogEntry, ...], tuple[str, ...]]:
    """Return the changelog of `source` in a package, and where its documentation links to."""
    try:
        documentation = read_documentation(package)
    except DebFileError:
        return (), ()
    for text in documentation.changelogs:
        try:
            entries = parse_changelog(text)
        except ChangelogError:
            continue
        if entries[0].source == source:
            return entries, ()
    return (), documentation.links
