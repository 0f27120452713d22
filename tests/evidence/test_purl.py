"""Package URLs against the specification's own conformance set, read in place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmark.evidence.purl import MAX_LENGTH, PackageUrl, PurlError, build_purl, canonical_purl

ORACLE = Path(__file__).resolve().parents[2].parent / "shared" / "oracles" / "purl-spec"
PARTS = ("type", "namespace", "name", "version", "qualifiers", "subpath")


def conformance_cases() -> list[Any]:
    cases = []
    for file in sorted(ORACLE.glob("*/*.json")):
        for number, case in enumerate(json.loads(file.read_bytes())["tests"]):
            cases.append(pytest.param(case, id=f"{file.stem}-{number}-{case['test_type']}"))
    return cases


def build(parts: dict[str, Any]) -> str:
    return str(PackageUrl.build(**{part: parts[part] for part in PARTS}))


def parse(text: str) -> dict[str, Any]:
    url = PackageUrl.parse(text)
    qualifiers = dict(url.qualifiers) or None
    return {part: getattr(url, part) for part in PARTS} | {"qualifiers": qualifiers}


RUN = {"parse": parse, "build": build, "validate": canonical_purl}


def test_the_conformance_set_is_there() -> None:
    if not ORACLE.is_dir():
        pytest.skip("no ../shared/oracles/purl-spec: the conformance set is not here")
    assert len(conformance_cases()) > 500


@pytest.mark.parametrize("case", conformance_cases())
def test_a_conformance_case_holds(case: dict[str, Any]) -> None:
    run: Any = RUN[case["test_type"]]
    if case["expected_failure"]:
        with pytest.raises(PurlError):
            run(case["input"])
        return
    expected = case["expected_output"]
    if isinstance(expected, dict) and not expected["qualifiers"]:
        expected = expected | {"qualifiers": None}
    assert run(case["input"]) == expected


def test_the_fast_way_gives_what_the_object_gives() -> None:
    parts = ("deb", "Debian", "LibStdC++6", "12.2.0-14+deb12u1", {"distro": "debian-12"})
    assert build_purl(*parts) == str(PackageUrl.build(*parts))
    assert build_purl(*parts) == (
        "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?distro=debian-12"
    )


def test_npm_names_keep_their_case_because_they_differ_by_it() -> None:
    assert build_purl("npm", None, "JSONStream", "1.3.5") == "pkg:npm/JSONStream@1.3.5"


@pytest.mark.parametrize(
    "text",
    [
        "pkg:npm/a%2",
        "pkg:npm/%ff",
        "pkg:npm/a%2Fb/c",
        "pkg:npm/a?x=1&x=2",
        "pkg:npm/a?novalue",
        "pkg:npm/a?Key=1",
        "pkg:npm/" + "a" * MAX_LENGTH,
    ],
)
def test_a_malformed_package_url_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(PurlError) as refused:
        PackageUrl.parse(text)
    assert "\n" not in str(refused.value)


@given(st.text() | st.text().map(lambda t: "pkg:npm/" + t))
def test_any_text_is_a_package_url_or_a_purl_error(text: str) -> None:
    try:
        url = PackageUrl.parse(text)
        rendered = str(url)
    except PurlError:
        return
    assert str(PackageUrl.parse(rendered)) == rendered


PIECES = st.text(min_size=1)


@given(st.sampled_from(["npm", "deb", "maven", "generic"]), PIECES, PIECES, PIECES)
def test_what_is_built_parses_back_to_the_same_parts(
    kind: str, namespace: str, name: str, version: str
) -> None:
    try:
        text = build_purl(kind, namespace, name, version, {"arch": version})
    except PurlError:
        return
    url = PackageUrl.parse(text)
    assert text.isascii()
    assert str(url) == text
    assert url.version == version
    assert url.qualifier("arch") == version
