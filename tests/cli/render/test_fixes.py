"""The lines for a Dockerfile: exact, one for each package manager, and safe to copy."""

from __future__ import annotations

import shlex
import string
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.hostile import HOSTILE

from sealmark.cli.render.fixes import MOST_NAMED, NO_MANAGER, dockerfile_lines
from sealmark.cli.render.plan import Change, Item
from sealmark.evidence.component import Component, Location

if TYPE_CHECKING:
    from collections.abc import Iterable

STATUS = "/var/lib/dpkg/status"


def package(type_: str, name: str, path: str = STATUS, version: str = "1") -> Component:
    locations = (Location(path, 0),)
    purl = f"pkg:{type_}/{name}@{version}"
    return Component(type=type_, name=name, version=version, purl=purl, locations=locations)


def lines(components: Iterable[Component], to: str | None = "2.0", **more: Any) -> tuple[str, ...]:
    items = tuple(Item(id="CVE-1", reasons=(), components=(one,)) for one in components)
    return dockerfile_lines([Change("upgrade", "", items, to=to, **more)])


def npm(name: str, path: str) -> Component:
    return package("npm", name, path)


@pytest.mark.parametrize(
    ("components", "expected"),
    [
        (
            [package("deb", "openssl"), package("deb", "libstdc++6")],
            ["RUN apt-get update && apt-get install -y --only-upgrade libstdc++6 openssl"],
        ),
        (
            [package("apk", "libssl3", "/lib/apk/db/installed")],
            ["RUN apk upgrade --no-cache libssl3"],
        ),
        (
            [package("pypi", "requests", "/srv/lib/requests-1.dist-info/METADATA")],
            ["RUN pip install 'requests>=2.0'"],
        ),
        (
            [
                package("pypi", "six", "/usr/local/lib/python3.12/site-packages/six-1.dist-info/M"),
                package(
                    "pypi", "idna", "/srv/venv/lib/python3.12/site-packages/idna-1.dist-info/M"
                ),
            ],
            ["RUN pip install 'six>=2.0'", "RUN /srv/venv/bin/pip install 'idna>=2.0'"],
        ),
        (
            [npm("lodash", "/srv/node_modules/lodash/package.json")],
            ["RUN cd /srv && npm install lodash@2.0"],
        ),
        (
            [npm("lodash", "/srv/app/package-lock.json")],
            ["RUN cd /srv/app && npm install lodash@2.0"],
        ),
        ([npm("@a/b", "/node_modules/@a/b/package.json")], ["RUN npm install @a/b@2.0"]),
        (
            [npm("npm", "/usr/local/lib/node_modules/npm/package.json")],
            ["RUN npm install -g npm@2.0"],
        ),
        (
            [npm("tar", "/usr/lib/node_modules/npm/node_modules/tar/package.json")],
            ["# not here: 1 package inside another npm package: upgrade or override that one"],
        ),
        (
            [package("deb", "libssl3", "/var/lib/dpkg/status.d/libssl3")],
            [f"# not here: 1 package {NO_MANAGER}"],
        ),
        (
            [package("pypi", "six", "/usr/lib/python3/dist-packages/six-1.egg-info/PKG-INFO")],
            ["# not here: 1 package installed by the distribution: upgrade its package"],
        ),
        ([package("golang", "x/y")], []),
    ],
)
def test_every_ecosystem_has_its_line(components: list[Component], expected: list[str]) -> None:
    assert list(lines(components)) == expected


def test_packages_in_several_changes_are_one_line_each_named_once() -> None:
    ssl, curl = package("deb", "libssl3"), package("deb", "curl")
    rest = Change("rebase", "", (), instead_of=(Change("upgrade", "", (item(ssl),), to="2"),))
    both = Change("upgrade", "", (item(ssl), item(curl)), to="2")
    user = Change("configure", "set a user", (item(curl),))
    assert dockerfile_lines([rest, both, user]) == (
        "RUN apt-get update && apt-get install -y --only-upgrade curl libssl3",
    )


def item(component: Component) -> Item:
    return Item(id="CVE-1", reasons=(), components=(component,))


def test_a_crowd_of_packages_is_upgraded_as_a_whole() -> None:
    crowd = [package("deb", f"lib{n}") for n in range(MOST_NAMED + 1)]
    assert lines(crowd) == ("RUN apt-get update && apt-get upgrade -y",)
    crowd = [package("apk", f"lib{n}") for n in range(MOST_NAMED + 1)]
    assert lines(crowd) == ("RUN apk upgrade --no-cache",)
    crowd = [package("pypi", f"lib{n}") for n in range(MOST_NAMED + 1)]
    assert len(lines(crowd)) == 2


def test_where_no_one_version_clears_all_only_managers_that_choose_one_have_a_line() -> None:
    assert lines([package("deb", "curl")], to=None)[0].endswith("--only-upgrade curl")
    assert lines([package("pypi", "six")], to=None)[0].startswith("# not here: 1 package")


PLAIN = set(string.ascii_letters + string.digits + " -_.,+~@=/>&#'!:")
SHELL = [
    "$(id)",
    "`id`",
    "a;b",
    "a|b",
    "a&b",
    "a b",
    "-o",
    "--root=/",
    "a\nRUN evil",
    "'x",
    "!x",
]


@given(
    st.sampled_from(["deb", "apk", "pypi", "npm"]),
    HOSTILE | st.sampled_from(SHELL),
    HOSTILE
    | st.sampled_from(
        [STATUS, "/a;id/lib/python3/x", "/srv/$(id)/node_modules/a/package.json", "/a b/x"]
    ),
    HOSTILE | st.sampled_from(["2.0", *SHELL]),
)
def test_nothing_from_an_image_is_a_command(type_: str, name: str, path: str, to: str) -> None:
    harmless = shlex.split(" ".join(lines([package(type_, "harmless")])))
    for line in lines([package(type_, name, path)], to=to):
        assert set(line) <= PLAIN
        if line.startswith("# not here: 1 package"):
            continue
        words = shlex.split(line)
        extra = 3 if type_ == "npm" else 0
        assert len(words) <= len(harmless) + extra
        assert line.count("&&") <= 1
        assert not any(word.startswith("-") for word in words[-1:])
