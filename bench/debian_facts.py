"""What the index-based Debian feed reads, held against recorded facts.

Changelogs are those of the packages installed here and indexes those apt has here, so no network
is needed; the facts are in ../shared/advisories.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zstandard

from sealmark.scan.versions import deb
from sealmark.scan.vulnerabilities.debian_changelog import (
    ChangelogEntry,
    ChangelogError,
    parse_changelog,
)
from sealmark.scan.vulnerabilities.debian_fixes import newest_sources
from sealmark.scan.vulnerabilities.debian_index import parse_packages

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED = Path("../shared/advisories")
FACTS = SHARED / "debian-12-changelog-fixes.jsonl.zst"
VERSIONS = SHARED / "debian-12-current-versions.json.zst"
DOCUMENTATION = Path("/usr/share/doc")

UNEXPLAINED = "not explained"
OTHER_CASE = "an id in lower case, which the facts leave out"
CUT = "an entry that newer packages of the source cut off"
NOT_HERE = "an id that Debian's text as installed here does not hold"
OTHER_ZONE = "the day in the packager's own time zone"


@dataclass(frozen=True, slots=True)
class Installed:
    """A source package installed here: its changelog, read and as written, entry by entry."""

    source: str
    version: str
    entries: tuple[ChangelogEntry, ...]
    texts: dict[str, str]


def installed() -> dict[str, Installed]:
    """Return the installed source packages whose changelog is here."""
    shown = "${source:Package}\t${source:Version}\t${Package}\n"
    command = ["dpkg-query", "--show", "--showformat", shown]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return {}
    found: dict[str, Installed] = {}
    for line in done.stdout.splitlines():
        source, version, package = line.split("\t")
        if source not in found and (read := _changelog(source, version, package)):
            found[source] = read
    return found


def _changelog(source: str, version: str, package: str) -> Installed | None:
    for name in ("changelog.Debian.gz", "changelog.gz", "changelog.Debian"):
        path = DOCUMENTATION / package / name
        if not path.is_file():
            continue
        content = path.read_bytes()
        content = gzip.decompress(content) if name.endswith("gz") else content
        try:
            entries = parse_changelog(content)
        except ChangelogError:
            continue
        if entries[0].source == source and entries[0].version == version:
            return Installed(
                source, version, entries, dict(_texts(content.decode("utf-8", "replace")))
            )
    return None


def _texts(changelog: str) -> Iterator[tuple[str, str]]:
    for entry in re.split(r"\n(?=\w\S* \()", changelog):
        version = re.match(r"\S+ \(([^)]+)\)", entry)
        if version:
            yield version[1], entry


def recorded() -> list[dict[str, Any]]:
    """Return the recorded facts, a source each."""
    return [json.loads(line) for line in _unpacked(FACTS).splitlines()]


def _unpacked(path: Path) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()


@dataclass(frozen=True, slots=True)
class Difference:
    """Where what is read here differs from the facts: in what, and why."""

    source: str
    version: str
    what: str
    why: str


def differences(facts: dict[str, Any], here: Installed) -> Iterator[Difference]:
    """Yield how the entries that both know differ; entries newer than what is installed do not."""
    stated = {entry["version"]: entry for entry in facts["entries"]}
    oldest = min((deb.key(version) for version in stated), default=None)
    for entry in here.entries:
        fact = stated.get(entry.version, {"cves": [], "date": ""})
        text = here.texts.get(entry.version, "")
        for cve in sorted(set(entry.cves) - set(fact["cves"])):
            known = not fact["date"] and oldest is not None and deb.key(entry.version) < oldest
            why = OTHER_CASE if cve not in text else CUT if known else UNEXPLAINED
            yield Difference(here.source, entry.version, cve, why)
        for cve in sorted(set(fact["cves"]) - set(entry.cves)):
            why = UNEXPLAINED if cve.lower() in text.lower() else NOT_HERE
            yield Difference(here.source, entry.version, cve, why)
        if fact["date"] and fact["date"] != entry.date[:10]:
            why = OTHER_ZONE if _own_day(text) == fact["date"] else UNEXPLAINED
            yield Difference(here.source, entry.version, "date", why)


def _own_day(text: str) -> str:
    trailer = re.search(r"^ -- .*>  ?(.*)$", text, re.MULTILINE)
    return parsedate_to_datetime(trailer[1]).date().isoformat() if trailer else ""


def older_names(here: Installed) -> set[str]:
    """Return the names under which older entries of the changelog name CVE ids."""
    return {entry.source for entry in here.entries if entry.cves} - {here.source}


def listed(suite: str) -> dict[str, str] | None:
    """Return the newest version of each source in the index apt has of a suite; None without."""
    command = ["apt-get", "indextargets", "--format", "$(FILENAME)", "Created-By: Packages"]
    names = (
        _output([*command, f"Codename: {suite}", "Component: main", "Origin: Debian"])
        .decode()
        .split()
    )
    content = b"".join(_output(["/usr/lib/apt/apt-helper", "cat-file", name]) for name in names[:1])
    if not content:
        return None
    return {n: one.version for n, one in newest_sources(parse_packages(content), suite, "").items()}


def _output(command: list[str]) -> bytes:
    try:
        return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return b""


def against_recorded_versions(suite: str, here: dict[str, str]) -> Counter[str]:
    """Count sources by how their version compares with the recorded one."""
    recorded_here = json.loads(_unpacked(VERSIONS))["sources"]
    stated = {name: v[suite] for name, v in recorded_here.items() if suite in v}
    count: Counter[str] = Counter()
    for name in stated.keys() | here.keys():
        if name not in stated or name not in here:
            count["new since" if name in here else "gone since"] += 1
            continue
        ours, theirs = deb.key(here[name]), deb.key(stated[name])
        count["same" if ours == theirs else "newer since" if ours > theirs else "older"] += 1
    return count
