"""`advisories update --for IMAGE` where mirror, machine or image are not what they should be."""

from __future__ import annotations

import gzip
import lzma
import socket
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.cli.test_debian_feed import DAY, DOC, LOG, NOW, SUITE, Bench
from tests.support.debian_archive import Archive, Key, changelog, deb, served, signing_key
from tests.support.shop import build_shop

from sealmark.adapters.archive_signature import UnverifiedError, verified
from sealmark.adapters.debian_mirror import MAX_INDEX_UNPACKED, DebianMirror
from sealmark.errors import ServiceError
from sealmark.scan.vulnerabilities.apt_sources import AptSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

GOOD = deb({DOC: gzip.compress(LOG)})
INDEX = "main/binary-amd64/Packages"


@pytest.fixture(scope="module")
def key() -> Iterator[Key]:
    with signing_key() as made:
        yield made


@pytest.fixture
def bench(tmp_path: Path, key: Key) -> Iterator[Bench]:
    build_shop(tmp_path)
    (tmp_path / "mirror").mkdir()
    with served(tmp_path / "mirror") as address:
        (tmp_path / "apt").mkdir()
        bench = Bench(tmp_path, Archive(tmp_path / "mirror", key))
        sources(bench).write_text(f"deb [signed-by={key.keyring}] {address} {SUITE} main\n")
        yield bench


def sources(bench: Bench) -> Path:
    return bench.directory / "apt" / "sources.list"


def stanza(bench: Bench, version: str = "3.0.11-1~deb12u2", content: bytes = GOOD) -> str:
    return bench.archive.package("libssl3", f"openssl ({version})", version, content)


def refused(bench: Bench, words: str, code: int = 4) -> None:
    done = bench.update()
    assert (done.returncode, len(done.stderr.splitlines())) == (code, 1), done.stderr
    assert words in done.stderr
    assert not (bench.directory / "state/data/advisories.db").exists()


