"""Images in a real registry, through the command line: plain, over TLS, behind a login."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme
from tests.support.lying_registry import Answer, lying_registry
from tests.support.registry import push, running_registry
from tests.support.shop import build_shop
from tests.support.shop_registry import LOGIN, guarded_registry, log_in, sealmark

from sealmark.adapters.registry_tls import tls_context
from sealmark.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    build_shop(tmp_path)
    assert sealmark(tmp_path, "advisories", "update", "--from", "feeds").returncode == 0
    return tmp_path


def judged(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    return {
        "judgement": document["decision"]["judgement"],
        "subject": document["evidence"]["subject"],
    }


def check(shop: Path, image: str, *options: str, **extra: str) -> dict[str, Any]:
    now = ("--now", "2026-11-25", "--format", "json", "--no-cache")
    return judged(sealmark(shop, "check", image, *now, *options, **extra))


@pytest.fixture
def plain(shop: Path) -> Iterator[str]:
    with running_registry(shop / "registry") as address:
        with httpx.Client() as client:
            push(shop / "shop", f"http://{address}", "team/shop", client)
        yield address


def test_a_registry_and_a_layout_get_the_same_decision(plain: str, shop: Path) -> None:
    expected = check(shop, "oci:shop:1.0")
    assert check(shop, f"docker://{plain}/team/shop:1.0") == expected
    assert check(shop, f"{plain}/team/shop:1.0", "--plain-http") == expected
    digest = expected["subject"]["digest"]
    assert check(shop, f"{plain}/team/shop@{digest}") == expected


def test_skopeo_pushes_what_sealmark_pulls(plain: str, shop: Path) -> None:
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed: run `make packages`")
    copy = ["skopeo", "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false"]
    target = f"{plain}/other:1.0"
    subprocess.run([*copy, "oci:shop:1.0", f"docker://{target}"], cwd=shop, check=True)
    assert check(shop, target) == check(shop, "oci:shop:1.0")


def test_what_is_not_there_is_exit_3_and_one_line(plain: str, shop: Path) -> None:
    done = sealmark(shop, "check", f"{plain}/team/shop:9")
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert "check its name and tag" in done.stderr


@pytest.fixture
def guarded(shop: Path) -> Iterator[str]:
    with guarded_registry(shop) as address:
        yield address


def test_tls_with_a_private_authority_and_a_login(guarded: str, shop: Path) -> None:
    image, authority = f"{guarded}/team/shop:1.0", str(shop / "ca.pem")
    done = sealmark(shop, "check", image)
    assert (done.returncode, len(done.stderr.splitlines())) == (5, 1)
    assert "--registry-ca" in done.stderr
    done = sealmark(shop, "check", image, "--registry-ca", authority)
    assert (done.returncode, len(done.stderr.splitlines())) == (5, 1)
    assert "docker login" in done.stderr
    log_in(shop, guarded, "wrong")
    done = sealmark(shop, "check", image, "--registry-ca", authority)
    assert (done.returncode, len(done.stderr.splitlines())) == (5, 1)
    assert "refuses the login" in done.stderr
    log_in(shop, guarded, LOGIN[1])
    expected = check(shop, "oci:shop:1.0")
    assert check(shop, image, "--registry-ca", authority) == expected
    assert check(shop, image, SSL_CERT_FILE=authority) == expected


@pytest.mark.parametrize("place", [".config/containers", ".docker", ".config/docker"])
def test_authorities_and_client_certificates_come_from_the_users_directories(
    place: str, shop: Path
) -> None:
    with guarded_registry(shop, clients=True) as address:
        log_in(shop, address, LOGIN[1])
        image = f"{address}/team/shop:1.0"
        done = sealmark(shop, "check", image, "--registry-ca", "ca.pem")
        assert (done.returncode, len(done.stderr.splitlines())) == (5, 1)
        directory = shop / place / "certs.d" / address
        directory.mkdir(parents=True)
        (shop / "ca.pem").rename(directory / "ca.crt")
        for name in ("client.cert", "client.key"):
            (shop / name).rename(directory / name)
        assert check(shop, image) == check(shop, "oci:shop:1.0")
        (directory / "client.key").rename(directory / "other.key")
        done = sealmark(shop, "check", image)
        assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)
        assert "needs its key" in done.stderr


def test_a_client_certificate_is_shown_to_its_own_registry_only(tmp_path: Path) -> None:
    pair = trustme.CA().issue_cert("client.example")
    directory = tmp_path / "registry.example"
    directory.mkdir()
    pair.cert_chain_pems[0].write_to_path(directory / "client.cert")
    (directory / "client.key").write_text("no key")
    with pytest.raises(UsageError, match="no client certificate can be read"):
        tls_context("registry.example", None, [tmp_path])
    tls_context("storage.example", None, [tmp_path])


@pytest.mark.parametrize(
    ("chosen", "answer", "code", "words"),
    [
        (":1.0", Answer(503, headers={"Retry-After": "0"}), 5, "503"),
        (f"@sha256:{'a' * 64}", Answer(body=b"{}"), 4, "expected sha256:aaaa"),
        (":1.0", Answer(body=b"{}", headers={"Content-Length": "9"}), 4, "breaks off"),
        (":1.0", Answer(body=b"<html>", headers={"Content-Type": "text/html"}), 4, "manifest"),
    ],
    ids=["down", "other bytes", "too few bytes", "no registry"],
)
def test_a_registry_that_fails_is_one_line_and_the_right_exit_code(
    shop: Path, chosen: str, answer: Answer, code: int, words: str
) -> None:
    with lying_registry(lambda _: answer) as peer:
        done = sealmark(shop, "check", f"{peer.address}/shop{chosen}")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (code, "", 1)
    assert words in done.stderr


def test_authorities_come_from_the_directory_of_the_registry(tmp_path: Path) -> None:
    directory = tmp_path / "registry.example:5000"
    directory.mkdir()
    trustme.CA(organization_name="Shop").cert_pem.write_to_path(directory / "shop.crt")

    def trusted(registry: str) -> bool:
        return "'Shop'" in str(tls_context(registry, None, [tmp_path]).get_ca_certs())

    assert trusted("registry.example:5000")
    assert not trusted("registry.example")
    (directory / "broken.crt").write_text("no certificate")
    with pytest.raises(UsageError, match=r"broken\.crt"):
        trusted("registry.example:5000")
