"""Several advisories about one vulnerability of one component become one finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.advisories import HIGH, LIBSSL, ask, component, feed, fixed_in, found, record

if TYPE_CHECKING:
    from pathlib import Path

EVERY = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}
LOW = "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N"


def test_a_cve_and_its_aliases_are_one_finding_under_the_name_people_know(tmp_path: Path) -> None:
    (hole,) = found(
        tmp_path,
        record("PYSEC-2024-1", aliases=["GHSA-aaaa", "CVE-2024-1111"]),
        record("GHSA-aaaa", aliases=["CVE-2024-1111"]),
        record("DEBIAN-CVE-2024-1111", upstream=["CVE-2024-1111"]),
    )
    assert hole.id == "CVE-2024-1111"
    assert hole.aliases == ("DEBIAN-CVE-2024-1111", "GHSA-aaaa", "PYSEC-2024-1")


def test_joining_by_alias_is_transitive(tmp_path: Path) -> None:
    records = (record("A-1", aliases=["B-1"]), record("C-1", aliases=["D-1"]))
    bridge = record("E-1", aliases=["B-1", "D-1"])
    assert len(found(tmp_path, *records)) == 2
    (hole,) = found(tmp_path, *records, bridge)
    assert hole.aliases == ("B-1", "C-1", "D-1", "E-1")


def test_an_erratum_about_many_does_not_make_them_one(tmp_path: Path) -> None:
    erratum = record("DSA-5000-1", upstream=["CVE-2024-1111", "CVE-2024-2222"])
    assert [h.id for h in found(tmp_path, erratum)] == ["CVE-2024-1111", "CVE-2024-2222"]


def test_the_highest_fix_clears_all_that_is_said(tmp_path: Path) -> None:
    (hole,) = found(
        tmp_path,
        record("DSA-5000-1", upstream=["CVE-2024-1111"]),
        record("DEBIAN-CVE-2024-1111", upstream=["CVE-2024-1111"], ranges=(fixed_in("3.0.11-1"),)),
    )
    assert (hole.fixed_in, hole.advisory) == ("3.0.11-1", "DEBIAN-CVE-2024-1111")


def test_the_severity_is_the_highest_any_of_them_states(tmp_path: Path) -> None:
    mild = record("A-1", aliases=["CVE-1999-0001"], severity=[{"type": "CVSS_V3", "score": LOW}])
    grave = record("B-1", aliases=["CVE-1999-0001"], severity=[{"type": "CVSS_V3", "score": HIGH}])
    (hole,) = found(tmp_path, mild, grave)
    assert (hole.severity, hole.score, hole.vector) == ("high", 7.5, HIGH)


def test_a_tracker_without_a_fix_yields_to_one_as_new_that_the_version_already_has(
    tmp_path: Path,
) -> None:
    tracker = record("DEBIAN-CVE-2024-1111", upstream=["CVE-2024-1111"], ranges=(EVERY,))
    erratum = record("DSA-5000-1", upstream=["CVE-2024-1111"], ranges=(fixed_in("3.0.8-1"),))
    assert found(tmp_path, tracker, erratum) == []
    older = {**erratum, "modified": "2020-01-01T00:00:00Z"}
    (hole,) = found(tmp_path, tracker, older)
    assert (hole.status, hole.fixed_in) == ("affected", None)


def test_affected_in_one_feed_outranks_never_affected_in_another(tmp_path: Path) -> None:
    never = feed(record("N-1", aliases=["CVE-2024-1111"], ranges=(fixed_in("0"),)), name="never")
    other = feed(record("A-1", aliases=["CVE-2024-1111"]), name="other")
    (hole,) = ask(tmp_path, [never, other], LIBSSL).findings
    assert hole.status == "affected"
    (hole,) = ask(tmp_path, [never], LIBSSL).findings
    assert hole.status == "not_affected"


def test_every_fixable_finding_names_the_one_version_that_clears_them_all(tmp_path: Path) -> None:
    holes = found(
        tmp_path,
        record("CVE-2024-0001", ranges=(fixed_in("3.0.9-1"),)),
        record("CVE-2024-0002", ranges=(fixed_in("3.0.11-1"),)),
        record("CVE-2024-0003", ranges=(EVERY,)),
    )
    assert [(hole.fixed_in, hole.upgrade_to) for hole in holes] == [
        ("3.0.9-1", "3.0.11-1"),
        ("3.0.11-1", "3.0.11-1"),
        (None, None),
    ]


def test_an_upgrade_never_lands_in_a_branch_where_an_older_hole_is_open_again(
    tmp_path: Path,
) -> None:
    branches = (fixed_in("1.0.5"), fixed_in("2.0.3", introduced="2.0.0"))
    holes = found(
        tmp_path,
        record("CVE-2024-0001", "npm", "x", branches),
        record("CVE-2024-0002", "npm", "x", (fixed_in("2.0.1"),)),
        at=component("x", "1.0.0", "npm"),
    )
    assert [hole.fixed_in for hole in holes] == ["1.0.5", "2.0.1"]
    assert {hole.upgrade_to for hole in holes} == {"2.0.3"}


@pytest.mark.parametrize("turn", [1, -1])
def test_what_is_found_does_not_depend_on_the_order_of_records(tmp_path: Path, turn: int) -> None:
    records = [
        record("A-1", aliases=["CVE-2024-1111"]),
        record("B-1", aliases=["CVE-2024-1111"], ranges=(fixed_in("3.0.10-1"),)),
        record("C-1", aliases=["CVE-2024-2222"]),
    ][::turn]
    holes = found(tmp_path, *records)
    assert [(hole.id, hole.advisory, hole.fixed_in) for hole in holes] == [
        ("CVE-2024-1111", "B-1", "3.0.10-1"),
        ("CVE-2024-2222", "C-1", "3.0.9-1"),
    ]
