"""Every ordering agrees with somebody else's: recorded comparisons, dpkg, packaging, the spec."""

from __future__ import annotations

import shutil
import subprocess
from functools import cmp_to_key
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.version import InvalidVersion, Version

from sealmark.scan.versions.ordering import named
from sealmark.scan.versions.text import VersionError

ORACLES = Path(__file__).resolve().parents[3].parent / "shared" / "oracles" / "versions"
dpkg_only = pytest.mark.skipif(shutil.which("dpkg") is None, reason="no dpkg to compare with")

DEB = st.text("0019a~+.-:zZ", min_size=1, max_size=8) | st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "0:", "1:", "12:"]),
    st.text("0129abZ~+.-", min_size=1, max_size=8).map(lambda rest: f"1{rest}"),
    st.sampled_from(["", "-1", "-1~deb12u1", "-1+b2", "-0ubuntu1", "-~", "-1.1"]),
)
PEP440 = st.builds(
    "{}{}{}{}{}{}".format,
    st.sampled_from(["", "v", "0!", "1!"]),
    st.lists(st.integers(0, 11).map(str), min_size=1, max_size=4).map(".".join),
    st.sampled_from(["", "a", "b1", "rc2", "-alpha.1", ".pre3", "_c4", "preview"]),
    st.sampled_from(["", ".post1", "-2", "post", ".rev3", "-r4"]),
    st.sampled_from(["", ".dev0", "dev", "-dev4"]),
    st.sampled_from(["", "+local", "+1", "+1.a", "+a.1", "+deb12-u1"]),
)
IDENTIFIER = st.sampled_from(["0", "1", "9", "10", "a", "b", "alpha", "beta", "-", "0a", "A"])
SEMVER = st.builds(
    "{}.{}.{}{}{}".format,
    st.integers(0, 11),
    st.integers(0, 2),
    st.integers(0, 2),
    st.lists(IDENTIFIER, max_size=3).map(lambda found: f"-{'.'.join(found)}" if found else ""),
    st.sampled_from(["", "+build", "+001"]),
)


def recorded(name: str) -> list[tuple[str, str, str]]:
    """Return the comparisons of one file: `a < b` a line, `//` and `#` start a comment."""
    path = ORACLES / f"{name}.txt"
    if not path.exists():
        pytest.skip(f"no ../shared/oracles/versions/{name}.txt to compare with")
    found = []
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith(("//", "#")):
            first, sign, second = line.split()
            found.append((first, sign, second))
    return found


@pytest.mark.parametrize(
    ("name", "ecosystem", "least"),
    [
        ("debian-versions", "Debian:12", 8),
        ("debian-versions-generated", "Debian:12", 4000),
        ("alpine-versions", "Alpine:v3.20", 212),
        ("alpine-versions-generated", "Alpine:v3.20", 4000),
        ("semver-versions", "npm", 25),
        ("redhat-versions", "AlmaLinux:9", 40),
    ],
)
def test_every_recorded_comparison_comes_out_the_same(
    name: str, ecosystem: str, least: int
) -> None:
    comparisons = recorded(name)
    compare = named(ecosystem).compare
    wrong = [(a, s, b) for a, s, b in comparisons if compare(a, b) != s]
    assert wrong == []
    assert len(comparisons) >= least


@pytest.mark.parametrize("name", ["pypi-versions", "pypi-versions-generated"])
def test_recorded_python_comparisons_hold_and_only_what_packaging_refuses_is_refused(
    name: str,
) -> None:
    compare = named("PyPI").compare
    for first, sign, second in recorded(name):
        try:
            assert compare(first, second) == sign, (first, sign, second)
        except VersionError:
            assert legacy(first) or legacy(second), (first, second)


def legacy(text: str) -> bool:
    """Say whether `packaging` knows no such version either."""
    try:
        Version(text)
    except InvalidVersion:
        return True
    return False


@dpkg_only
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DEB, DEB)
def test_debian_versions_compare_as_dpkg_compares_them(first: str, second: str) -> None:
    try:
        ours = named("deb").compare(first, second)
    except VersionError:
        hopeless = [v for v in (first, second) if refused(v) or has_signed_epoch(v)]
        assert hopeless or dpkg(first, "eq", second) == 2
        return
    sign = {"<": "lt", "=": "eq", ">": "gt"}[ours]
    assert dpkg(first, sign, second) == 0


def has_signed_epoch(version: str) -> bool:
    """Say whether the epoch is `-0` or `+1`: dpkg lets it pass, Debian Policy 5.6.12 does not."""
    return version.partition(":")[0].startswith(("-", "+")) and ":" in version


def dpkg(first: str, sign: str, second: str) -> int:
    """Return dpkg's exit status: 0 it is so, 1 it is not, 2 a version is none."""
    # `--` keeps versions that begin with a dash from being options.
    command = ["dpkg", "--compare-versions", "--", first, sign, second]
    return subprocess.run(command, capture_output=True, check=False).returncode


def refused(version: str) -> bool:
    """Say whether `dpkg --validate-version`, which is stricter than the comparison, refuses."""
    command = ["dpkg", "--validate-version", "--", version]
    return subprocess.run(command, capture_output=True, check=False).returncode != 0


@given(PEP440, PEP440)
def test_python_versions_compare_as_packaging_compares_them(first: str, second: str) -> None:
    a, b = Version(first), Version(second)
    assert named("PyPI").compare(first, second) == ("<" if a < b else ">" if a > b else "=")


@given(st.text("0123.!+-_abcdeoprstvw", max_size=14))
def test_a_text_is_a_python_version_exactly_if_packaging_says_so(text: str) -> None:
    try:
        named("PyPI").key(text)
    except VersionError:
        assert legacy(text)
    else:
        assert not legacy(text)


def test_the_example_of_the_semver_specification_is_in_order() -> None:
    chain = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "2.0.0",
        "2.1.0",
        "2.1.1",
    ]
    assert {named("npm").compare(a, b) for a, b in pairwise(chain)} == {"<"}


@given(st.lists(SEMVER, min_size=2, max_size=8))
def test_semantic_versions_sort_as_the_specification_words_it(versions: list[str]) -> None:
    key = named("npm").key
    ours = sorted(versions, key=key)
    theirs = sorted(versions, key=cmp_to_key(specified))
    assert [key(v) for v in ours] == [key(v) for v in theirs]
    assert all(specified(a, b) <= 0 for a, b in pairwise(ours))


def specified(first: str, second: str) -> int:
    """Compare two semantic versions step by step as section 11 says; -1, 0 or 1."""
    (core_a, pre_a), (core_b, pre_b) = (_halves(v) for v in (first, second))
    if core_a != core_b:
        return -1 if core_a < core_b else 1
    if not pre_a or not pre_b:
        return (not pre_a) - (not pre_b)
    for a, b in zip(pre_a, pre_b, strict=False):
        if a == b:
            continue
        if a.isdigit() and b.isdigit():
            return -1 if int(a) < int(b) else 1
        if a.isdigit() != b.isdigit():
            return -1 if a.isdigit() else 1
        return -1 if a < b else 1
    return (len(pre_a) > len(pre_b)) - (len(pre_a) < len(pre_b))


def _halves(version: str) -> tuple[list[int], list[str]]:
    core, dash, pre = version.partition("+")[0].partition("-")
    return [int(number) for number in core.split(".")], pre.split(".") if dash else []
