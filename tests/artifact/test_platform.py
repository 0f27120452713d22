"""Platforms are read from two or three parts, and compared as container runtimes do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmark.artifact.platform import Platform, machine_platform
from sealmark.errors import UsageError


@given(st.text(max_size=60) | st.from_regex(r"[a-z]+(/[a-z0-9_]+){1,3}", fullmatch=True))
def test_any_text_is_a_platform_that_reads_back_or_a_usage_error(text: str) -> None:
    try:
        platform = Platform.parse(text)
    except UsageError:
        return
    assert Platform.parse(str(platform)) == platform
    assert platform.accepts(platform)


@pytest.mark.parametrize("text", ["", "linux", "/", "linux/", "linux//v8", "a/b/c/d", "linux/ä"])
def test_what_is_no_platform_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="linux/amd64"):
        Platform.parse(text)


@pytest.mark.parametrize(
    ("wanted", "offered", "fits"),
    [
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm", "linux/arm/v7", True),
        ("linux/arm", "linux/arm/v6", False),
        ("linux/x86_64", "linux/amd64", True),
        ("linux/amd64", "linux/amd64/v3", False),
        ("linux/amd64", "windows/amd64", False),
        ("linux/amd64", "linux/arm64", False),
    ],
)
def test_an_unset_variant_is_the_usual_one(wanted: str, offered: str, fits: bool) -> None:
    assert Platform.parse(wanted).accepts(Platform.parse(offered)) is fits


@pytest.mark.parametrize(
    ("machine", "platform"),
    [("x86_64", "linux/amd64"), ("aarch64", "linux/arm64"), ("armv7l", "linux/arm/v7")],
)
def test_a_machine_runs_containers_of_its_own_kind(machine: str, platform: str) -> None:
    assert str(machine_platform(machine)) == platform
