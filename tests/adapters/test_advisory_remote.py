"""`sealmark advisories update` from a server: conditional, bounded, and plain about failures."""

from __future__ import annotations

import gzip
import json
import struct
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.advisories import SPOKEN, feed, real_lines, record, shared, unpacked
from tests.support.publisher import EPSS, Publisher, archive, kev

from sealmark.adapters.advisory_database import AdvisoryDatabase
from sealmark.adapters.advisory_download import Budget, Downloader
from sealmark.adapters.advisory_publishers import Addresses, remote_feeds
from sealmark.adapters.advisory_remote import Choices, held_feeds, update_from_network
from sealmark.adapters.advisory_writer import updating, write_database
from sealmark.errors import ServiceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

SEALMARK = str(Path(sys.executable).with_name("sealmark"))


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with Publisher() as running:
        yield running


def update(
    publisher: Publisher,
    target: Path,
    *ecosystems: str,
    size: int = 1 << 24,
    choices: Choices | None = None,
) -> list[str]:
    """Update as the command does, without waiting between attempts; return what was told."""
    base = publisher.url
    at = Addresses(f"{base}/osv", f"{base}/kev.json", f"{base}/epss.csv.gz")
    told: list[str] = []
    downloader = Downloader(Budget(size=size, seconds=20, idle=5), sleep=lambda _: None)
    feeds = remote_feeds(ecosystems or ("Debian",), at)
    before = held_feeds(target, told.append)
    update_from_network(target, before, feeds, downloader, told.append, choices)
    return told


def held(target: Path) -> dict[str, int]:
    with AdvisoryDatabase(target) as database:
        database.verify()
        return {feed.name: feed.records for feed in database.feeds()}


def test_every_feed_is_fetched_named_with_its_time_and_its_digest(
    publisher: Publisher, tmp_path: Path
) -> None:
    told = update(publisher, tmp_path / "a.db")
    assert held(tmp_path / "a.db") == {"Debian": 1, "epss": 1, "kev": 1}
    assert [line.partition(",")[0] for line in told] == ["Debian: new", "kev: new", "epss: new"]
    assert all("as of 2026-11-24T" in line and "sha256:" in line for line in told)
    assert [file.name for file in tmp_path.iterdir()] == ["a.db"]


def test_real_records_arrive_as_they_do_from_a_file(publisher: Publisher, tmp_path: Path) -> None:
    lines = list(islice(real_lines("debian-12.jsonl.zst"), 300))
    publisher.files["/osv/Debian/all.zip"] = archive(*lines)
    publisher.files["/kev.json"] = unpacked(shared("kev.json.zst"))
    update(publisher, tmp_path / "a.db")
    assert held(tmp_path / "a.db") == {"Debian": 300, "epss": 1, "kev": 1500}


def test_what_did_not_change_is_not_fetched_again_and_nothing_is_written(
    publisher: Publisher, tmp_path: Path
) -> None:
    target = tmp_path / "a.db"
    update(publisher, target)
    before = target.stat()
    told = update(publisher, target)
    assert [line.partition(",")[0] for line in told] == [
        "Debian: unchanged",
        "kev: unchanged",
        "epss: unchanged",
    ]
    assert [status for _, status in publisher.seen[3:]] == [304, 304, 304]
    assert target.stat().st_ino == before.st_ino


def test_one_new_feed_is_written_beside_those_that_did_not_change(
    publisher: Publisher, tmp_path: Path
) -> None:
    update(publisher, tmp_path / "a.db")
    publisher.files["/kev.json"] = kev("CVE-2024-0001", "CVE-2024-0002")
    told = update(publisher, tmp_path / "a.db")
    assert held(tmp_path / "a.db") == {"Debian": 1, "epss": 1, "kev": 2}
    assert sum("unchanged" in line for line in told) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"<html>sign in to the network</html>",
        b"PK\x03\x04 cut short",
        archive(json.dumps(record("GHSA-1", "npm")).encode()),
        archive(json.dumps({**record("A-1"), "modified": "2020-01-01T00:00:00Z"}).encode()),
        b"",
    ],
)
def test_a_feed_that_is_no_longer_one_is_kept_as_it_was_and_that_is_said(
    publisher: Publisher, tmp_path: Path, content: bytes
) -> None:
    update(publisher, tmp_path / "a.db")
    publisher.files["/osv/Debian/all.zip"] = content
    publisher.files["/kev.json"] = kev("CVE-2024-0001", "CVE-2024-0002")
    told = update(publisher, tmp_path / "a.db")
    assert held(tmp_path / "a.db") == {"Debian": 1, "epss": 1, "kev": 2}
    (line,) = [line for line in told if line.startswith("Debian")]
    assert line.startswith(f"Debian: could not be had, kept as it was, as of {SPOKEN}")


