"""`sealmark advisories update` from a server: conditional, bounded, and plain about failures."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from tests.support.advisories import SPOKEN, real_lines, record, shared, unpacked

from sealmark.adapters.advisory_database import AdvisoryDatabase
from sealmark.adapters.advisory_download import Budget, Downloader, Validators
from sealmark.adapters.advisory_remote import remote_feeds, update_from_network
from sealmark.adapters.advisory_writer import write_database
from sealmark.errors import ServiceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

SEALMARK = str(Path(sys.executable).with_name("sealmark"))
EPSS = b"#model_version:v1,score_date:2026-11-24T00:00:00+0000\ncve,epss,percentile\n"


def archive(*records: bytes) -> bytes:
    """Return records as OSV's archives hold them: a file each."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as written:
        for item in records:
            written.writestr(f"{json.loads(item)['id']}.json", item)
    return target.getvalue()


def kev(*cves: str) -> bytes:
    listed = [{"cveID": cve, "dateAdded": "2026-01-01"} for cve in cves]
    return json.dumps(
        {
            "catalogVersion": "1",
            "dateReleased": SPOKEN,
            "count": len(listed),
            "vulnerabilities": listed,
        }
    ).encode()


class Publisher:
    """A web server on the loopback interface: `files` by path, `answers` to give first."""

    def __init__(self) -> None:
        self.files = {
            "/osv/Debian/all.zip": archive(json.dumps(record("DEBIAN-CVE-2024-1")).encode()),
            "/kev.json": kev("CVE-2024-0001"),
            "/epss.csv.gz": gzip.compress(EPSS + b"CVE-2024-0001,0.5,0.9\n"),
        }
        self.answers: dict[str, list[tuple[int, dict[str, str]]]] = {}
        self.seen: list[tuple[str, int]] = []
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, headers, body = publisher.answer(self.path, self.headers["If-None-Match"])
                publisher.seen.append((self.path, status))
                self.send_response(status)
                for name, value in {"Content-Length": f"{len(body)}", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def answer(self, path: str, known: str | None) -> tuple[int, dict[str, str], bytes]:
        if self.answers.get(path):
            status, headers = self.answers[path].pop(0)
            return status, headers, b""
        if path not in self.files:
            return 404, {}, b"<html>nothing here</html>"
        etag = f'"{hash(self.files[path])}"'
        if etag == known:
            return 304, {}, b""
        return 200, {"ETag": etag}, self.files[path]

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    running = Publisher()
    yield running
    running.close()


def update(publisher: Publisher, target: Path, *ecosystems: str, size: int = 1 << 24) -> list[str]:
    """Update as the command does, without waiting between attempts; return what was told."""
    base = publisher.url
    feeds = remote_feeds(
        ecosystems or ("Debian",), f"{base}/osv", f"{base}/kev.json", f"{base}/epss.csv.gz"
    )
    told: list[str] = []
    with Downloader(Budget(size=size, seconds=20, idle=5), sleep=lambda _: None) as downloader:
        update_from_network(target, feeds, downloader, told.append)
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


def test_redirects_are_followed_but_not_for_ever(publisher: Publisher, tmp_path: Path) -> None:
    publisher.files["/moved.json"] = publisher.files["/kev.json"]
    publisher.answers["/kev.json"] = [(302, {"Location": "/moved.json"})]
    update(publisher, tmp_path / "a.db")
    assert held(tmp_path / "a.db")["kev"] == 1
    publisher.answers["/kev.json"] = [(302, {"Location": "/kev.json"})] * 20
    assert any(
        "kev: could not be had, kept" in line for line in update(publisher, tmp_path / "a.db")
    )


def test_more_bytes_than_allowed_are_not_taken(publisher: Publisher, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="no feed could be had"):
        update(publisher, tmp_path / "a.db", size=10)
    assert list(tmp_path.iterdir()) == []


def test_feeds_that_are_not_part_of_the_update_are_left_out_and_named(
    publisher: Publisher, tmp_path: Path
) -> None:
    from tests.support.advisories import feed

    write_database(tmp_path / "a.db", [feed(record("A-1"), name="by-hand")])
    told = update(publisher, tmp_path / "a.db")
    assert "by-hand: left out, it is not among the feeds of this update" in told
    assert held(tmp_path / "a.db") == {"Debian": 1, "epss": 1, "kev": 1}


def test_a_damaged_database_is_built_again(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"junk" * 5000)
    told = update(publisher, tmp_path / "a.db")
    assert told[0].startswith("the old database cannot be used")
    assert len(held(tmp_path / "a.db")) == 3


@pytest.mark.parametrize("url", ["ftp://x/y", "file:///etc/passwd", "nothing", "http://"])
def test_what_is_no_web_address_is_a_usage_error(tmp_path: Path, url: str) -> None:
    with Downloader() as downloader, pytest.raises(UsageError):
        downloader.fetch(url, tmp_path / "x", Validators())


def test_credentials_in_an_address_are_not_printed(publisher: Publisher, tmp_path: Path) -> None:
    url = publisher.url.replace("//", "//user:hunter2@") + "/nothing?token=hunter2"
    with Downloader() as downloader, pytest.raises(ServiceError) as caught:
        downloader.fetch(url, tmp_path / "x", Validators())
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["../x", "Debian:12", "", "a/b", "\x1b"])
def test_what_is_no_ecosystem_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError):
        remote_feeds([name], "https://example.org", "", "")


def test_the_command_takes_addresses_from_the_environment_and_the_configuration(
    publisher: Publisher, tmp_path: Path
) -> None:
    config = tmp_path / "state" / "config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(
        '[advisories.update]\necosystem = ["Debian"]\n'
        f'kev-url = "{publisher.url}/kev.json"\nepss-url = ""\n'
    )
    done = run(tmp_path, SEALMARK_ADVISORIES_UPDATE_OSV_URL=f"{publisher.url}/osv")
    assert (done.returncode, done.stderr) == (0, "")
    assert held(tmp_path / "state" / "data" / "advisories.db") == {"Debian": 1, "kev": 1}
    publisher.files.clear()
    done = run(tmp_path, SEALMARK_ADVISORIES_UPDATE_OSV_URL=f"{publisher.url}/osv")
    assert done.returncode == 5
    assert "no feed could be had; the advisory database is as it was" in done.stderr
    assert len(held(tmp_path / "state" / "data" / "advisories.db")) == 2


def run(home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {"HOME": str(home), "PATH": "/usr/bin:/bin", "SEALMARK_HOME": str(home / "state")}
    return subprocess.run(
        [SEALMARK, "advisories", "update"],
        env=known | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
