"""Python projects, against what the interpreter itself finds in this environment."""

from __future__ import annotations

import importlib.metadata
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from tests.support.inventory_files import files_under, take_stock

from sealmark.scan.inventory.dispatch import read_file, wants

SITE = "usr/lib/python3.11/site-packages"
FLASK = (
    b"Metadata-Version: 2.4\nName: Flask\nVersion: 3.0.3\nLicense-Expression: BSD-3-Clause\n"
    b"Classifier: License :: OSI Approved :: MIT License\n\n# Flask\nVersion: 9.9\nName: x\n"
)


def test_this_environment_has_exactly_the_projects_that_the_interpreter_finds() -> None:
    purelib = Path(sysconfig.get_path("purelib"))
    expected = {
        (canonicalize_name(d.name), d.version)
        for d in importlib.metadata.distributions(path=[str(purelib)])
    }
    _, components, problems = take_stock(files_under(purelib, SITE))
    top = {
        (c.name, c.version)
        for c in components
        for location in c.locations
        if location.path.count("/") == SITE.count("/") + 3
    }
    assert len(expected) > 10
    assert top == expected
    assert problems == ()
    assert all(c.ecosystem == "PyPI" for c in components)


def test_a_project_is_known_by_its_normalised_name_and_stated_licence() -> None:
    _, components, _ = take_stock({f"{SITE}/flask-3.0.3.dist-info/METADATA": FLASK})
    assert [(c.name, c.version, c.purl, c.licenses) for c in components] == [
        ("flask", "3.0.3", "pkg:pypi/flask@3.0.3", ("BSD-3-Clause",))
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("Classifier: License :: OSI Approved :: MIT License\nLicense: x", ("MIT License",)),
        ("Classifier: License :: OSI Approved\nLicense: Apache-2.0", ("Apache-2.0",)),
        ("License:  MIT \t", ("MIT",)),
        ("License: " + "Permission is hereby granted " * 9, ()),
        ("License: ", ()),
    ],
)
def test_licences_come_from_the_most_exact_field(lines: str, expected: tuple[str, ...]) -> None:
    content = f"Name: a\nVersion: 1\n{lines}\n".encode()
    facts = read_file(b"x/a.dist-info/METADATA", content)
    assert facts.packages[0].licenses == expected


@pytest.mark.parametrize(
    "path",
    [
        f"{SITE}/Foo_Bar.egg-info/PKG-INFO",
        f"{SITE}/Foo_Bar-1.0-py3.11.egg-info",
        f"{SITE}/Foo_Bar-1.0-py3.11.egg/EGG-INFO/PKG-INFO",
    ],
)
def test_the_older_layouts_are_read(path: str) -> None:
    _, components, _ = take_stock({path: b"Name: Foo.Bar\r\nVersion: 1.0\r\n\r\ntext"})
    assert [c.purl for c in components] == ["pkg:pypi/foo-bar@1.0"]


@pytest.mark.parametrize("path", ["src/pkg/PKG-INFO", "a/METADATA", "WHEEL", "a.dist-info/RECORD"])
def test_look_alikes_are_left_alone(path: str) -> None:
    assert not wants(path.encode())


def test_a_dist_info_without_metadata_is_a_problem() -> None:
    _, components, problems = take_stock({f"{SITE}/a-1.dist-info/WHEEL": b"Wheel-Version: 1.0\n"})
    assert components == ()
    assert problems[0].affects == ("pypi",)
    assert "METADATA" in problems[0].what


def test_metadata_without_a_version_is_a_problem_that_names_the_file() -> None:
    _, components, problems = take_stock({f"{SITE}/a-1.dist-info/METADATA": b"Name: a\n"})
    assert components == ()
    assert problems[0].location is not None
    assert problems[0].location.path == f"/{SITE}/a-1.dist-info/METADATA"
    assert "Version of a" in problems[0].what


LINES = st.sampled_from(
    [b"Name: a\n", b"Version: 1\n", b"License: x\n", b"Classifier: License ::\n"]
)


@given(st.lists(LINES | st.binary(max_size=9), max_size=20).map(b"".join))
def test_any_metadata_gives_facts(content: bytes) -> None:
    facts = read_file(b"x/a.dist-info/METADATA", content)
    assert len(facts.packages) + len(facts.troubles) == 1
