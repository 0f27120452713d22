"""Records that cannot be read: unknown for what they name, and never silently fine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.shop import build_shop

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., subprocess.CompletedProcess[str]]

SEALMARK = str(Path(sys.executable).with_name("sealmark"))
OTHER = {
    "id": "GHSA-other",
    "modified": "2026-01-01T00:00:00Z",
    "affected": [{"package": {"ecosystem": "npm", "name": "left-pad"}, "ranges": 7}],
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    build_shop(tmp_path)
    return tmp_path


@pytest.fixture
def run(shop: Path) -> Run:
    def sealmark(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"HOME": str(shop), "PATH": "/usr/bin:/bin", "SEALMARK_HOME": "state"}
        return subprocess.run(
            [SEALMARK, *arguments], cwd=shop, env=environment, capture_output=True, text=True
        )

    return sealmark


def lodash(**changes: Any) -> dict[str, Any]:
    """Return a record about a package of the image, readable unless `changes` spoil it."""
    affected = {
        "package": {"ecosystem": "npm", "name": "lodash"},
        "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "4.0.0"}]}],
    }
    return {
        "id": "GHSA-lodash",
        "modified": "2026-01-01T00:00:00Z",
        "affected": [{**affected, **changes.pop("affected", {})}],
        **changes,
    }


def publish(shop: Path, *records: dict[str, Any] | str) -> None:
    with (shop / "feeds" / "npm.jsonl").open("a") as feed:
        for record in records:
            feed.write((record if isinstance(record, str) else json.dumps(record)) + "\n")


def updated(run: Run, *options: str) -> str:
    done = run("advisories", "update", "--from", "feeds", *options)
    assert done.returncode == 0, done.stderr
    return done.stderr


def reasons(run: Run) -> list[dict[str, Any]]:
    """Check the image with nothing against it; its verdict must be unknown. Return why."""
    done = run("check", "oci:shop:1.1", "--format", "json")
    assert done.returncode == 2, done.stdout
    judged = json.loads(done.stdout)["decision"]["judgement"]
    assert judged["verdict"] == "unknown"
    found: list[dict[str, Any]] = judged.get("reasons", []) + judged.get("unknowns", [])
    return found


def test_the_image_of_these_tests_is_allowed_when_everything_is_readable(
    run: Run, shop: Path
) -> None:
    publish(shop, lodash())
    updated(run)
    assert run("check", "oci:shop:1.1").returncode == 0


@pytest.mark.parametrize(
    ("spoiled", "field"),
    [
        (lodash(modified="yesterday"), "modified is no RFC 3339 time"),
        (lodash(aliases=["\u202e"]), "an alias is no printable id"),
        (lodash(affected={"ranges": 7}), "$.affected[0].ranges"),
        (lodash(affected={"versions": [1]}), "$.affected[0].versions[0]"),
        (
            lodash(affected={"ranges": [{"type": "SEMVER", "events": [{"fixed": "4"}]}]}),
            "a range without an introduced event",
        ),
        (
            lodash(affected={"ranges": [{"type": "LUNAR", "events": []}], "versions": ["1"]}),
            "unknown type of range 'LUNAR'",
        ),
        (
            lodash(affected={"ranges": [{"type": "SEMVER", "events": [{"introduced": "?"}]}]}),
            "the range cannot be read",
        ),
        (lodash(database_specific={"severity": "LOW"}, severity={}), "$.severity"),
    ],
)
def test_a_record_that_cannot_be_read_makes_what_it_names_unknown_and_says_why(
    run: Run, shop: Path, spoiled: dict[str, Any], field: str
) -> None:
    publish(shop, spoiled)
    updated(run)
    (reason,) = reasons(run)
    assert reason["control"] == "no-fixable-vulnerabilities"
    assert reason["subject_id"] == "GHSA-lodash"
    assert "whether lodash 4.17.21 is affected by GHSA-lodash is not known" in reason["message"]
    assert field in reason["message"]


def test_a_record_without_a_usable_id_goes_by_its_digest(run: Run, shop: Path) -> None:
    publish(shop, lodash(id="\x1b[2J"))
    updated(run)
    (reason,) = reasons(run)
    assert reason["subject_id"].startswith("sha256:")


def test_an_image_without_the_packages_that_are_named_is_not_punished(run: Run, shop: Path) -> None:
    publish(shop, OTHER, {**OTHER, "id": "GHSA-git", "affected": [{"ranges": 7}]})
    updated(run)
    assert run("check", "oci:shop:1.1").returncode == 0
    status = run("advisories", "status").stdout
    assert "2 more could not be read; 0 of them may be about any package; 0 accepted" in status
    assert "advisory 'GHSA-other': Expected `array | null`, got `int`" in status


def test_a_withdrawn_record_says_nothing_however_broken(run: Run, shop: Path) -> None:
    publish(shop, lodash(aliases=7, withdrawn="2026-01-01T00:00:00Z"))
    updated(run)
    assert run("check", "oci:shop:1.1").returncode == 0


def test_what_another_record_says_does_not_stand_in_for_one_that_cannot_be_read(
    run: Run, shop: Path
) -> None:
    unimportant = lodash(database_specific={"severity": "LOW"}, id="GHSA-a", aliases=["GHSA-b"])
    publish(shop, unimportant, lodash(id="GHSA-b", affected={"versions": 7}))
    updated(run)
    (reason,) = reasons(run)
    assert reason["subject_id"] == "GHSA-b"


def test_an_unreadable_report_of_malice_is_unknown_and_no_denial(run: Run, shop: Path) -> None:
    events = [{"type": "SEMVER", "events": [{"mended": "1"}]}]
    publish(shop, lodash(id="MAL-2026-1", affected={"ranges": events}))
    updated(run)
    (reason,) = reasons(run)
    assert reason["effect"] == "unknown"


@pytest.mark.parametrize(
    "garbage",
    [
        '{"id": "GHSA-cut", "modified": "2026-01-01T00:00:00Z", "affected": [{"pack',
        '{"id": "GHSA-none", "modified": 7}',
        '{"id": "GHSA-null", "affected": [null]}',
        '{"id": "GHSA-number", "affected": [{"package": {"ecosystem": "npm", "name": 7}}]}',
        "not JSON at all",
        "[1, 2]",
    ],
)
def test_a_record_that_may_be_about_anything_is_unknown_until_it_is_accepted_by_name(
    run: Run, shop: Path, garbage: str
) -> None:
    publish(shop, garbage)
    updated(run)
    (reason,) = reasons(run)
    assert reason["control"] == "advisories-fresh"
    assert "1 npm component cannot be judged: 1 record of the feed npm" in reason["message"]
    assert reason["because"][-1] == {"path": "vulnerabilities.coverage[1].nameless", "value": "1"}
    status = run("advisories", "status").stdout
    assert "1 of them may be about any package" in status
    (digest,) = re.findall(r"\((sha256:[0-9a-f]{64})\)", status)

    updated(run, "--accept-unreadable", digest)
    assert run("check", "oci:shop:1.1").returncode == 0
    assert "0 of them may be about any package; 1 accepted" in run("advisories", "status").stdout

    publish(shop, garbage + "!")
    updated(run, "--accept-unreadable", digest)
    assert run("check", "oci:shop:1.1").returncode == 2


def test_a_record_about_a_package_of_the_image_can_be_accepted_too(run: Run, shop: Path) -> None:
    events = [{"type": "SEMVER", "events": [{"mended": "1"}]}]
    publish(shop, lodash(affected={"ranges": events}))
    updated(run)
    (reason,) = reasons(run)
    (digest,) = re.findall(r"\((sha256:[0-9a-f]{64})\)", reason["message"])
    updated(run, "--accept-unreadable", digest)
    assert run("check", "oci:shop:1.1").returncode == 0


def test_a_damaged_first_line_does_not_turn_a_feed_into_none(run: Run, shop: Path) -> None:
    feed = shop / "feeds" / "npm.jsonl"
    feed.write_text('{"id": "GHSA-cut\n' + feed.read_text())
    updated(run)
    (reason,) = reasons(run)
    assert reason["control"] == "advisories-fresh"


def test_a_damaged_member_of_an_archive_is_counted_not_passed_over(run: Run, shop: Path) -> None:
    feed = shop / "feeds" / "npm.jsonl"
    with zipfile.ZipFile(shop / "feeds" / "npm.zip", "w") as archive:
        archive.writestr("GHSA-1.json", feed.read_text())
        archive.writestr("GHSA-2.json", '{"id": "GHSA-2", "modif')
    feed.unlink()
    done = run("advisories", "update", "--from", "feeds/npm.zip", "--from", "feeds/kev.json")
    assert done.returncode == 0
    assert "1 of them may be about any package" in run("advisories", "status").stdout


def test_a_file_in_a_folder_that_is_no_feed_is_named(run: Run, shop: Path) -> None:
    (shop / "feeds" / "licenses.json").write_text('{"licenses": []}')
    assert updated(run) == "feeds/licenses.json: left out, it is no feed\n"


def test_a_folder_without_a_feed_is_refused(run: Run, shop: Path) -> None:
    (shop / "nothing").mkdir()
    done = run("advisories", "update", "--from", "nothing")
    assert (done.returncode, done.stderr) == (4, "sealmark: nothing: holds no feed\n")


def test_a_place_that_cannot_be_written_is_said_in_one_line(run: Run, shop: Path) -> None:
    (shop / "state").mkdir()
    (shop / "state" / "data").write_text("a file where a folder should be")
    done = run("advisories", "update", "--from", "feeds")
    assert done.returncode == 5
    assert done.stderr.startswith("sealmark: cannot write the advisory database")
