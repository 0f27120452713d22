"""Debian indexes, changelogs, packages and apt's configuration, read by pure functions."""

from __future__ import annotations

import contextlib
import gzip
import json
import time
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from tests.support.debian_archive import changelog, deb

from sealmark.scan.vulnerabilities.apt_sources import (
    AptSource,
    choose_source,
    parse_sources,
    without_login,
)
from sealmark.scan.vulnerabilities.deb_file import DebFileError, read_documentation
from sealmark.scan.vulnerabilities.debian_changelog import ChangelogError, parse_changelog
from sealmark.scan.vulnerabilities.debian_fixes import changelog_records
from sealmark.scan.vulnerabilities.debian_index import (
    DebianIndexError,
    parse_packages,
    parse_release,
)
from sealmark.scan.vulnerabilities.unpacking import PackedError, unpacked_whole

FACTS = Path("../shared/advisories/debian-12-changelog-fixes.jsonl.zst")


def test_recorded_changelog_facts_survive_being_written_as_a_changelog() -> None:
    if not FACTS.exists():
        pytest.skip(f"{FACTS} is not here")
    lines = zstandard.ZstdDecompressor().stream_reader(FACTS.read_bytes()).read().splitlines()
    compared = 0
    for facts in map(json.loads, lines):
        stated = [(entry["version"], tuple(sorted(entry["cves"]))) for entry in facts["entries"]]
        text = changelog(
            *(
                (facts["source"], entry["version"], entry["dist"], ", ".join(entry["cves"]))
                for entry in facts["entries"]
            )
        )
        if stated:
            read = parse_changelog(text)
            assert [(entry.version, entry.cves) for entry in read] == stated
            compared += len(stated)
    assert compared > 500


def test_the_newest_entry_that_names_a_cve_fixes_it() -> None:
    text = changelog(
        ("a", "3", "bookworm-security", "Complete the fix of CVE-2024-0001."),
        ("a", "2", "bookworm", "cve-2024-0001, CVE-2024-0002"),
    )
    records = list(changelog_records(parse_changelog(text), "a", "Debian:12", "2026-01-01"))
    fixes = {r.vulnerabilities: r.affected[0].versions.ranges[0][1].version for r in records}
    assert fixes == {("CVE-2024-0001",): "3", ("CVE-2024-0002",): "2"}


def test_documentation_that_is_a_link_names_the_package_that_has_it() -> None:
    package = deb({}, links={"./usr/share/doc/lib32gcc": "gcc-base"})
    assert read_documentation(package).links == ("gcc-base",)


def test_debians_own_changelog_comes_before_upstreams() -> None:
    files = {"changelog.gz": gzip.compress(b"up"), "changelog.Debian.gz": gzip.compress(b"own")}
    package = deb({f"./usr/share/doc/a/{name}": content for name, content in files.items()})
    assert read_documentation(package).changelogs == (b"own", b"up")


SOURCES = """Types: deb deb-src
# a comment
URIs: http://mirror.example/debian https://other.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/k.gpg

Types: deb
Enabled: no
URIs: http://mirror.example/off
Suites: bookworm
"""


def test_both_forms_of_apt_sources_are_read() -> None:
    read = parse_sources("debian.sources", SOURCES)
    assert len(read) == 4
    key = "/usr/share/keyrings/k.gpg"
    assert read[0] == AptSource(
        "http://mirror.example/debian", "bookworm", ("main", "contrib"), (key,)
    )
    line = "deb [arch=amd64 trusted=yes] http://m.example/d bookworm-security main # why\n"
    other = "deb cdrom:[Debian]/ bookworm main\ndeb-src http://m.example/d bookworm main\n"
    assert parse_sources("sources.list", line + other) == (
        AptSource("http://m.example/d", "bookworm-security", ("main",)),
    )


def test_another_releases_suites_are_asked_of_the_same_mirror() -> None:
    security = AptSource("http://m.example/s", "bookworm-security", ("main",))
    main = AptSource("http://m.example/d", "bookworm", ("main",))
    foreign = AptSource("http://tools.example/", "nodistro", ("main",), ("/k.gpg",))
    known = (foreign, main, security)
    assert choose_source(known, "trixie-security") == AptSource(
        "http://m.example/s", "trixie-security", ("main",)
    )
    assert choose_source(known, "trixie") == AptSource("http://m.example/d", "trixie", ("main",))
    assert choose_source((foreign,), "trixie") is None


def test_of_several_archives_with_debians_suite_names_debians_is_chosen() -> None:
    key = ("/debian.gpg",)
    security = AptSource("http://m.example/s", "bookworm-security", ("main",), key)
    main = AptSource("http://m.example/d", "bookworm", ("main",), key)
    docker = AptSource("https://docker.example/linux/debian", "bookworm", ("stable",), ("/d.asc",))
    php = AptSource("https://php.example/php", "bookworm", ("main",), ("/php.gpg",))
    known = (docker, php, main, security)
    assert choose_source(known, "bookworm", security) == main
    assert choose_source((docker, security), "bookworm", security) is None


