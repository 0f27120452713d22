"""From files to an inventory: who is asked, what is kept, what is merged, what is cached."""

from __future__ import annotations

import random
import re
import time
import tracemalloc

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.inventory_files import BOOKWORM

from sealmark.evidence.component import Location
from sealmark.scan.inventory.assemble import MAX_PROBLEMS, assemble
from sealmark.scan.inventory.dispatch import read_file, refuse, size_limit, wants
from sealmark.scan.inventory.facts import FileFacts
from sealmark.scan.inventory.reader import MEBIBYTE
from sealmark.scan.inventory.registry import INVENTORY_VERSION, READERS

STATUS = b"var/lib/dpkg/status"
MANIFEST = b'{"name": "a", "version": "1.0.0"}'
FILES = {
    STATUS: b"Package: zlib1g\nStatus: install ok installed\nVersion: 1:1.2\nArchitecture: amd64\n",
    b"etc/os-release": BOOKWORM,
    b"usr/share/doc/zlib1g/copyright": b"Format: 1.0\n\nFiles: *\nLicense: Zlib\n",
    b"app/node_modules/a/package.json": MANIFEST,
    b"srv/node_modules/a/package.json": MANIFEST,
    b"srv/node_modules/b/package.json": b"{",
    b"usr/lib/python3/a.dist-info/METADATA": b"Name: A\nVersion: 1.0\nLicense: MIT\n",
    b"usr/lib/python3/b.dist-info/WHEEL": b"",
}


def test_components_are_sorted_and_merged_whatever_the_order_of_the_files() -> None:
    rows = [(n, path, read_file(path, content)) for n, (path, content) in enumerate(FILES.items())]
    first = assemble(rows)
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        assert assemble(rows) == first
    _, components, problems = first
    assert [c.purl for c in components] == [
        "pkg:deb/debian/zlib1g@1:1.2?arch=amd64&distro=debian-12",
        "pkg:npm/a@1.0.0",
        "pkg:pypi/a@1.0",
    ]
    assert components[0].licenses == ("Zlib",)
    assert components[1].locations == (
        Location("/app/node_modules/a/package.json", 3),
        Location("/srv/node_modules/a/package.json", 4),
    )
    assert {affected for p in problems for affected in p.affects} == {"npm", "pypi"}


def test_facts_survive_the_cache_unchanged() -> None:
    for path, content in FILES.items():
        facts = read_file(path, content)
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(facts), type=FileFacts) == facts


def test_an_empty_root_file_system_has_an_empty_inventory() -> None:
    assert assemble([]) == (None, (), ())


def test_every_reader_is_part_of_the_cache_key() -> None:
    assert INVENTORY_VERSION.count("=") == len(READERS) == len({r.name for r in READERS})
    assert all(f"{r.name}={r.version}" in INVENTORY_VERSION for r in READERS)


def test_a_file_above_its_limit_is_a_problem_for_its_types() -> None:
    path = b"node_modules/a/package.json"
    facts = read_file(path, b" " * (size_limit(path) + 1))
    assert facts.troubles[0].affects == ("npm",)
    assert refuse(path, "sparse").troubles[0].affects == ("npm",)
    assert size_limit(b"bin/sh") == 0


def test_problems_are_counted_beyond_the_limit() -> None:
    broken = read_file(b"node_modules/a/package.json", b"{")
    rows = [(0, f"node_modules/{n}/package.json".encode(), broken) for n in range(MAX_PROBLEMS + 7)]
    _, _, problems = assemble(rows)
    assert len(problems) == MAX_PROBLEMS + 1
    assert problems[-1].what == "and 7 more"
    assert problems[-1].affects == ("npm",)


HOSTILE_FILES = {
    STATUS: [b"\n", b"a\n\n", b"Version: 1\n", b"Package: a\nVersion: 1\n\n"],
    b"lib/apk/db/installed": [b"\n", b"P:\n", b"P:a\nV:1\n\n", b"F:\n"],
    b"app/package-lock.json": [b"[", b'{"a":', b"{},", b'"a",', b"1,"],
    b"node_modules/a/package.json": [b'{"license":[', b'{"a":'],
    b"x/a.dist-info/METADATA": [b"Name:\n", b"Classifier: License ::\n"],
    b"usr/share/doc/a/copyright": [b"Format:\n\nLicense: a\n", b"\nLicense:"],
    b"etc/os-release": [b'ID="', b"ID=a\n", b"\\", b"'"],
    b"etc/passwd": [b"a\n", b":", b"\n"],
}
HOSTILE = [(path, piece) for path, pieces in HOSTILE_FILES.items() for piece in pieces]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "piece"), HOSTILE)
def test_a_file_full_of_one_thing_takes_bounded_time_and_memory(path: bytes, piece: bytes) -> None:
    content = piece * (size_limit(path) // len(piece))
    tracemalloc.start()
    started = time.perf_counter()
    try:
        read_file(path, content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - started < 60
    assert peak < 400 * MEBIBYTE


def slow_wants(path: bytes) -> bool:
    """What `wants` must say, written the plain way."""
    name = path.rpartition(b"/")[2]
    for reader in READERS:
        if path in reader.paths:
            return True
        offered = name in reader.basenames or path.endswith(reader.suffixes)
        inside = any(path.startswith(directory) for directory in reader.directories)
        if (offered or inside) and reader.claims(path):
            return True
    return False


PATH_PARTS = """
var lib dpkg status status.d info apk db installed usr share doc copyright node_modules @s a
package.json package-lock.json .package-lock.json npm-shrinkwrap.json x.dist-info METADATA WHEEL
RECORD PKG-INFO x.egg-info EGG-INFO etc os-release x.md5sums
"""
PARTS = st.sampled_from(PATH_PARTS.split())


@given(st.lists(PARTS, max_size=7).map(lambda parts: "/".join(parts).encode()) | st.binary())
def test_the_fast_answer_is_the_plain_one(path: bytes) -> None:
    assert wants(path) is slow_wants(path)


@given(st.sampled_from(sorted(FILES)), st.binary(max_size=40), st.integers(0, 200))
def test_damaged_files_give_facts_and_never_an_error(path: bytes, junk: bytes, at: int) -> None:
    content = FILES[path]
    facts = read_file(path, content[:at] + junk + content[at:])
    _, components, problems = assemble([(None, path, facts)])
    assert all(re.fullmatch(r"[!-~]+", c.purl) for c in components)
    assert all(p.what.isprintable() for p in problems)
