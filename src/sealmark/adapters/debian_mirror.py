"""A Debian mirror over HTTP: signed indexes and changelogs, nothing believed unverified.

`InRelease` is verified by gpgv with the distribution's keyring, and only the text gpgv hands
back is read; every other file is checked by the size and SHA-256 that text leads to.
"""

from __future__ import annotations

import hashlib
import time
from itertools import chain
from typing import TYPE_CHECKING, Self

import httpx

from sealmark.adapters.archive_signature import verified
from sealmark.errors import ServiceError, UnreadableError, UsageError
from sealmark.scan.vulnerabilities.apt_sources import AptSource, parse_sources, without_login
from sealmark.scan.vulnerabilities.deb_file import DebFileError, read_documentation
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
from sealmark.scan.vulnerabilities.unpacking import unpacked_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

MAX_INDEX_UNPACKED = 256 << 20
_MAX_INDEX = 64 << 20
_MAX_PACKAGE = 192 << 20
_MAX_TOTAL = 2 << 30
_MAX_SETTINGS = 1 << 20
_SMALL = 4 << 20
_TRIES = 8


def machine_sources(directory: Path) -> tuple[AptSource, ...]:
    """Return the mirrors apt is configured with in `directory`; none where there is no apt."""
    paths = [directory / "sources.list"]
    paths += sorted((directory / "sources.list.d").glob("*.list"))
    paths += sorted((directory / "sources.list.d").glob("*.sources"))
    found: list[AptSource] = []
    for path in paths:
        try:
            with path.open(errors="replace") as file:
                found += parse_sources(path.name, file.read(_MAX_SETTINGS))
        except OSError:
            continue
    return tuple(found)


class DebianMirror:
    """Reads suites of the mirrors in an apt configuration, within limits of size and time.

    `idle` is how many seconds a mirror may stay silent, `seconds` how many all reading may take.
    Raises UsageError where the environment names a proxy that makes no sense.
    """

    def __init__(self, now: datetime, idle: float = 30.0, seconds: float = 900.0) -> None:
        self._now = now
        try:
            self._client = httpx.Client(timeout=idle, follow_redirects=True, max_redirects=5)
        except (ValueError, ImportError, httpx.InvalidURL):
            raise UsageError("a proxy in the environment (HTTP_PROXY …) cannot be used") from None
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._left = _MAX_TOTAL
        self._seen = hashlib.sha256()
        self.problems: list[str] = []

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
        text = verified(signed, source.keyrings)
        self._seen.update(text)
        release = parse_release(text)
        release.check(source.suite, self._now)
        return release

    def sources(
        self, source: AptSource, release: Release, architecture: str
    ) -> dict[str, SourceVersion]:
        """Fetch a suite's package indexes; return the newest version of each source.

        All components count, whichever of them this machine uses: the image may use others. One it
        does not use may be missing from a partial mirror; that is among the `problems`.
        """
        used = source.components or ("main",)
        indexes = release.indexes(architecture)
        read = (
            self._packages(source, file, needed=component in used)
            for component, file in sorted(indexes.items())
        )
        packages = chain.from_iterable(read)
        return newest_sources(packages, source.suite, source.uri.rstrip("/"))

    def _packages(
        self, source: AptSource, named: IndexedFile, *, needed: bool
    ) -> Iterator[IndexedPackage]:
        try:
            packed = self._checked(f"{_suite(source)}/{named.path}", named, _MAX_INDEX)
        except ServiceError as error:
            if needed:
                raise
            self.problems.append(str(error))
            return iter(())
        kind = named.path.rpartition(".")[2]
        return parse_packages(unpacked_whole(packed, kind, MAX_INDEX_UNPACKED))

    def changelog(self, update: SourceVersion) -> tuple[ChangelogEntry, ...]:
        """Read the changelog of a source out of its packages; empty if none can be had or read.

        The smallest come first. Many only link to the documentation of another: that one is next
        if it is small, and in any case before giving up. Raises UnreadableError for a package
        that is not what the index names.
        """
        pending = [p for p in update.binaries if p.file.size <= _MAX_PACKAGE]
        linked: set[str] = set()
        for attempt in range(_TRIES):
            if not pending:
                break
            package = _next(pending, linked, last=attempt >= _TRIES - 2)
            pending.remove(package)
            url = f"{update.base}/{package.file.path}"
            try:
                content = self._checked(url, package.file, _MAX_PACKAGE)
            except ServiceError:
                continue
            entries, links = _read(content, update.source)
            if entries:
                return entries
            linked.update(links)
        return ()

    def _checked(self, url: str, named: IndexedFile, limit: int) -> bytes:
        if named.size > limit:
            raise UnreadableError(
                f"{without_login(url)}: the index says {named.size} bytes, at most {limit}"
            )
        content = self._fetch(url, named.size)
        named.check(content)
        self._seen.update(named.sha256.encode())
        return content

    def _fetch(self, url: str, limit: int) -> bytes:
        shown = without_login(url)
        try:
            with self._client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise ServiceError(f"{shown}: the mirror answers {answer.status_code}")
                return self._body(answer, shown, limit)
        except httpx.InvalidURL:
            raise ServiceError(f"{shown}: the mirror cannot be read: no address") from None
        except httpx.HTTPError as error:
            raise ServiceError(f"{shown}: the mirror cannot be read: {_words(error)}") from None

    def _body(self, answer: httpx.Response, shown: str, limit: int) -> bytes:
        content = bytearray()
        for piece in answer.iter_raw():  # pieces of a given size would wait for slow mirrors
            content += piece
            self._left -= len(piece)
            if len(content) > limit:
                raise UnreadableError(f"{shown}: more than the {limit} bytes expected")
            if self._left < 0:
                raise ServiceError(f"{shown}: more than {_MAX_TOTAL} bytes were read in all")
            if time.monotonic() > self._until:
                raise ServiceError(f"{shown}: not done after {self._seconds:g} seconds")
        return bytes(content)


def _suite(source: AptSource) -> str:
    return f"{source.uri.rstrip('/')}/dists/{source.suite}"


def _words(error: httpx.HTTPError) -> str:
    text = "".join(c for c in str(error) if c.isprintable())
    return without_login(text)[:200] or type(error).__name__


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
