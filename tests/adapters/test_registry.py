"""Images in a real registry, through the command line: plain, over TLS, behind a login."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme
from tests.support.lying_registry import Answer, lying_registry
from tests.support.registry import Server, htpasswd_line, push, running_registry
from tests.support.shop import build_shop

from sealmark.adapters.registry_http import tls_context
from sealmark.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

SEALMARK = str(Path(sys.executable).with_name("sealmark"))
LOGIN = ("alice", "correct horse")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    build_shop(tmp_path)
    assert sealmark(tmp_path, "advisories", "update", "--from", "feeds").returncode == 0
    return tmp_path


def sealmark(directory: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    environment = {"HOME": str(directory), "PATH": "/usr/bin:/bin", "SEALMARK_HOME": "state"}
    return subprocess.run(
        [SEALMARK, *arguments],
        cwd=directory,
        env={**environment, **extra},
        capture_output=True,
        text=True,
    )


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
    authority = trustme.CA()
    authority.cert_pem.write_to_path(shop / "ca.pem")
    pair = authority.issue_cert("127.0.0.1")
    pair.cert_chain_pems[0].write_to_path(shop / "server.crt")
    pair.private_key_pem.write_to_path(shop / "server.key")
    (shop / "logins").write_text(htpasswd_line(*LOGIN))
    server = Server(shop / "server.crt", shop / "server.key", shop / "logins")
    with running_registry(shop / "registry", server) as address:
        trust = httpx.create_ssl_context()
        trust.load_verify_locations(shop / "ca.pem")
        with httpx.Client(verify=trust, auth=LOGIN) as client:
            push(shop / "shop", f"https://{address}", "team/shop", client)
        yield address


def log_in(shop: Path, address: str, password: str) -> None:
    secret = base64.b64encode(f"{LOGIN[0]}:{password}".encode()).decode()
    (shop / ".docker").mkdir(exist_ok=True)
    file = {"auths": {address: {"auth": secret}}}
    (shop / ".docker" / "config.json").write_text(json.dumps(file))


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
