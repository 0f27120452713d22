"""`sealmark demo` as its user runs it, on this machine's own package mirrors."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from sealmark.cli.demo.applications import Application
from sealmark.cli.demo.mirror import open_mirror
from sealmark.cli.demo.stage import Evidence
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