def test_a_feed_that_never_was_there_is_said_to_be_missing(
    publisher: Publisher, tmp_path: Path
) -> None:
    told = update(publisher, tmp_path / "a.db", "Debian", "Alpine")
    assert "Alpine" not in held(tmp_path / "a.db")
    assert told[0].startswith("Alpine: could not be had, there is none: http://127.0.0.1:")
    assert told[0].endswith("/osv/Alpine/all.zip: answered 404")


def test_a_failure_that_passes_is_tried_again(publisher: Publisher, tmp_path: Path) -> None:
    publisher.answers["/kev.json"] = [(503, {"Retry-After": "1"}), (429, {})]
    update(publisher, tmp_path / "a.db")
    assert held(tmp_path / "a.db")["kev"] == 1


def test_a_body_that_breaks_off_is_no_feed(publisher: Publisher, tmp_path: Path) -> None:
    broken = [(200, {"Content-Length": "100"})] * 3
    publisher.answers["/kev.json"] = broken
    told = update(publisher, tmp_path / "a.db")
    assert held(tmp_path / "a.db") == {"Debian": 1, "epss": 1}
    assert "kev: could not be had" in told[0]
    assert "3 times" in told[0]


def test_redirects_are_followed(publisher: Publisher, tmp_path: Path) -> None:
    publisher.files["/moved.json"] = publisher.files["/kev.json"]
    publisher.answers["/kev.json"] = [(302, {"Location": "/moved.json"})]
    update(publisher, tmp_path / "a.db")
    assert held(tmp_path / "a.db")["kev"] == 1


def test_more_bytes_than_allowed_are_not_taken(publisher: Publisher, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="no feed could be had"):
        update(publisher, tmp_path / "a.db", size=10)
    assert list(tmp_path.iterdir()) == []


def test_feeds_that_are_not_part_of_the_update_are_kept_with_their_dates(
    publisher: Publisher, tmp_path: Path
) -> None:
    old = "2026-01-01T00:00:00Z"
    write_database(tmp_path / "a.db", [feed(record("A-1"), name="by-hand", as_of=old)])
    told = update(publisher, tmp_path / "a.db")
    assert f"by-hand: kept, not part of this update, as of {old}, 1 records" in told[-1]
    assert held(tmp_path / "a.db") == {"Debian": 1, "by-hand": 1, "epss": 1, "kev": 1}


def test_a_feed_that_lost_most_of_its_records_is_not_believed_until_the_old_one_is_dropped(
    publisher: Publisher, tmp_path: Path
) -> None:
    records = [json.dumps(record(f"DEBIAN-CVE-2024-{n}")).encode() for n in range(9)]
    publisher.files["/osv/Debian/all.zip"] = archive(*records)
    update(publisher, tmp_path / "a.db")
    publisher.files["/osv/Debian/all.zip"] = archive(*records[:4])
    told = update(publisher, tmp_path / "a.db")
    assert "4 records where 9 are held" in told[-1]
    assert held(tmp_path / "a.db")["Debian"] == 9
    publisher.files["/osv/Debian/all.zip"] = archive(*records[:5])
    update(publisher, tmp_path / "a.db")
    assert held(tmp_path / "a.db")["Debian"] == 5


def test_with_only_they_are_dropped_also_where_nothing_else_changed(
    publisher: Publisher, tmp_path: Path
) -> None:
    update(publisher, tmp_path / "a.db")
    write_database(tmp_path / "a.db", [feed(record("A-1"), name="mine")], keep=tmp_path / "a.db")
    told = update(publisher, tmp_path / "a.db", choices=Choices(only=True))
    assert told[-1].startswith("mine: dropped, as of")
    assert held(tmp_path / "a.db") == {"Debian": 1, "epss": 1, "kev": 1}


def test_with_only_nothing_is_dropped_when_nothing_could_be_had(
    publisher: Publisher, tmp_path: Path
) -> None:
    write_database(tmp_path / "a.db", [feed(record("A-1"), name="mine")])
    publisher.files.clear()
    with pytest.raises(ServiceError, match="no feed could be had"):
        update(publisher, tmp_path / "a.db", choices=Choices(only=True))
    assert held(tmp_path / "a.db") == {"mine": 1}


def test_an_archive_with_a_damaged_member_is_taken_and_fetched_whole_until_it_is_mended(
    publisher: Publisher, tmp_path: Path
) -> None:
    whole = json.dumps(record("DEBIAN-CVE-2024-1")).encode()
    publisher.files["/osv/Debian/all.zip"] = archive(whole, cut=whole[:50])
    told = update(publisher, tmp_path / "a.db")
    assert "Debian: new, as of 2026-11-24T06:00:00Z, 1 records, 1 unreadable" in told[0]
    update(publisher, tmp_path / "a.db")
    assert publisher.seen[3:] == [
        ("/osv/Debian/all.zip", 200),
        ("/kev.json", 304),
        ("/epss.csv.gz", 304),
    ]


