"""A Debian archive's signed index: `Release` and `Packages` (deb822(5), DebianRepository/Format).

Nothing here verifies a signature: the text of a `Release` given to `parse_release` is the text
that was signed. What a `Release` names is checked by size and SHA-256 before it is parsed.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from sealmark.errors import UnreadableError
from sealmark.scan.vulnerabilities.times import written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

MAX_RELEASE = 16 << 20
MAX_FILES = 100_000
MAX_PACKAGES = 400_000
MAX_STANZA = 1 << 20
_FIELD = re.compile(
    r"^(Package|Source|Version|Architecture|Filename|Size|SHA256): ?([^\n]*)$", re.MULTILINE
)
_FILE = re.compile(r" ([0-9a-f]{64}) +([0-9]{1,15}) ([!-~]{1,400})", re.ASCII)
_SOURCE = re.compile(r"([a-z0-9][a-z0-9+.-]*)(?: \(([^)\s]+)\))?", re.ASCII)
_SAFE = re.compile(r"[A-Za-z0-9+._~:%-]+(?:/[A-Za-z0-9+._~:%-]+)*", re.ASCII)


class DebianIndexError(UnreadableError):
    """A Debian index is damaged, expired, of another suite, or beyond a limit."""


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """A file an index vouches for: where it lies, its size in bytes and its SHA-256."""

    path: str
    size: int
    sha256: str

    def check(self, content: bytes) -> None:
        """Raise DebianIndexError unless `content` is what the index names."""
        found = hashlib.sha256(content).hexdigest()
        if len(content) != self.size or found != self.sha256:
            raise DebianIndexError(
                f"{self.path}: expected {self.size} bytes with sha256:{self.sha256}, "
                f"got {len(content)} with sha256:{found}"
            )


@dataclass(frozen=True, slots=True)
class Release:
    """What a `Release` says about its suite."""

    names: tuple[str, ...]
    date: datetime
    valid_until: datetime | None
    files: dict[str, IndexedFile]

    @property
    def as_of(self) -> str:
        """The moment the archive signed, in the stored form."""
        return written(self.date)

    def indexes(self, architecture: str) -> dict[str, IndexedFile]:
        """Return the `Packages` file of each component. Raises DebianIndexError if there is none.

        A suite that does not serve an architecture has nothing newer for it, and that is no
        knowledge: bookworm has mips64el, its security suite has not.
        """
        found: dict[str, IndexedFile] = {}
        for ending in ("gz", "xz"):  # the last one wins
            tail = f"/binary-{architecture}/Packages.{ending}"
            for path, file in self.files.items():
                if path.endswith(tail) and "debian-installer" not in path:
                    found[path.removesuffix(tail)] = file
        if not found:
            raise DebianIndexError(
                f"{self.names[0]} has no packages for {architecture[:40]!a}: "
                "that it has no update for them says nothing"
            )
        return found

    def check(self, suite: str, now: datetime) -> None:
        """Raise DebianIndexError if this is another suite's, or no longer or not yet valid."""
        if suite not in self.names:
            raise DebianIndexError(f"asked for suite {suite!r}, got {' or '.join(self.names)!r}")
        if self.valid_until is not None and now > self.valid_until:
            raise DebianIndexError(
                f"the index of {suite} expired on {written(self.valid_until)}: "
                "the mirror is out of date, or somebody replays an old answer"
            )
        if (self.date - now).total_seconds() > 86_400:
            raise DebianIndexError(f"the index of {suite} is dated {self.as_of}, in the future")


@dataclass(frozen=True, slots=True)
class IndexedPackage:
    """One binary package of an index, with the source it was built from."""

    name: str
    source: str
    source_version: str
    architecture: str
    file: IndexedFile


def parse_release(content: bytes) -> Release:
    """Read the text of a `Release`. Raises DebianIndexError."""
    text = _text(content, MAX_RELEASE, "Release")
    fields: dict[str, str] = {}
    files: dict[str, IndexedFile] = {}
    section = ""
    for line in text.split("\n"):
        if line[:1] == " ":
            if section == "sha256":
                _add_file(files, line)
            continue
        name, colon, value = line.partition(":")
        if not colon and line.strip():
            raise DebianIndexError(f"Release: {line[:60]!a} is no field")
        section = name.lower()
        fields.setdefault(section, value.strip())
    names = tuple(fields[key][:100] for key in ("codename", "suite") if fields.get(key))
    if not names or not files:
        raise DebianIndexError("Release: no suite is named, or no file with its SHA-256")
    until = _date(fields["valid-until"]) if "valid-until" in fields else None
    return Release(names, _date(fields.get("date", "")), until, files)


def _add_file(files: dict[str, IndexedFile], line: str) -> None:
    found = _FILE.fullmatch(line.rstrip())
    if found is None or not _is_safe(found[3]) or len(files) >= MAX_FILES:
        raise DebianIndexError(f"Release: {line[:120]!a} names no file, or there are too many")
    files[found[3]] = IndexedFile(found[3], int(found[2]), found[1])


def _date(text: str) -> datetime:
    """Read `Mon, 23 Nov 2026 11:22:37 UTC`; the zone is required to be UTC by the format."""
    try:
        moment = parsedate_to_datetime(re.sub(r"\b(UTC|Z)$", "+0000", text[:60]))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        raise DebianIndexError(f"Release: {text[:60]!a} is no date") from None
    raise DebianIndexError(f"Release: the date {text[:60]!a} has no zone")


def parse_packages(content: bytes) -> Iterator[IndexedPackage]:
    """Yield the packages of a `Packages` file. Raises DebianIndexError."""
    for number, stanza in enumerate(_stanzas(content)):
        if number >= MAX_PACKAGES:
            raise DebianIndexError(f"Packages: more than {MAX_PACKAGES} packages")
        if stanza.strip():
            text = _text(stanza, MAX_STANZA, "Packages: a stanza")
            yield _package({name: value.strip() for name, value in _FIELD.findall(text)})


def _stanzas(content: bytes) -> Iterator[bytes]:
    start = 0
    while start <= len(content):
        end = content.find(b"\n\n", start)
        end = len(content) if end < 0 else end
        yield content[start:end]
        start = end + 2


def _package(fields: dict[str, str]) -> IndexedPackage:
    try:
        name, version = fields["Package"], fields["Version"]
        path, size, digest = fields["Filename"], fields["Size"], fields["SHA256"]
    except KeyError as missing:
        raise DebianIndexError(f"Packages: a package without {missing.args[0]}") from None
    source = _SOURCE.fullmatch(fields.get("Source", name))
    if source is None or not version or len(name) > 200:
        raise DebianIndexError(f"Packages: {name[:60]!a} has no name, version or source to read")
    if not (_is_safe(path) and re.fullmatch(r"[0-9]{1,15}", size, re.ASCII)):
        raise DebianIndexError(f"Packages: {name[:60]!a} has no safe file name or no size")
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise DebianIndexError(f"Packages: {name[:60]!a} has no SHA-256")
    return IndexedPackage(
        name,
        source[1],
        source[2] or version,
        fields.get("Architecture", ""),
        IndexedFile(path, int(size), digest),
    )


def _is_safe(path: str) -> bool:
    """A path below the archive, whatever a mirror makes of it."""
    return _SAFE.fullmatch(path) is not None and ".." not in path.split("/")


def _text(content: bytes, limit: int, what: str) -> str:
    if len(content) > limit:
        raise DebianIndexError(f"{what}: {len(content)} bytes, at most {limit}")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise DebianIndexError(f"{what}: not UTF-8") from None
