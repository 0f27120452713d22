"""`advisories update --for IMAGE` against a signed archive made on the spot."""

from __future__ import annotations

import gzip
import json
import lzma
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.debian_archive import Archive, Key, changelog, deb, served, signing_key
from tests.support.shop import build_shop

if TYPE_CHECKING:
    from collections.abc import Iterator

SEALMARK = str(Path(sys.executable).with_name("sealmark"))
SUITE = "bookworm-security"
DOC = "./usr/share/doc/libssl3/changelog.Debian.gz"
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
LOG = changelog(
    ("openssl", "3.0.11-1~deb12u2", SUITE, "CVE-2023-5363 (Incorrect cipher key length)"),
    ("openssl", "3.0.9-1", "unstable", "Fixes CVE-2023-0464 and CVE-2023-0465."),
    ("openssl", "3.0.8-1", "unstable", "New upstream version: CVE-2022-4203."),
)


@dataclass(frozen=True)
class Bench:
    """A shop with an image, an archive, and the address of its mirror."""

    directory: Path
    archive: Archive

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"HOME": str(self.directory), "PATH": "/usr/bin:/bin"}
        command = [SEALMARK, *arguments, "--home", "state"]
        return subprocess.run(
            command, cwd=self.directory, env=environment, capture_output=True, text=True
        )

    def update(self) -> subprocess.CompletedProcess[str]:
        return self.run("advisories", "update", "--for", "oci:shop:1.0", "--apt", "apt")

    def findings(self) -> dict[str, dict[str, object]]:
        done = self.run("scan", "oci:shop:1.0", "--format", "json")
        found = json.loads(done.stdout)["vulnerabilities"]["findings"]
        return {one["id"]: one for one in found}

    def publish(self, content: bytes, date: datetime = NOW, until: datetime = NOW + DAY) -> Path:
        stanzas = [
            self.archive.package(
                "libssl3", "openssl (3.0.11-1~deb12u2)", "3.0.11-1~deb12u2", content
            ),
            self.archive.package("curl", "curl", "7.88.1-10+deb12u12", b"is not asked for"),
        ]
        return self.archive.publish(SUITE, stanzas, date, until)


@pytest.fixture(scope="module")
def key() -> Iterator[Key]:
    with signing_key() as made:
        yield made


@pytest.fixture
def bench(tmp_path: Path, key: Key) -> Iterator[Bench]:
    build_shop(tmp_path)
    root = tmp_path / "mirror"
    root.mkdir()
    with served(root) as address:
        (tmp_path / "apt").mkdir()
        (tmp_path / "apt" / "sources.list").write_text(
            f"deb [signed-by={key.keyring}] {address} {SUITE} main\n"
        )
        yield Bench(tmp_path, Archive(root, key))


@pytest.mark.parametrize("compression", ["xz", "gz", "zst"])
def test_what_the_changelog_of_a_newer_version_names_is_found_with_its_fix(
    bench: Bench, compression: str
) -> None:
    bench.publish(deb({DOC: gzip.compress(LOG)}, compression))
    done = bench.update()
    assert (done.returncode, done.stderr) == (0, "")
    found = bench.findings()
    assert {name: one["fixed_in"] for name, one in found.items()} == {
        "CVE-2023-5363": "3.0.11-1~deb12u2",
        "CVE-2023-0464": "3.0.9-1",
        "CVE-2023-0465": "3.0.9-1",
    }
    assert {one.get("severity", "unknown") for one in found.values()} == {"unknown"}
    status = bench.run("advisories", "status").stdout
    assert f"debian-index:{SUITE}: as of {NOW:%Y-%m-%dT%H:%M:%SZ}" in status


def test_a_changelog_that_cannot_be_read_leaves_the_newer_version_itself(bench: Bench) -> None:
    bench.publish(deb({"./usr/share/doc/libssl3/copyright": b"none"}))
    assert bench.update().returncode == 0
    assert list(bench.findings()) == ["BOOKWORM-SECURITY-openssl-3.0.11-1~deb12u2"]


