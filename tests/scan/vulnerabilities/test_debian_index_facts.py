"""What the index-based Debian feed reads here, against recorded facts and OSV's Debian feed."""

from __future__ import annotations

import pytest
from bench.debian_facts import (
    UNEXPLAINED,
    VERSIONS,
    Installed,
    against_recorded_versions,
    differences,
    installed,
    listed,
    recorded,
)
from bench.debian_recall import FEED_IS_WHOLE_UNTIL, found, open_feeds
from tests.support.advisories import shared

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def here() -> dict[str, Installed]:
    for name in ("debian-12-changelog-fixes.jsonl.zst", "debian-12.jsonl.zst", VERSIONS.name):
        shared(name)
    release = [one for one in installed().values() if one.source == "base-files"]
    if not release or not release[0].version.startswith("12"):
        pytest.skip("no bookworm packages with their changelogs are installed here")
    return installed()


def test_every_difference_from_the_recorded_changelogs_has_its_reason(
    here: dict[str, Installed],
) -> None:
    both = [(fact, here[fact["source"]]) for fact in recorded() if fact["source"] in here]
    if len(both) < 20:
        pytest.skip(f"only {len(both)} of the recorded sources are installed here")
    found_here = [one for fact, own in both for one in differences(fact, own)]
    assert [one for one in found_here if one.why == UNEXPLAINED] == []
    assert len(found_here) < 100


@pytest.mark.parametrize("suite", ["bookworm", "bookworm-security"])
def test_the_newest_version_of_every_source_is_the_recorded_one_or_newer(suite: str) -> None:
    shared(VERSIONS.name)
    index = listed(suite)
    if index is None:
        pytest.skip(f"apt has no index of {suite} here: run `apt-get update`")
    count = against_recorded_versions(suite, index)
    assert count["same"] > 100
    assert count["older"] == 0


def test_changelogs_name_nearly_all_that_osv_says_security_updates_fixed(
    here: dict[str, Installed], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with open_feeds(tmp_path_factory.mktemp("osv")) as feeds:
        results = [
            one for own in here.values() if own.source != "linux" for one in found(own, feeds)
        ]
    covered = [one for one in results if one.date < FEED_IS_WHOLE_UNTIL]
    both = sum(one.by == "both" for one in covered)
    if both < 20:
        pytest.skip(f"only {both} fixes to compare: too few packages are installed here")
    missed = [one for one in covered if one.by == "OSV"]
    assert len(missed) <= 0.15 * (both + len(missed)), missed
    extra = [one for one in covered if one.by == "index"]
    assert len(extra) <= 0.35 * (both + len(extra)), extra
