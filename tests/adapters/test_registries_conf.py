"""registries.conf: mirrors, rewritten and blocked registries, and names that mean two things."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.lying_registry import Answer, lying_registry
from tests.support.registry import push, running_registry
from tests.support.shop import build_shop
from tests.support.shop_registry import sealmark

from sealmark.adapters.registries_conf import RegistriesConf, load_registries_conf
from sealmark.artifact.repository import parse_image_name
from sealmark.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "sha256:" + "a" * 64


def read(home: Path, text: str) -> RegistriesConf:
    file = home / ".config" / "containers" / "registries.conf"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return load_registries_conf({"HOME": str(home)}, home / "etc")


def places(settings: RegistriesConf, image: str) -> list[str]:
    return [str(one.name) for one in settings.endpoints(parse_image_name(image))]


MIRRORS = """
unqualified-search-registries = ["docker.io"]

[[registry]]
prefix = "docker.io"
location = "hub.internal:5000/proxy"
[[registry.mirror]]
location = "near.internal/hub"
[[registry.mirror]]
location = "exact.internal"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "moving.internal"
pull-from-mirror = "tag-only"
insecure = true

[[registry]]
prefix = "docker.io/library/busybox"
blocked = true

[[registry]]
prefix = "*.corp.example"
[[registry.mirror]]
location = "mirror.internal/corp"

