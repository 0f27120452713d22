"""The Debian feed against what Debian's own changelogs and archive say: an independent check."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.advisories import component, real_lines, shared

from sealmark.adapters.advisory_database import AdvisoryDatabase
from sealmark.adapters.advisory_files import FeedReader
from sealmark.adapters.advisory_writer import write_database
from sealmark.scan.vulnerabilities.match import match

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealmark.evidence.vulnerability import Vulnerability

pytestmark = pytest.mark.slow
FEED_ENDS = "2025-02-12"


@pytest.fixture(scope="module")
def bookworm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdvisoryDatabase]:
    paths = [shared("debian-12.jsonl.zst"), shared("debian-12-dsa-dla.jsonl.zst")]
    path = tmp_path_factory.mktemp("bookworm") / "advisories.db"
    write_database(path, FeedReader().read(paths))
    with AdvisoryDatabase(path) as database:
        yield database


def affected(database: AdvisoryDatabase, source: str, version: str) -> dict[str, Vulnerability]:
    at = component(source, version, "Debian:12", source)
    return {f.id: f for f in match([at], database).findings if f.status == "affected"}


def changelogs() -> list[dict[str, Any]]:
    return [json.loads(line) for line in real_lines("debian-12-changelog-fixes.jsonl.zst")]


def test_nothing_that_a_changelog_says_is_fixed_is_reported_with_an_upgrade(
    bookworm: AdvisoryDatabase,
) -> None:
    asked, wrong = 0, []
    for log in changelogs():
        known = affected(bookworm, log["source"], log["current"])
        for entry in log["entries"]:
            asked += len(entry["cves"])
            wrong += [c for c in entry["cves"] if c in known and known[c].fixed_in]
    assert wrong == []
    assert asked > 6000


def test_nearly_all_that_a_security_update_fixed_is_reported_just_below_it(
    bookworm: AdvisoryDatabase,
) -> None:
    asked, silent = 0, []
    for log in changelogs():
        for entry in log["entries"]:
            security = entry["dist"] == "bookworm-security"
            if security and "2023-07-01" < entry["date"] < FEED_ENDS:
                known = affected(bookworm, log["source"], f"{entry['version']}~")
                asked += len(entry["cves"])
                silent += [(log["source"], c) for c in entry["cves"] if c not in known]
    assert asked > 50
    assert len(silent) <= asked * 0.1, silent