def test_other_feeds_are_kept(bench: Bench) -> None:
    bench.publish(deb({DOC: gzip.compress(LOG)}))
    assert bench.run("advisories", "update", "--from", "feeds").returncode == 0
    assert bench.update().returncode == 0
    status = bench.run("advisories", "status").stdout
    assert "kev: " in status
    assert f"debian-index:{SUITE}: " in status


def damage_signature(suite: Path, key: Key) -> None:
    signed = suite / "InRelease"
    signed.write_text(signed.read_text().replace("Codename", "CodeName", 1))


def prepend(suite: Path, key: Key) -> None:
    signed = suite / "InRelease"
    signed.write_text("Suite: another\n" + signed.read_text())


def drop_signature(suite: Path, key: Key) -> None:
    (suite / "InRelease").write_bytes((suite / "Release").read_bytes())


def swap_index(suite: Path, key: Key) -> None:
    (suite / "main/binary-amd64/Packages.xz").write_bytes(lzma.compress(b""))


def swap_package(suite: Path, key: Key) -> None:
    (package,) = (suite.parent.parent / "pool").glob("libssl3*")
    content = package.read_bytes()
    package.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def lengthen_package(suite: Path, key: Key) -> None:
    (package,) = (suite.parent.parent / "pool").glob("libssl3*")
    package.write_bytes(package.read_bytes() + bytes(1 << 20))


def rename_suite(suite: Path, key: Key) -> None:
    release = suite / "Release"
    release.write_text(release.read_text().replace(SUITE, "buster-security"))
    key.sign(release)


@pytest.mark.parametrize(
    "harm",
    [
        damage_signature,
        prepend,
        drop_signature,
        swap_index,
        swap_package,
        lengthen_package,
        rename_suite,
    ],
)
def test_a_mirror_that_lies_is_refused_and_the_old_database_stays(
    bench: Bench, key: Key, harm: object
) -> None:
    suite = bench.publish(deb({DOC: gzip.compress(LOG)}))
    assert bench.update().returncode == 0
    before = (bench.directory / "state/data/advisories.db").read_bytes()
    assert callable(harm)
    harm(suite, key)
    done = bench.update()
    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 1
    assert (bench.directory / "state/data/advisories.db").read_bytes() == before


def test_another_key_is_refused(bench: Bench) -> None:
    suite = bench.publish(deb({DOC: gzip.compress(LOG)}))
    with signing_key() as other:
        other.sign(suite / "Release")
    assert bench.update().returncode == 4


@pytest.mark.parametrize(
    ("date", "until"), [(NOW - 9 * DAY, NOW - 2 * DAY), (NOW + 3 * DAY, NOW + 9 * DAY)]
)
def test_an_index_outside_its_time_is_refused(
    bench: Bench, date: datetime, until: datetime
) -> None:
    bench.publish(deb({DOC: gzip.compress(LOG)}), date, until)
    done = bench.update()
    assert done.returncode == 4
    assert "expired" in done.stderr or "future" in done.stderr


def test_a_changelog_that_unpacks_without_end_is_not_read_but_the_update_is_named(
    bench: Bench,
) -> None:
    bench.publish(deb({DOC: gzip.compress(bytes(70 << 20))}))
    assert bench.update().returncode == 0
    assert list(bench.findings()) == ["BOOKWORM-SECURITY-openssl-3.0.11-1~deb12u2"]


def test_a_mirror_that_does_not_have_the_suite_is_exit_5(bench: Bench) -> None:
    assert bench.update().returncode == 5


def test_without_a_mirror_of_the_release_it_is_exit_5(bench: Bench) -> None:
    (bench.directory / "apt" / "sources.list").write_text("# nothing\n")
    assert bench.update().returncode == 5