def bomb(members: int) -> bytes:
    """Return an archive whose directory names so many empty members."""
    content = archive(a=b"")
    start, end = content.index(b"PK\1\2"), content.index(b"PK\5\6")
    entries = content[start:end] * members
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(entries), start, 0)
    return content[:start] + entries + tail


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (bomb(1_500_000), "a directory of more than 67108864 bytes"),
        (bomb(3), "holds no feed"),
        (archive(b'{"id": "A"}')[:-30], "expected OSV records"),
        (
            archive(json.dumps(record("A")).encode()).replace(b"A.json", b"../\x1bxx"),
            "holds no feed",
        ),
    ],
)
def test_an_archive_that_means_harm_is_refused_in_printable_words(
    publisher: Publisher, tmp_path: Path, content: bytes, said: str
) -> None:
    publisher.files["/osv/Debian/all.zip"] = content
    told = update(publisher, tmp_path / "a.db", size=1 << 28)
    assert any(said in line for line in told)
    assert all(line.isprintable() for line in told)
    assert held(tmp_path / "a.db") == {"epss": 1, "kev": 1}


def test_of_many_members_that_are_no_feed_only_some_are_named(
    publisher: Publisher, tmp_path: Path
) -> None:
    whole = json.dumps(record("DEBIAN-CVE-2024-1")).encode()
    content = archive(whole, **{f"x{n}": b"" for n in range(1000)})
    publisher.files["/osv/Debian/all.zip"] = content.replace(b".json", b".text")
    told = update(publisher, tmp_path / "a.db")
    assert len(told) < 30
    assert "Debian: 981 more were left out" in told


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/epss.csv.gz", gzip.compress(EPSS + b"CVE-2024-0001,nan,0.9\n", mtime=0)),
        ("/epss.csv.gz", gzip.compress(EPSS + b"CVE-2024-0001,0.5,0.9\n", mtime=0)[:-9]),
        ("/epss.csv.gz", EPSS + b"CVE-2024-0001,0.5,0.9\n"),
        ("/kev.json", kev("CVE-2024-0001")[:-20]),
        ("/kev.json", kev("\x1b[2J")),
        ("/kev.json", kev("CVE-2024-0001").replace(b'"count": 1', b'"count": 9')),
        ("/kev.json", b"[" * 100_000),
    ],
)
def test_scores_and_catalogues_that_are_damaged_cost_only_themselves(
    publisher: Publisher, tmp_path: Path, path: str, content: bytes
) -> None:
    publisher.files[path] = content
    told = update(publisher, tmp_path / "a.db")
    assert len(held(tmp_path / "a.db")) == 2
    assert sum("could not be had, there is none" in line for line in told) == 1
    assert all(line.isprintable() for line in told)


def test_what_a_killed_update_left_behind_is_removed(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "download.x").mkdir()
    (tmp_path / "download.x" / "Debian.zip").write_bytes(b"half")
    (tmp_path / "a.db.x.new").write_bytes(b"half")
    with updating(tmp_path / "a.db"):
        update(publisher, tmp_path / "a.db")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.db", "a.lock"]


def test_a_damaged_database_is_built_again(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"junk" * 5000)
    told = update(publisher, tmp_path / "a.db")
    assert told[0].startswith("the old database cannot be used")
    assert len(held(tmp_path / "a.db")) == 3


@pytest.mark.parametrize("name", ["../x", "Debian:12", "", "a/b", "\x1b"])
def test_what_is_no_ecosystem_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError):
        remote_feeds([name], Addresses("https://example.org", "", ""))


@pytest.fixture
def configured(publisher: Publisher, tmp_path: Path) -> Path:
    """Return a home whose configuration names the publisher's addresses but OSV's."""
    config = tmp_path / "state" / "config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(
        "[advisories.update]\n"
        f'kev-url = "{publisher.url}/kev.json"\nepss-url = ""\n'
        f'eol-url = "{publisher.url}/eol.json"\n'
    )
    publisher.files["/osv/Alpine/all.zip"] = _about("Alpine:v3.20")
    publisher.files["/osv/PyPI/all.zip"] = _about("PyPI")
    publisher.files["/osv/npm/all.zip"] = _about("npm")
    publisher.files["/osv/Ubuntu/all.zip"] = _about("Ubuntu:22.04")
    return tmp_path


