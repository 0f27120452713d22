"""Alpine packages, from databases in the form that apk-tools writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.inventory_files import ALPINE, BOOKWORM, take_stock

from sealmark.evidence.component import Source
from sealmark.scan.inventory.dispatch import read_file

LIBSSL = b"""C:Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=
P:libssl3
V:3.3.2-r1
A:x86_64
S:241437
I:618496
T:SSL shared libraries
U:https://www.openssl.org/
L:Apache-2.0
o:openssl
m:Natanael Copa <ncopa@alpinelinux.org>
t:1729178391
c:f0f6c8a2dc5b6ef9e4aa3b7ca1d9d3c6b0f5a9d1
D:so:libc.musl-x86_64.so.1 so:libcrypto.so.3
p:so:libssl.so.3=3
F:lib
R:libssl.so.3
a:0:0:755
Z:Q1vMP2q6Yd0oXJrkPGcNHLNtQBKDE=
F:usr/lib
R:libssl.so.3
Z:Q11QwLDNiUBHAcL2lsTaOAAM05vHc=
"""
BUSYBOX = b"P:busybox\nV:1.36.1-r29\nA:x86_64\nL:GPL-2.0-only\no:busybox\n"


@pytest.mark.parametrize("path", ["lib/apk/db/installed", "usr/lib/apk/db/installed"])
def test_packages_name_origin_licence_and_architecture(path: str) -> None:
    files = {path: LIBSSL + b"\n" + BUSYBOX + b"\n", "etc/os-release": ALPINE}
    _, components, problems = take_stock(files)
    assert problems == ()
    assert [c.name for c in components] == ["busybox", "libssl3"]
    libssl = components[1]
    assert libssl.version == "3.3.2-r1"
    assert libssl.source == Source("openssl", "3.3.2-r1")
    assert libssl.licenses == ("Apache-2.0",)
    assert libssl.supplier == "Natanael Copa <ncopa@alpinelinux.org>"
    assert libssl.ecosystem == "Alpine:v3.20"
    assert libssl.purl == "pkg:apk/alpine/libssl3@3.3.2-r1?arch=x86_64&distro=alpine-3.20.3"


def test_a_package_without_origin_is_its_own() -> None:
    facts = read_file(b"lib/apk/db/installed", b"P:.build-deps\nV:20260101.000000\n")
    assert facts.packages[0].source == Source(".build-deps", "20260101.000000")


def test_apk_packages_on_debian_are_not_debians() -> None:
    files = {"lib/apk/db/installed": BUSYBOX, "etc/os-release": BOOKWORM}
    _, components, _ = take_stock(files)
    assert components[0].ecosystem is None
    assert components[0].purl == "pkg:apk/busybox@1.36.1-r29?arch=x86_64"


def test_file_entries_never_pass_for_fields_of_the_package() -> None:
    content = b"P:a\nV:1-r0\nF:etc\nR:P\nP:evil\nV:9-r9\n"
    facts = read_file(b"lib/apk/db/installed", content)
    assert [(p.name, p.version) for p in facts.packages] == [("a", "1-r0")]


def test_blank_lines_between_and_after_records_are_no_records() -> None:
    facts = read_file(b"lib/apk/db/installed", b"\n\n" + BUSYBOX + b"\n\n \n\n")
    assert [p.name for p in facts.packages] == ["busybox"]
    assert facts.troubles == ()


def test_a_record_without_version_is_a_problem() -> None:
    _, components, problems = take_stock({"lib/apk/db/installed": b"P:a\n\n" + BUSYBOX})
    assert [c.name for c in components] == ["busybox"]
    assert problems[0].affects == ("apk",)
    assert "version" in problems[0].what


LINES = st.sampled_from([b"P:a\n", b"V:1\n", b"o:\n", b"L:\xff\n", b"F:x\n", b"\n"])


@given(st.lists(LINES | st.binary(max_size=9), max_size=30).map(b"".join))
def test_any_database_gives_facts(content: bytes) -> None:
    facts = read_file(b"lib/apk/db/installed", content)
    assert all(p.name and p.version and p.source for p in facts.packages)
