"""Names of images in registries, completed as Docker completes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmark.artifact.repository import parse_image_name
from sealmark.errors import UsageError

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("debian", "docker.io/library/debian:latest"),
        ("debian:12", "docker.io/library/debian:12"),
        ("team/shop", "docker.io/team/shop:latest"),
        ("docker.io/debian", "docker.io/library/debian:latest"),
        ("index.docker.io/team/shop:1", "docker.io/team/shop:1"),
        ("localhost/shop", "localhost/shop:latest"),
        ("localhost:5000/shop:1.0_x-Y", "localhost:5000/shop:1.0_x-Y"),
        ("registry.example/a/b/c:1", "registry.example/a/b/c:1"),
        ("Host.example/shop:1", "host.example/shop:1"),
        ("[::1]:5000/shop", "[::1]:5000/shop:latest"),
        (f"shop@{DIGEST}", f"docker.io/library/shop@{DIGEST}"),
        (f"registry.example/shop:1@{DIGEST}", f"registry.example/shop:1@{DIGEST}"),
        ("a--b/c__d.e", "docker.io/a--b/c__d.e:latest"),
    ],
)
def test_a_name_is_completed(text: str, full: str) -> None:
    name = parse_image_name(text)
    assert str(name) == full
    assert parse_image_name(full) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "Shop",
        "shop:",
        "shop:-x",
        "shop:" + "x" * 129,
        "shop:a:b",
        "shop@",
        "shop@sha256:abc",
        "shop@" + DIGEST + "@" + DIGEST,
        "a" * 64,
        "a//b",
        "a/../b",
        "registry.example/",
        "registry.example/" + "a" * 256,
        "host:0/a",
        "host:65536/a",
        "host:x/a",
        "-host.example/a",
        "user@host.example/a",
        "host.example/a?b",
        "host.example/a b",
        "héte.example/a",
        "." * 4000 + "/a",
    ],
)
def test_what_is_no_name_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_image_name(text)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("127.3.2.1:1", True),
        ("[::1]:5000", True),
        ("127.0.0.1.example", False),
        ("localhost.example", False),
        ("10.0.0.1:5000", False),
        ("[::2]", False),
    ],
)
def test_only_this_machine_is_loopback(host: str, loopback: bool) -> None:
    assert parse_image_name(f"{host}/shop").is_loopback is loopback


@given(st.text() | st.text("aA0.:/@-_[]", max_size=40))
def test_any_text_is_a_name_that_reads_back_or_a_usage_error(text: str) -> None:
    try:
        name = parse_image_name(text)
    except UsageError:
        return
    assert parse_image_name(str(name)) == name