def _about(ecosystem: str) -> bytes:
    return archive(json.dumps(record("A-1", ecosystem)).encode())


def sealmark(home: Path, osv: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "SEALMARK_HOME": str(home / "state"),
        "SEALMARK_ADVISORIES_UPDATE_OSV_URL": osv,
    }
    command = [SEALMARK, "advisories", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_the_command_takes_addresses_from_the_environment_and_the_configuration(
    publisher: Publisher, configured: Path
) -> None:
    osv, database = f"{publisher.url}/osv", configured / "state" / "data" / "advisories.db"
    done = sealmark(configured, osv, "update")
    assert (done.returncode, done.stderr) == (0, "")
    assert set(held(database)) == {"Alpine", "Debian", "PyPI", "npm", "kev", "eol"}
    status = sealmark(configured, osv, "status").stdout
    assert f"  from {publisher.url}/osv/npm/all.zip" in status
    publisher.files.clear()
    done = sealmark(configured, osv, "update")
    assert done.returncode == 5
    assert "no feed could be had; the advisory database is as it was" in done.stderr
    assert len(held(database)) == 6


def test_a_feed_that_could_not_be_had_is_named_and_the_exit_code_says_so(
    publisher: Publisher, configured: Path
) -> None:
    osv, database = f"{publisher.url}/osv", configured / "state" / "data" / "advisories.db"
    assert sealmark(configured, osv, "update").returncode == 0
    del publisher.files["/osv/npm/all.zip"]
    done = sealmark(configured, osv, "update")
    assert done.returncode == 5
    assert "1 of 6 feeds could not be had: npm; the others are up to date" in done.stderr
    assert held(database)["npm"] == 1


def test_an_ecosystem_that_was_asked_for_once_is_fetched_from_then_on_until_it_is_dropped(
    publisher: Publisher, configured: Path
) -> None:
    osv, database = f"{publisher.url}/osv", configured / "state" / "data" / "advisories.db"
    assert sealmark(configured, osv, "update", "--ecosystem", "Ubuntu").returncode == 0
    assert set(held(database)) == {"Ubuntu", "kev", "eol"}
    assert "Ubuntu: unchanged" in sealmark(configured, osv, "update").stdout
    assert set(held(database)) == {"Alpine", "Debian", "PyPI", "Ubuntu", "npm", "kev", "eol"}
    assert sealmark(configured, osv, "drop", "Ubuntu").returncode == 0
    assert "Ubuntu" not in sealmark(configured, osv, "update").stdout
    assert "Ubuntu" not in held(database)


def test_only_a_feed_that_is_there_can_be_dropped(publisher: Publisher, configured: Path) -> None:
    osv = f"{publisher.url}/osv"
    assert sealmark(configured, osv, "update").returncode == 0
    done = sealmark(configured, osv, "drop", "npn")
    assert done.returncode == 3
    assert "there is no feed 'npn'; there are: Alpine, Debian, PyPI, eol, kev, npm" in done.stderr


def test_files_join_what_the_network_brought_unless_they_are_to_be_the_only_ones(
    publisher: Publisher, configured: Path
) -> None:
    osv, database = f"{publisher.url}/osv", configured / "state" / "data" / "advisories.db"
    assert sealmark(configured, osv, "update", "--ecosystem", "npm").returncode == 0
    mine = configured / "mine.jsonl"
    mine.write_text(json.dumps(record("A-1")) + "\n")
    done = sealmark(configured, osv, "update", "--from", str(mine))
    assert "npm: kept, not part of this update, as of" in done.stdout
    assert set(held(database)) == {"npm", "kev", "eol", "mine"}
    assert sealmark(configured, osv, "update", "--from", str(mine), "--only").returncode == 0
    assert held(database) == {"mine": 1}


def test_secrets_of_a_mirrors_address_are_neither_printed_nor_stored(
    publisher: Publisher, configured: Path
) -> None:
    secret = publisher.url.replace("//", "//user:hunter2@") + "/osv?token=hunter2"
    publisher.files["/osv/npm/all.zip"] = b"no archive"
    done = sealmark(configured, secret, "update")
    assert done.returncode == 5
    assert "hunter2" not in done.stdout + done.stderr
    assert b"hunter2" not in (configured / "state" / "data" / "advisories.db").read_bytes()
    assert "hunter2" not in sealmark(configured, secret, "status").stdout


def test_end_of_life_dates_come_from_the_network_like_any_feed(
    publisher: Publisher, configured: Path
) -> None:
    assert sealmark(configured, f"{publisher.url}/osv", "update").returncode == 0
    with AdvisoryDatabase(configured / "state" / "data" / "advisories.db") as database:
        assert database.support_ends("debian", "12") == "2028-06-30"