@pytest.mark.parametrize(("ending", "pack"), [("xz", lzma.compress), ("gz", gzip.compress)])
def test_an_index_that_unpacks_beyond_its_limit_is_refused(
    bench: Bench, ending: str, pack: Callable[[bytes], bytes]
) -> None:
    part = bytes(16 << 20)
    bomb = pack(part) * (MAX_INDEX_UNPACKED // len(part) + 1)
    bench.archive.publish_files(SUITE, {f"{INDEX}.{ending}": bomb}, NOW, NOW + DAY)
    refused(bench, f"more than {MAX_INDEX_UNPACKED} bytes")


@pytest.mark.parametrize(("ending", "pack"), [("xz", lzma.compress), ("gz", gzip.compress)])
def test_an_index_of_several_compressed_streams_is_read_to_its_end(
    bench: Bench, ending: str, pack: Callable[[bytes], bytes]
) -> None:
    other = bench.archive.package("curl", "curl", "7.88.1-10+deb12u12", b"is not asked for")
    packed = pack(f"{other}\n".encode()) + pack(stanza(bench).encode())
    bench.archive.publish_files(SUITE, {f"{INDEX}.{ending}": packed}, NOW, NOW + DAY)
    assert bench.update().returncode == 0
    assert "CVE-2023-5363" in bench.findings()


def test_an_index_with_more_packages_than_any_archive_has_is_refused(bench: Bench) -> None:
    packed = lzma.compress(b"\n\n" * 400_001)
    bench.archive.publish_files(SUITE, {f"{INDEX}.xz": packed}, NOW, NOW + DAY)
    refused(bench, "more than 400000 packages")


def test_a_suite_without_the_images_architecture_is_no_answer(bench: Bench) -> None:
    packed = lzma.compress(stanza(bench).encode())
    files = {
        "main/binary-arm64/Packages.xz": packed,
        "main/debian-installer/binary-amd64/Packages.xz": packed,
    }
    bench.archive.publish_files(SUITE, files, NOW, NOW + DAY)
    refused(bench, "has no packages for 'amd64'")


def test_components_the_machine_does_not_use_are_read_too(bench: Bench) -> None:
    files = {
        f"{INDEX}.xz": lzma.compress(b""),
        "contrib/binary-amd64/Packages.xz": lzma.compress(stanza(bench).encode()),
    }
    bench.archive.publish_files(SUITE, files, NOW, NOW + DAY)
    assert bench.update().returncode == 0
    assert "CVE-2023-5363" in bench.findings()


def test_the_newest_version_counts_whichever_component_has_it(bench: Bench) -> None:
    old = stanza(bench, "3.0.7-1", b"old")
    files = {
        f"{INDEX}.xz": lzma.compress(stanza(bench).encode()),
        "zzz/binary-amd64/Packages.xz": lzma.compress(old.encode()),
    }
    bench.archive.publish_files(SUITE, files, NOW, NOW + DAY)
    assert bench.update().returncode == 0
    assert "CVE-2023-5363" in bench.findings()


def test_an_index_older_than_the_one_held_is_refused_though_it_is_valid(bench: Bench) -> None:
    bench.publish(GOOD)
    assert bench.update().returncode == 0
    before = (bench.directory / "state/data/advisories.db").read_bytes()
    bench.archive.publish(SUITE, [], NOW - DAY, NOW + DAY)
    done = bench.update()
    assert done.returncode == 4
    assert "the mirror went back" in done.stderr
    assert (bench.directory / "state/data/advisories.db").read_bytes() == before


def test_an_image_that_names_two_releases_gets_no_feed(bench: Bench) -> None:
    tree = bench.directory / "tree"
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/os-release").write_text('ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=trixie\n')
    bench.archive.publish("trixie-security", [stanza(bench)], NOW, NOW + DAY)
    done = bench.run("advisories", "update", "--for", f"dir:{tree}", "--apt", "apt")
    assert done.returncode == 3
    assert "Debian 12 and 'trixie'" in done.stderr


def test_a_login_in_a_mirrors_address_is_used_and_never_printed(bench: Bench) -> None:
    text = sources(bench).read_text().replace("http://", "http://somebody:s3cret/@x@")
    sources(bench).write_text(text.replace("s3cret/@x", "s3cret"))
    shown = bench.update().stderr
    assert "404" in shown
    sources(bench).write_text(text)
    shown += bench.update().stderr
    sources(bench).write_text(text.replace("s3cret/@x", "s3cret"))
    bench.publish(GOOD)
    done = bench.update()
    assert done.returncode == 0
    shown += done.stdout + done.stderr + bench.run("advisories", "status").stdout
    assert "s3cret" not in shown
    assert b"s3cret" not in (bench.directory / "state/data/advisories.db").read_bytes()


@pytest.mark.parametrize("option", ["trusted=yes", "allow-insecure=yes", "check-valid-until=no"])
def test_options_that_ask_apt_for_less_checking_change_nothing(bench: Bench, option: str) -> None:
    sources(bench).write_text(sources(bench).read_text().replace("[", f"[ {option} "))
    suite = bench.publish(GOOD, NOW - 9 * DAY, NOW - 2 * DAY)
    refused(bench, "expired")
    bench.publish(GOOD)
    (suite / "InRelease").write_bytes((suite / "Release").read_bytes())
    refused(bench, "not one clear-signed message")


def test_an_armored_keyring_among_several_is_read(bench: Bench, key: Key) -> None:
    armored = bench.directory / "archive.asc"
    key.gpg("--yes", "--armor", "--export", "--output", str(armored))
    bench.publish(GOOD)
    with signing_key() as other:
        rings = f"signed-by={other.keyring},{armored}"
        text = sources(bench).read_text()
        sources(bench).write_text(text.replace(f"signed-by={key.keyring}", rings))
        assert bench.update().returncode == 0
        sources(bench).write_text(text.replace(str(key.keyring), str(other.keyring)))
        assert bench.update().returncode == 4


def test_a_package_the_mirror_lost_is_named_as_an_update_whose_changelog_was_not_read(
    bench: Bench,
) -> None:
    bench.publish(GOOD)
    for package in (bench.archive.root / "pool").iterdir():
        package.unlink()
    assert bench.update().returncode == 0
    assert list(bench.findings()) == ["BOOKWORM-SECURITY-openssl-3.0.11-1~deb12u2"]


def test_a_point_release_whose_changelog_cannot_be_read_never_looks_clean(bench: Bench) -> None:
    sources(bench).write_text(
        sources(bench).read_text() + sources(bench).read_text().replace(SUITE, "bookworm")
    )
    bench.archive.publish(SUITE, [], NOW, NOW + DAY)
    bench.archive.publish("bookworm", [stanza(bench, "3.0.15-1", deb({}))], NOW, NOW + DAY)
    assert bench.update().returncode == 0
    assert list(bench.findings()) == ["BOOKWORM-openssl-3.0.15-1"]


@pytest.mark.parametrize(
    "documentation",
    [
        {f"./usr/share/doc/{n:03}/changelog.gz": gzip.compress(bytes(16 << 20)) for n in range(70)},
        {DOC: changelog(*(("openssl", f"1.{n}", "sid", "x") for n in range(20_001)))},
        {DOC: gzip.compress(b"\n" * (16 << 20) + b"x")},
        {DOC: b"\x1f\x8b" + bytes(100)},
    ],
    ids=["many that unpack to much", "too many entries", "all blank lines", "damaged"],
)
def test_hostile_changelogs_leave_the_update_itself(
    bench: Bench, documentation: dict[str, bytes]
) -> None:
    bench.publish(deb(documentation))
    started = time.monotonic()
    assert bench.update().returncode == 0
    assert time.monotonic() - started < 20
    assert list(bench.findings()) == ["BOOKWORM-SECURITY-openssl-3.0.11-1~deb12u2"]


def test_a_proxy_that_makes_no_sense_is_a_usage_error_that_keeps_its_secret(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "gopher://me:s3cret@proxy.invalid")
    with pytest.raises(Exception, match="a proxy in the environment") as caught:
        DebianMirror(NOW)
    assert "s3cret" not in str(caught.value)


@contextmanager
def dripping() -> Iterator[str]:
    """A mirror that sends a byte, waits, sends a byte."""
    listener = socket.create_server(("127.0.0.1", 0))
    gone = threading.Event()

    def drip() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not gone.wait(0.05):
                try:
                    peer.sendall(b"-")
                except OSError:
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        gone.set()
        thread.join()
        listener.close()


def test_a_mirror_that_drips_is_left_when_its_time_is_over() -> None:
    with dripping() as address, DebianMirror(NOW, idle=5, seconds=0.5) as mirror:
        started = time.monotonic()
        with pytest.raises(ServiceError, match=r"not done after 0\.5 seconds"):
            mirror.release(AptSource(address, SUITE, ("main",)))
        assert time.monotonic() - started < 3


def test_a_signature_with_a_broken_digest_is_refused(bench: Bench, key: Key) -> None:
    suite = bench.publish(GOOD)
    with signing_key("rsa2048") as rsa:
        sources(bench).write_text(
            sources(bench).read_text().replace(str(key.keyring), str(rsa.keyring))
        )
        rsa.sign(suite / "Release", "--digest-algo", "SHA256")
        assert bench.update().returncode == 0
        rsa.sign(suite / "Release", "--digest-algo", "SHA1")
        assert bench.update().returncode == 4


def test_nothing_stands_beside_the_signed_message(tmp_path: Path, key: Key) -> None:
    release, other = tmp_path / "Release", tmp_path / "other"
    release.write_text("Codename: evil\n")
    other.write_text("Codename: good\n")
    key.gpg("--armor", "--sign", "--output", str(tmp_path / "message.asc"), str(other))
    key.sign(other)
    good = (tmp_path / "InRelease").read_bytes()
    message = (tmp_path / "message.asc").read_bytes()
    with signing_key() as stranger:
        stranger.sign(release)
    evil = (tmp_path / "InRelease").read_bytes()
    rings = (str(key.keyring),)
    assert verified(good, rings) == b"Codename: good\n"
    for forged in (evil, evil + message, message + evil, good + message, evil + good, message):
        with pytest.raises(UnverifiedError):
            verified(forged, rings)


def test_an_expired_key_no_longer_signs(bench: Bench, key: Key) -> None:
    suite = bench.publish(GOOD)
    then = ("--faked-system-time", "20200101T000000")
    with signing_key("ed25519", *then, expires="1y") as brief:
        sources(bench).write_text(
            sources(bench).read_text().replace(str(key.keyring), str(brief.keyring))
        )
        brief.sign(suite / "Release", *then)
        refused(bench, "not signed by a key")


def test_dates_at_the_ends_of_time_are_no_crash(bench: Bench) -> None:
    end = datetime(9999, 12, 31, 23, tzinfo=UTC)
    zone = f"{end:%a, %d %b %Y %H:%M:%S} -1400"
    suite = bench.publish(GOOD)
    text = (suite / "Release").read_text()
    (suite / "Release").write_text(
        "\n".join(f"Date: {zone}" if x.startswith("Date") else x for x in text.split("\n"))
    )
    bench.archive.key.sign(suite / "Release")
    refused(bench, "is no date")