ODD_SOURCES = """Types: deb
Enabled: False
URIs: http://off.example/debian
Suites: bookworm
Components: main

types: deb
uris: http://m.example/debian
suites: bookworm
components: main
Trusted: yes
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 /base64/that/looks/like/a/path
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: http://m.example/debian
Suites: bookworm-security
Components: main
Signed-By: /a.gpg,/b.asc 0123456789ABCDEF0123456789ABCDEF01234567
"""


def test_odd_options_of_apt_sources_loosen_nothing() -> None:
    assert parse_sources("a.sources", ODD_SOURCES) == (
        AptSource("http://m.example/debian", "bookworm", ("main",)),
        AptSource("http://m.example/debian", "bookworm-security", ("main",), ("/a.gpg", "/b.asc")),
    )
    line = "deb [ trusted=yes signed-by=/a.gpg,/b.asc arch=amd64 ] http://m.example/d bookworm main"
    (source,) = parse_sources("a.list", line)
    assert source.keyrings == ("/a.gpg", "/b.asc")


@pytest.mark.parametrize(
    "address", ["http://a:b@h/d", "http://a:b/c@h/d", "http://a@b@h/d", "http://a:b\nc@h/d"]
)
def test_a_login_is_cut_off_however_it_is_written(address: str) -> None:
    assert without_login(address) == "http://h/d"


@pytest.mark.parametrize(
    "line",
    [
        "a (1) " + "x " * 500_000,
        "a (1)" + " " * 1_000_000,
        "a" * 1_000_000,
        "a (" + "1" * 1_000_000,
        " -- " + ">" * 1_000_000,
        " -- a <b>  " + "1, " * 300_000,
        "CVE-2024-" * 100_000,
        "CVE-2024-" + "1" * 1_000_000,
        "_CVE-2024-0001" * 70_000,
    ],
)
def test_no_line_of_a_changelog_takes_more_than_its_length(line: str) -> None:
    text = f"a (2) sid; urgency=low\n\n{line}\n\n -- A <a@b>  Mon, 01 Jan 2024 00:00:00 +0000\n"
    started = time.process_time()
    with contextlib.suppress(ChangelogError):
        parse_changelog(text.encode())
    with contextlib.suppress(ChangelogError):
        parse_changelog(line.encode())
    parse_sources("sources.list", f"deb {line}\ndeb [{line}")
    parse_sources("a.sources", line)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "text", ["Drop 0001_CVE-2019-2201-followup.patch", "80cve-2019-2201", "(CVE-2019-2201)"]
)
def test_a_cve_is_found_inside_the_name_of_a_patch(text: str) -> None:
    (entry,) = parse_changelog(changelog(("a", "1", "sid", text)))
    assert entry.cves == (() if text.startswith("80") else ("CVE-2019-2201",))


def test_a_changelog_that_names_more_than_any_does_is_refused() -> None:
    text = " ".join(f"CVE-{year}-{n:05}" for year in range(1999, 2010) for n in range(20_000))
    with pytest.raises(ChangelogError, match="names 220000 CVE ids"):
        parse_changelog(changelog(("a", "1", "sid", text)))


@pytest.mark.parametrize(
    "path", ["../../etc/passwd", "/etc/passwd", "a/../../b", "http://h/?x", ""]
)
def test_a_file_name_that_leaves_the_archive_is_refused(path: str) -> None:
    stanza = f"Package: a\nVersion: 1\nFilename: {path}\nSize: 1\nSHA256: {'0' * 64}\n"
    with pytest.raises(DebianIndexError):
        list(parse_packages(stanza.encode()))


PIECES = st.lists(
    st.sampled_from(
        [
            "Codename: bookworm\n",
            "Date: Mon, 23 Nov 2026 11:22:37 UTC\n",
            "Date: Mon, 99 Foo 99999 11:22:37 UTC\n",
            "SHA256:\n",
            f" {'0' * 64} 12 main/Packages.xz\n",
            "Package: a\nVersion: 1:2-3\nFilename: pool/a\nSize: 1\n",
            f"SHA256: {'0' * 64}\n",
            "Source: b (2)\n",
            "\n",
            "a (1) unstable; urgency=low\n",
            " -- A <a@b>  Mon, 01 Jan 2024 00:00:00 +0000\n",
            "  * CVE-2024-0001\n",
        ]
    )
    | st.text(max_size=20)
).map("".join)


@given(PIECES | st.text())
def test_any_text_is_a_value_or_the_parsers_own_error(text: str) -> None:
    content = text.encode(errors="surrogatepass")
    for parse, own in (
        (parse_release, DebianIndexError),
        (lambda c: list(parse_packages(c)), DebianIndexError),
        (parse_changelog, ChangelogError),
    ):
        with contextlib.suppress(own):
            parse(content)
    parse_sources("a.sources", text)
    parse_sources("sources.list", text)


GOOD = deb({"./usr/share/doc/a/changelog.gz": gzip.compress(b"a (1) sid; urgency=low\n")})


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255), st.booleans())
def test_a_damaged_package_is_a_value_or_its_own_error(at: int, byte: int, cut: bool) -> None:
    damaged = GOOD[:at] if cut else GOOD[:at] + bytes([byte]) + GOOD[at + 1 :]
    with contextlib.suppress(DebFileError):
        read_documentation(damaged)
    for kind in ("xz", "gz", "zst"):
        with contextlib.suppress(PackedError):
            unpacked_whole(damaged, kind, 100)
