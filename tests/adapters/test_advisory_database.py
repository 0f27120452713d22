"""The advisory file: built whole, replaced in one step, refused when damaged, always the same."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile
from threading import Event, Thread
from time import process_time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.advisories import LIBSSL, feed, record, shared

from sealmark.adapters.advisory_database import AdvisoryDatabase, DatabaseError, NoDatabaseError
from sealmark.adapters.advisory_files import FeedReader
from sealmark.adapters.advisory_streams import FeedFileError, Limits
from sealmark.adapters.advisory_writer import write_database
from sealmark.artifact.digest import DigestMismatchError
from sealmark.errors import SealmarkError, ServiceError, UnreadableError
from sealmark.scan.vulnerabilities.match import match

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sealmark.scan.vulnerabilities.feed import AnyFeed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "advisories.db"
    write_database(target, [feed(*(record(f"CVE-2024-{n:04}") for n in range(200)))])
    return target


@pytest.mark.slow
def test_everything_there_is_becomes_one_small_file_in_reasonable_time(tmp_path: Path) -> None:
    target = tmp_path / "advisories.db"
    began = process_time()
    write_database(target, FeedReader().read([shared("kev.json.zst").parent]))
    assert process_time() - began < 60
    assert target.stat().st_size < 40 << 20
    with AdvisoryDatabase(target) as database:
        database.verify()
        assert sum(feed.records for feed in database.feeds()) > 150_000
        assert sum(feed.unreadable for feed in database.feeds()) == 0


def test_the_same_inputs_give_the_same_bytes_wherever_they_lie(tmp_path: Path) -> None:
    files = []
    for place in ("here", "elsewhere"):
        folder = tmp_path / place / "feeds"
        folder.mkdir(parents=True)
        for name in (
            "debian-12-dsa-dla.jsonl.zst",
            "kev.json.zst",
            "alpine-not-affected.jsonl.zst",
        ):
            shutil.copyfile(shared(name), folder / name)
        shutil.copyfile(shared("MANIFEST.json"), folder / "MANIFEST.json")
        write_database(tmp_path / place / "a.db", FeedReader().read([folder]))
        files.append((tmp_path / place / "a.db").read_bytes())
    assert files[0] == files[1]


def test_a_file_that_differs_from_its_manifest_is_refused(tmp_path: Path) -> None:
    shutil.copyfile(shared("MANIFEST.json"), tmp_path / "MANIFEST.json")
    (tmp_path / "kev.json.zst").write_bytes(shared("kev.json.zst").read_bytes() + b"\0")
    with pytest.raises((DigestMismatchError, FeedFileError)):
        list(FeedReader().read([tmp_path]))


def test_readers_see_one_whole_database_while_it_is_replaced(path: Path) -> None:
    answers: set[int] = set()
    problems: list[Exception] = []
    done = Event()

    def read() -> None:
        while not done.is_set():
            try:
                with AdvisoryDatabase(path) as database:
                    counted = len(match([LIBSSL], database).findings)
                    again = len(match([LIBSSL], database).findings)
                    answers.update({counted, again})
            except SealmarkError as error:
                problems.append(error)

    readers = [Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for number in range(1, 30):
        write_database(path, [feed(*(record(f"CVE-2024-{n:04}") for n in range(number)))])
    done.set()
    for reader in readers:
        reader.join()
    assert problems == []
    assert answers <= {200, *range(1, 30)}


def test_an_open_database_keeps_seeing_what_it_opened(path: Path) -> None:
    with AdvisoryDatabase(path) as database:
        before = database.digest
        write_database(path, [feed(record("CVE-2024-9999"))])
        database.verify()
        assert len(match([LIBSSL], database).findings) == 200
    with AdvisoryDatabase(path) as database:
        assert database.digest != before


def test_a_build_that_fails_leaves_the_old_file_and_nothing_else(path: Path) -> None:
    before = path.read_bytes()

    def broken() -> Iterator[AnyFeed]:
        yield feed(record("CVE-2024-0001"))
        raise FeedFileError("cut short")

    with pytest.raises(FeedFileError):
        write_database(path, broken())
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_two_feeds_of_one_name_are_refused(path: Path) -> None:
    with pytest.raises(DatabaseError, match="two inputs are both named 'test'"):
        write_database(path, [feed(record("A-1")), feed(record("B-1"))])


def test_feeds_that_are_not_renewed_are_carried_over_as_they_are(path: Path) -> None:
    write_database(path, [feed(record("CVE-2025-1"), name="other")], keep=path)
    with AdvisoryDatabase(path) as database:
        database.verify()
        assert [f.name for f in database.feeds()] == ["other", "test"]
        assert len(match([LIBSSL], database).findings) == 201


def test_a_directory_that_cannot_be_written_is_a_failed_service(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises((ServiceError, OSError)):
        write_database(tmp_path / "file" / "advisories.db", [feed(record("A-1"))])


def test_no_file_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NoDatabaseError, match="sealmark advisories update"):
        AdvisoryDatabase(tmp_path / "advisories.db")


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"{}", b"\0" * 8192])
def test_a_file_that_is_something_else_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "advisories.db"
    target.write_bytes(content)
    with pytest.raises(DatabaseError, match=r"advisories\.db"):
        AdvisoryDatabase(target)


def test_a_database_of_another_format_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(DatabaseError, match="format 99"):
        AdvisoryDatabase(path)


def test_a_changed_value_is_found_by_verifying(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE packages SET package = 'openssk'")
    connection.close()
    with AdvisoryDatabase(path) as database, pytest.raises(DigestMismatchError):
        database.verify()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_in_our_words(path: Path, data: st.DataObject) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([len(content), len(content) // 2, 4096, 100]))
    damaged = path.with_name("damaged.db")
    damaged.write_bytes(content[:cut])
    try:
        with AdvisoryDatabase(damaged) as database:
            match([LIBSSL], database, database)
            database.verify()
    except UnreadableError as error:
        assert str(error)  # noqa: PT017 - which of them depends on the damage


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return path


def test_an_archive_of_single_records_is_one_feed_named_after_it(tmp_path: Path) -> None:
    members = {f"CVE-2024-{n}.json": json.dumps(record(f"CVE-2024-{n}")).encode() for n in "123"}
    (read,) = FeedReader().read([archive(tmp_path / "Debian.zip", members)])
    assert (read.feed.name, read.feed.records, read.feed.ecosystems) == (
        "Debian",
        3,
        ("Debian:12",),
    )


@pytest.mark.parametrize("limits", [Limits(stream=1000), Limits(document=1000), Limits(members=1)])
def test_an_archive_beyond_a_limit_is_refused(tmp_path: Path, limits: Limits) -> None:
    members = {"a.json": json.dumps(record("A-1", details="x" * 5000)).encode(), "b.json": b"{}"}
    with pytest.raises(FeedFileError):
        list(FeedReader(limits=limits).read([archive(tmp_path / "bomb.zip", members)]))
