"""Debian packages, against dpkg's own view of this machine where there is one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.inventory_files import ALPINE, BOOKWORM, take_stock

from sealmark.evidence.component import Source
from sealmark.evidence.purl import PackageUrl
from sealmark.scan.inventory.dispatch import read_file, wants
from sealmark.scan.inventory.limits import MAX_FIELD

STATUS = "var/lib/dpkg/status"


def stanza(name: str, state: str = "install ok installed", **fields: str) -> bytes:
    lines = {"Package": name, "Status": state, "Version": "1.0-1", "Architecture": "amd64"}
    return "".join(f"{k}: {v}\n" for k, v in (lines | fields).items()).encode()


def test_this_machine_has_exactly_the_packages_that_dpkg_says() -> None:
    status = Path("/") / STATUS
    if shutil.which("dpkg-query") is None or not status.exists():
        pytest.skip("no dpkg on this machine to compare with")
    fields = "${Package} ${Version} ${Architecture} ${source:Package} ${source:Version} ${Status}"
    listed = subprocess.run(
        ["dpkg-query", "-W", "-f=" + fields + "\\n"], capture_output=True, check=True, text=True
    ).stdout.splitlines()
    expected = {tuple(line.split()[:5]) for line in listed if line.endswith(" installed")}
    facts = read_file(STATUS.encode(), status.read_bytes())
    found = {
        (p.name, p.version, p.architecture, p.source.name, p.source.version)
        for p in facts.packages
        if p.source
    }
    assert facts.troubles == ()
    assert found == expected


@pytest.mark.parametrize(
    ("state", "present"),
    [
        ("install ok installed", True),
        ("hold ok installed", True),
        ("install ok half-configured", True),
        ("install ok triggers-awaited", True),
        ("install ok triggers-pending", True),
        ("install ok unpacked", True),
        ("install reinstreq half-installed", True),
        ("deinstall ok config-files", False),
        ("purge ok not-installed", False),
    ],
)
def test_a_package_counts_while_its_files_are_on_disk(state: str, present: bool) -> None:
    _, components, problems = take_stock({STATUS: stanza("a", state)})
    assert [c.name for c in components] == (["a"] if present else [])
    assert problems == ()


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (None, Source("a", "1.0-1")),
        ("glibc", Source("glibc", "1.0-1")),
        ("gcc-12 (12.2.0-14)", Source("gcc-12", "12.2.0-14")),
        ("tzdata (2:2024a-0+deb12u1)", Source("tzdata", "2:2024a-0+deb12u1")),
    ],
)
def test_the_source_package_has_its_own_version_where_stated(
    field: str | None, expected: Source
) -> None:
    extra = {"Source": field} if field else {}
    _, components, _ = take_stock({STATUS: stanza("a", **extra)})
    assert components[0].source == expected


def test_a_component_knows_its_distribution() -> None:
    system, components, _ = take_stock({STATUS: stanza("libc6"), "etc/os-release": BOOKWORM})
    assert system is not None
    assert components[0].purl == "pkg:deb/debian/libc6@1.0-1?arch=amd64&distro=debian-12"
    assert components[0].ecosystem == "Debian:12"


@pytest.mark.parametrize("release", [None, b"ID=kali\nID_LIKE=debian\nVERSION_ID=2026.1\n", ALPINE])
def test_packages_of_another_or_no_distribution_have_no_ecosystem(release: bytes | None) -> None:
    files = {STATUS: stanza("a")} | ({"etc/os-release": release} if release else {})
    _, components, _ = take_stock(files)
    assert components[0].ecosystem is None
    assert PackageUrl.parse(components[0].purl).namespace in (None, "kali")


def test_one_name_on_two_architectures_is_two_components() -> None:
    content = stanza("libc6") + b"\n" + stanza("libc6", Architecture="i386")
    _, components, _ = take_stock({STATUS: content})
    assert [c.architecture for c in components] == ["amd64", "i386"]


def test_distroless_images_have_one_file_for_each_package() -> None:
    control = b"Package: base-files\nVersion: 12.4+deb12u5\nArchitecture: amd64\n"
    files = {
        "var/lib/dpkg/status.d/base": control,
        "var/lib/dpkg/status.d/base.md5sums": b"d41d8cd98f00b204e9800998ecf8427e  etc/x\n",
        "etc/os-release": BOOKWORM,
    }
    _, components, problems = take_stock(files)
    assert [(c.name, c.version) for c in components] == [("base-files", "12.4+deb12u5")]
    assert components[0].locations[0].path == "/var/lib/dpkg/status.d/base"
    assert problems == ()
    assert not wants(b"var/lib/dpkg/status.d/base.md5sums")


def test_a_broken_entry_is_a_problem_and_the_others_are_read() -> None:
    content = b"\n".join(
        [
            stanza("good"),
            b"Package: truncated\nStatus: install ok installed\n",
            b"garbage\n",
            stanza("odd", "installed"),
            stanza("sourced", Source="a b c"),
            stanza("n" * (MAX_FIELD + 1)),
            b"Package: stateless\nVersion: 1\n",
            stanza("last"),
        ]
    )
    _, components, problems = take_stock({STATUS: content})
    assert [c.name for c in components] == ["good", "last"]
    assert len(problems) == 6
    assert all(p.affects == ("deb",) and p.location for p in problems)


def test_blank_lines_between_and_after_entries_are_no_entries() -> None:
    content = b"\n" + stanza("a") + b"\n\n\n \n\n" + stanza("b") + b"\n\n \n"
    _, components, problems = take_stock({STATUS: content})
    assert [c.name for c in components] == ["a", "b"]
    assert problems == ()


def test_hostile_names_survive_printable() -> None:
    _, components, _ = take_stock({STATUS: stanza("\x1b[31mred/../x", Version="1;rm -rf\x07")})
    assert components[0].name == "\\x1b[31mred/../x"
    assert components[0].version == "1;rm -rf\\x07"
    assert PackageUrl.parse(components[0].purl).version == "1;rm -rf\\x07"


def test_licences_come_from_machine_readable_copyright_files() -> None:
    dep5 = b"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
    dep5 += b"\nFiles: *\nLicense: GPL-2+ or MIT\n text\n\nFiles: x\nLicense: BSD-3-Clause\n"
    dep5 += b"\nLicense: BSD-3-Clause\n full text\n"
    files = {
        STATUS: stanza("a") + b"\n" + stanza("b"),
        "usr/share/doc/a/copyright": dep5,
        "usr/share/doc/b/copyright": b"This is free software.\nLicense: see below\n",
    }
    _, components, _ = take_stock(files)
    assert [c.licenses for c in components] == [("GPL-2+ or MIT", "BSD-3-Clause"), ()]


FIELDS = st.sampled_from([b"Package: ", b"Version: ", b"Status: ", b"Source: ", b"\n\n", b" x\n"])


@given(st.lists(FIELDS | st.binary(max_size=12), max_size=30).map(b"".join))
def test_any_status_gives_facts(content: bytes) -> None:
    for path in (STATUS.encode(), b"var/lib/dpkg/status.d/x"):
        facts = read_file(path, content)
        assert all(p.name and p.version and p.source for p in facts.packages)
