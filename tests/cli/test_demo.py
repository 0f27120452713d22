"""`sealmark demo` as its user runs it, on this machine's own package mirrors."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.debian_archive import Archive, served, signing_key
from tests.support.debian_packages import (
    needed_programs,
    release_stanzas,
    security_stanzas,
    write_npm_index,
    write_python_index,
)
from tests.support.shop import build_shop

from sealmark.cli.demo.applications import Application
from sealmark.cli.demo.mirror import open_mirror
from sealmark.cli.demo.stage import Evidence, folded
from sealmark.ledger.log import Ledger

SEALMARK = str(Path(sys.executable).with_name("sealmark"))


@pytest.mark.slow
def test_the_story_ends_as_its_exit_code_says_and_touches_no_other_ledger(tmp_path: Path) -> None:
    if open_mirror(tmp_path / "probe") is None:
        pytest.skip("no Debian package mirror answers here")
    done = subprocess.run(
        [SEALMARK, "demo", "--directory", "stage"], cwd=tmp_path, capture_output=True, text=True
    )
    verdict = {0: "ALLOW", 2: "UNKNOWN"}[done.returncode]
    assert "DENY  oci:stage/shop:1.0" in done.stdout
    assert f"{verdict}  oci:stage/shop:1.1" in done.stdout
    assert "verified: sealmark/" in done.stdout
    assert Ledger.open(tmp_path / "stage/home/data/ledger").size == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["probe", "stage"]


@pytest.mark.parametrize(
    ("ecosystem", "path", "line"),
    [
        ("npm", "srv/app/node_modules/shop/package.json", b'"version": "1.0"'),
        ("PyPI", "shop-1.0.dist-info/METADATA", b"Version: 1.0"),
    ],
)
def test_a_package_no_index_gave_is_still_listed_by_its_metadata(
    ecosystem: str, path: str, line: bytes
) -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        Application(ecosystem, "shop", "1.0").write(archive)
    target.seek(0)
    with tarfile.open(fileobj=target) as archive:
        (member,) = archive.getmembers()
        content = archive.extractfile(member)
        assert member.name.endswith(path)
        assert content is not None
        assert line in content.read()


def test_only_a_fresh_feed_covers_and_the_upgrade_is_the_one_that_mends_all() -> None:
    finding = {"component": "pkg:npm/a@1", "status": "affected", "fixed_in": "2", "upgrade_to": "3"}
    coverage = [
        {"ecosystem": "npm", "feed": "npm", "as_of": "2999-01-01T00:00:00Z"},
        {"ecosystem": "PyPI", "feed": "pypi", "as_of": "2001-01-01T00:00:00Z"},
        {"ecosystem": "Go"},
        {"ecosystem": "Debian:12", "feed": "debian-index:x", "as_of": "2999-01-01T00:00:00Z"},
    ]
    known = Evidence({"vulnerabilities": {"coverage": coverage, "findings": [finding]}})
    assert known.uncovered() == {"PyPI", "Go", "Debian:12"}
    assert known.upgrade("pkg:npm/a@1") == "3"
    assert known.upgrade("pkg:npm/b@1") is None


PAGE = """DENY  oci:shop:1.0  3 refusals

What to do
  1. upgrade openssl to 3.0.9-1    clears 2 of 3
     openssl 3.0.8-1: CVE-2023-0464
     and more
  2. set a user                    clears 1 of 3
     with details

Refused
  CVE-2023-0464
"""


def test_of_a_denial_the_verdict_and_the_first_change_are_seen_and_the_rest_is_counted() -> None:
    head, hidden = folded(PAGE)
    assert head.splitlines() == [*PAGE.splitlines()[:7]]
    assert hidden == 3
    assert folded("ALLOW  oci:shop:1.1\n\nValid until tomorrow.\n") == (
        "ALLOW  oci:shop:1.1\n\nValid until tomorrow.",
        0,
    )


def write_feeds(directory: Path, *, distribution: bool) -> Path:
    """Fresh advisories about lodash and requests, and of Debian if asked for."""
    build_shop(directory)
    feeds = directory / "feeds"
    record = json.loads((feeds / "npm.jsonl").read_text())
    record["id"], record["aliases"] = "GHSA-x84v-xcm2-53pg", ["CVE-2018-18074"]
    record["affected"] = [
        {
            "package": {"ecosystem": "PyPI", "name": "requests"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.20.0"}]}],
        }
    ]
    (feeds / "pypi.jsonl").write_text(json.dumps(record) + "\n")
    if not distribution:
        (feeds / "debian-12.jsonl").unlink()
    return feeds


@pytest.mark.parametrize(
    "distribution",
    [pytest.param(True, marks=pytest.mark.slow, id="feeds"), pytest.param(False, id="index")],
)
def test_with_fresh_feeds_the_applications_are_upgraded_too_and_all_is_allowed(
    tmp_path: Path, distribution: bool
) -> None:
    needed_programs()
    root, now = tmp_path / "mirror", datetime.now(UTC)
    root.mkdir()
    feeds = write_feeds(tmp_path, distribution=distribution)
    with signing_key() as key, served(root) as address:
        archive = Archive(root, key)
        for suite, stanzas in (
            ("bookworm", release_stanzas),
            ("bookworm-security", security_stanzas),
        ):
            made = stanzas(archive, tmp_path / "made")
            archive.publish(suite, made, now, now + timedelta(days=1))
        write_python_index(root, "requests", ["2.19.1", "2.20.0"])
        write_npm_index(root, address, "lodash", ["4.17.20", "4.17.21"])
        (tmp_path / "apt").mkdir()
        (tmp_path / "apt" / "sources.list").write_text(
            f"deb [signed-by={key.keyring}] {address} bookworm main\n"
            f"deb [signed-by={key.keyring}] {address} bookworm-security main\n"
        )
        command = [SEALMARK, "demo", "--directory", "stage", "--apt", "apt"]
        done = subprocess.run(
            [*command, "--advisories-from", str(feeds)],
            cwd=tmp_path,
            env=languages_from(address, tmp_path),
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout
    assert "DENY  oci:stage/shop:1.0" in told
    assert "requests 2.19.1 becomes 2.20.0." in told
    assert "lodash 4.17.20 becomes 4.17.21." in told
    assert "Left out" not in told
    assert "ALLOW  oci:stage/shop:1.1" in told
    assert ("its signed package index" in told) is not distribution
    assert len(told.splitlines()) < 70
    assert Ledger.open(tmp_path / "stage/home/data/ledger").size == 2


def languages_from(address: str, home: Path) -> dict[str, str]:
    """The environment in which pip and npm ask the given address, and nobody else."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": f"{address}/simple/",
        "PIP_CACHE_DIR": str(home / "pip"),
        "npm_config_registry": f"{address}/npm/",
        "npm_config_userconfig": os.devnull,
        "npm_config_globalconfig": os.devnull,
        "npm_config_cache": str(home / "npm"),
    }