[[registry]]
location = "plain.internal"
insecure = true
"""


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (
            "debian:12",
            [
                "near.internal/hub/library/debian:12",
                "moving.internal/library/debian:12",
                "hub.internal:5000/proxy/library/debian:12",
            ],
        ),
        (
            f"debian@{DIGEST}",
            [
                f"near.internal/hub/library/debian@{DIGEST}",
                f"exact.internal/library/debian@{DIGEST}",
                f"hub.internal:5000/proxy/library/debian@{DIGEST}",
            ],
        ),
        ("a.corp.example/x:1", ["mirror.internal/corp/x:1", "a.corp.example/x:1"]),
        ("corp.example/x:1", ["corp.example/x:1"]),
        ("evil-corp.example/x:1", ["evil-corp.example/x:1"]),
        ("docker.io.evil.example/x:1", ["docker.io.evil.example/x:1"]),
        ("plain.internal/x:1", ["plain.internal/x:1"]),
    ],
)
def test_a_name_leads_to_its_mirrors_and_then_to_its_registry(
    tmp_path: Path, image: str, expected: list[str]
) -> None:
    assert places(read(tmp_path, MIRRORS), image) == expected


def test_only_what_is_declared_insecure_may_be_plain(tmp_path: Path) -> None:
    settings = read(tmp_path, MIRRORS)
    found = settings.endpoints(parse_image_name("debian:12"))
    assert [one.insecure for one in found] == [False, True, False]
    assert settings.endpoints(parse_image_name("plain.internal/x"))[0].insecure


def test_a_blocked_registry_is_refused(tmp_path: Path) -> None:
    settings = read(tmp_path, MIRRORS)
    with pytest.raises(UsageError, match=r"blocks docker\.io/library/busybox"):
        settings.endpoints(parse_image_name("busybox:1"))
    assert len(places(settings, "busybox-extra:1")) == 3


def test_later_files_count(tmp_path: Path) -> None:
    directory = tmp_path / "etc" / "registries.conf.d"
    directory.mkdir(parents=True)
    (directory / "10.conf").write_text('[[registry]]\nlocation = "a.example"\nblocked = true')
    (directory / "20.conf").write_text('[[registry]]\nlocation = "a.example"\n')
    (tmp_path / "etc" / "registries.conf").write_text("not read: the user has a file")
    settings = read(tmp_path, '[[registry]]\nlocation = "b.example"\nblocked = true')
    assert places(settings, "a.example/x:1") == ["a.example/x:1"]
    with pytest.raises(UsageError, match="blocks"):
        places(settings, "b.example/x:1")


@pytest.mark.parametrize(
    "text",
    [
        "[[registry",
        'registry = "x"',
        '[registries.block]\nregistries = ["evil.example"]',
        '[[registry]]\nprefix = "a.example"\n[[registry.mirror]]\npull-from-mirror = "x"',
        "a = " + "[" * 100_000,
        "#" * (2 << 20),
    ],
)
def test_a_file_that_makes_no_sense_is_a_usage_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"registries\.conf"):
        read(tmp_path, text)


def test_a_mirror_without_a_host_is_a_usage_error(tmp_path: Path) -> None:
    settings = read(tmp_path, '[[registry]]\nprefix = "a.example"\nlocation = "nowhere"')
    with pytest.raises(UsageError, match="names no registry host"):
        places(settings, "a.example/x:1")


SHORT = """
unqualified-search-registries = ["quay.io", "docker.io"]
[aliases]
"debian" = "docker.io/library/debian"
"centos" = "quay.io/centos/centos"
"""


@pytest.mark.parametrize("image", ["centos", "centos:9", "team/shop", "shop:1"])
def test_a_short_name_that_means_two_things_is_refused(tmp_path: Path, image: str) -> None:
    with pytest.raises(UsageError, match="write out which"):
        read(tmp_path, SHORT).check_short_name(image)


@pytest.mark.parametrize(
    "image", ["debian", "debian:12", "quay.io/centos/centos", f"centos@{DIGEST}", "docker.io/x"]
)
def test_a_name_that_means_one_thing_is_not(tmp_path: Path, image: str) -> None:
    read(tmp_path, SHORT).check_short_name(image)


def test_names_are_dockers_where_no_file_says_otherwise(tmp_path: Path) -> None:
    for text in ("", 'unqualified-search-registries = ["docker.io", "quay.io"]'):
        read(tmp_path, text).check_short_name("centos")
    assert places(RegistriesConf(), "debian") == ["docker.io/library/debian:latest"]


def test_what_the_user_chose_for_a_short_name_counts(tmp_path: Path) -> None:
    cache = tmp_path / ".cache" / "containers"
    cache.mkdir(parents=True)
    (cache / "short-name-aliases.conf").write_text('[aliases]\n"shop" = "quay.io/team/shop"\n')
    with pytest.raises(UsageError, match=r"quay\.io/team/shop"):
        read(tmp_path, "").check_short_name("shop")


@given(st.text(max_size=60), st.from_regex(r"[a-z*.]{1,12}(/[a-z]{1,3})?", fullmatch=True))
def test_any_prefix_leads_somewhere_or_is_refused(location: str, prefix: str) -> None:
    from sealmark.adapters.registries_conf import _Registry

    settings = RegistriesConf({prefix: _Registry(prefix, location)})
    with suppress(UsageError):
        assert settings.endpoints(parse_image_name("a.b/c:1"))


def test_a_mirror_that_fails_is_passed_over(tmp_path: Path) -> None:
    build_shop(tmp_path)
    with (
        running_registry(tmp_path / "registry") as address,
        lying_registry(lambda _: Answer(404)) as empty,
    ):
        with httpx.Client() as client:
            push(tmp_path / "shop", f"http://{address}", "mirrored/team/shop", client)
        mirrors = f'[[registry.mirror]]\nlocation = "{empty.address}"\n'
        mirrors += f'[[registry.mirror]]\nlocation = "{address}/mirrored"\n'
        read(tmp_path, f'[[registry]]\nlocation = "shop.example"\n{mirrors}')
        done = sealmark(tmp_path, "check", "shop.example/team/shop:1.0")
        assert done.returncode in (1, 2), done.stderr
        assert empty.seen[0].path == "/v2/team/shop/manifests/1.0"
        read(tmp_path, '[[registry]]\nlocation = "shop.example"\nblocked = true')
        done = sealmark(tmp_path, "check", "shop.example/team/shop:1.0")
        assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)


def test_a_registry_declared_insecure_may_speak_plain_http(tmp_path: Path) -> None:
    build_shop(tmp_path)
    with running_registry(tmp_path / "registry") as address:
        with httpx.Client() as client:
            push(tmp_path / "shop", f"http://{address}", "team/shop", client)
        host = address.replace("127.0.0.1", "0.0.0.0")  # connected to, not bound
        done = sealmark(tmp_path, "check", f"{host}/team/shop:1.0")
        assert (done.returncode, len(done.stderr.splitlines())) == (5, 1)
        read(tmp_path, f'[[registry]]\nlocation = "{host}"\ninsecure = true')
        done = sealmark(tmp_path, "check", f"{host}/team/shop:1.0")
        assert done.returncode in (1, 2), done.stderr
