"""Every ordering is one: total, antisymmetric, transitive, whatever the versions look like."""

from __future__ import annotations

import random
from itertools import permutations
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmark.errors import UsageError
from sealmark.scan.versions.ordering import find, named
from sealmark.scan.versions.text import VersionError

ECOSYSTEMS = ("Debian:12", "Alpine:v3.20", "PyPI", "npm", "AlmaLinux:9")
OPPOSITE = {"<": ">", ">": "<", "=": "="}
PIECES = [
    "0",
    "00",
    "1",
    "2",
    "9",
    "10",
    "010",
    "a",
    "b",
    "A",
    ".",
    "..",
    "-",
    "--",
    "_",
    "~",
    "+",
    ":",
    "^",
    "v",
    "!",
    "=",
    "rc",
    "alpha",
    "_p",
    "_rc1",
    "_git",
    "-r0",
    "-r1",
    "dev",
    ".dev0",
    ".post1",
    "1.0",
    "1.0.0",
    "-1",
    "-beta.2",
    "~f00",
    "1:",
    "deb12u1",
]
VERSION = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)
PLAIN = st.lists(st.integers(0, 12).map(str), min_size=3, max_size=3).map(".".join)

everywhere = pytest.mark.parametrize("ecosystem", ECOSYSTEMS)


@everywhere
@given(data=st.data())
def test_three_versions_are_in_one_order(ecosystem: str, data: st.DataObject) -> None:
    compare = named(ecosystem).compare
    drawn = data.draw(st.tuples(VERSION | PLAIN, VERSION | PLAIN, VERSION | PLAIN))
    versions = [v if not refusal(ecosystem, v) else f"1.{n}.0" for n, v in enumerate(drawn)]
    signs = {(a, b): compare(a, b) for a, b in permutations(versions, 2)}
    for a, b, c in permutations(versions):
        assert signs.get((b, a), "=") == OPPOSITE[signs.get((a, b), "=")]
        if compare(a, b) in "<=" and compare(b, c) in "<=":
            assert compare(a, c) in "<="
        if compare(a, b) == compare(b, c) == "=":
            assert compare(a, c) == "="


@everywhere
@given(data=st.data())
def test_sorting_does_not_depend_on_the_order_it_starts_from(
    ecosystem: str, data: st.DataObject
) -> None:
    key = named(ecosystem).key
    versions = data.draw(st.lists(PLAIN, max_size=12))
    shuffled = random.Random(1).sample(versions, len(versions))
    assert [key(v) for v in sorted(versions, key=key)] == [
        key(v) for v in sorted(shuffled, key=key)
    ]


@everywhere
@given(text=st.text() | VERSION)
def test_any_text_is_ordered_or_refused_with_one_printable_line(ecosystem: str, text: str) -> None:
    said = refusal(ecosystem, text)
    assert said.isprintable()
    assert len(said) < 300
    if not said:
        assert named(ecosystem).compare(text, text) == "="
        assert named(ecosystem).compare(text, "1.0") in {"<", "=", ">"}


def refusal(ecosystem: str, text: str) -> str:
    """Return what is said against a version, nothing where it is one."""
    try:
        named(ecosystem).key(text)
    except VersionError as error:
        return str(error)
    return ""


@everywhere
@pytest.mark.parametrize(
    "version",
    ["", " 1", "1 ", "1\n", "1\x00", "\u0661", "1\u0301", "\ud800", "1" * 513, "٣.١"],  # noqa: RUF001
)
def test_what_is_no_short_printable_text_is_no_version(ecosystem: str, version: str) -> None:
    with pytest.raises(VersionError):
        named(ecosystem).key(version)


@everywhere
def test_the_longest_versions_cost_no_time(ecosystem: str) -> None:
    key = named(ecosystem).key
    began = process_time()
    for piece in ("9", "a", ".", "~", "-", "1.", "a1", "_p1", "-a", "0"):
        for stem in ("", "1.", "1.0.0-", "1:"):
            text = (stem + piece * 512)[:512]
            try:
                key(text)
            except VersionError:
                continue
    assert process_time() - began < 1


@pytest.mark.parametrize(
    ("ecosystem", "name"),
    [
        ("Debian:12", "deb"),
        ("Ubuntu:22.04:LTS", "deb"),
        ("Alpine:v3.20", "apk"),
        ("PyPI", "pep440"),
        ("npm", "semver"),
        ("Go", "semver"),
        ("crates.io", "semver"),
        ("Rocky Linux:9", "rpm"),
    ],
)
def test_an_ecosystem_is_found_with_its_release_or_without(ecosystem: str, name: str) -> None:
    found = find(ecosystem)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("ecosystem", ["", "Maven", "NuGet", "Packagist", "Bitnami", "x" * 1000])
def test_an_ecosystem_that_cannot_be_ordered_is_named_not_guessed(ecosystem: str) -> None:
    assert find(ecosystem) is None
    with pytest.raises(UsageError, match="no version ordering"):
        named(ecosystem)
