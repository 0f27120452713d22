"""Is a version affected? The OSV schema's own evaluation, and what is said where it cannot be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmark.scan.versions.ordering import find
from sealmark.scan.vulnerabilities.advisory import AffectedVersions, Event
from sealmark.scan.vulnerabilities.ranges import Comparison, Outcome, without_redundant

EVENT = st.builds(
    Event,
    st.sampled_from(["introduced", "fixed", "last_affected", "limit"]),
    st.sampled_from(["0", "1", "2", "3", "4", "5", "6", "*", "x y"]),
)


def events(text: str) -> tuple[Event, ...]:
    """Read `introduced 1, fixed 2`."""
    pairs = (part.split() for part in text.split(","))
    return tuple(Event(kind, version) for kind, version in pairs)  # type: ignore[arg-type]


def judge(version: str, *ranges: str, listed: tuple[str, ...] = ()) -> Outcome:
    affected = AffectedVersions(tuple(map(events, ranges)), listed)
    return Comparison(version, find("npm"), "npm").judge(affected)


@pytest.mark.parametrize(
    ("version", "text", "status", "fix"),
    [
        ("1.0.0", "introduced 0, fixed 2", "affected", "2"),
        ("2.0.0", "introduced 0, fixed 2", "clear", None),
        ("2.0.0-rc.1", "introduced 0, fixed 2", "affected", "2"),
        ("0.9.0", "introduced 1, fixed 2", "clear", None),
        ("1.0.0", "introduced 1, fixed 2", "affected", "2"),
        ("2.0.0", "introduced 1, last_affected 2", "affected", None),
        ("2.0.1", "introduced 1, last_affected 2", "clear", None),
        ("3.5.0", "introduced 1, fixed 2, introduced 3, fixed 4", "affected", "4"),
        ("2.5.0", "introduced 1, fixed 2, introduced 3, fixed 4", "clear", None),
        ("3.5.0", "fixed 4, introduced 3, fixed 2, introduced 1", "affected", "4"),
        ("9.0.0", "introduced 1", "affected", None),
        ("9.0.0", "introduced 0", "affected", None),
        ("1.5.0", "introduced 0, limit 2", "affected", None),
        ("2.0.0", "introduced 0, limit 2", "clear", None),
        ("2.0.0", "introduced 0, limit *", "affected", None),
        ("1.0.0", "introduced 0, fixed 0", "not_affected", None),
        ("1.0.0", "introduced 0, fixed x.y", "unknown", None),
    ],
)
def test_the_events_of_a_range_are_walked_in_version_order(
    version: str, text: str, status: str, fix: str | None
) -> None:
    outcome = judge(version, text)
    assert (outcome.status, outcome.fixed_in) == (status, fix)


def test_a_listed_version_is_affected_though_no_range_covers_it() -> None:
    assert judge("9.0.0", "introduced 0, fixed 2", listed=("9.0.0",)).status == "affected"


@pytest.mark.parametrize("listed", ["1.0.0", "v1.0.0", "1.0.0+build"])
def test_a_listed_version_still_has_the_fix_that_the_range_names(listed: str) -> None:
    outcome = judge("1.0.0", "introduced 0, fixed 2", listed=(listed,))
    assert (outcome.status, outcome.fixed_in) == ("affected", "2")


def test_a_listed_version_below_the_range_has_the_next_fix_above_it() -> None:
    outcome = judge("1.0.0", "introduced 3, fixed 4", "introduced 5, fixed 6", listed=("1.0.0",))
    assert outcome.fixed_in == "4"


def test_a_listed_version_that_nothing_can_order_is_affected_by_its_spelling() -> None:
    assert judge("no version", listed=("no version",)).status == "affected"
    assert judge("no version", listed=("other",)).status == "clear"


def test_without_any_version_it_is_not_known() -> None:
    assert judge("1.0.0").status == "unknown"


def test_of_several_ranges_the_highest_fix_clears() -> None:
    outcome = judge("1.0.0", "introduced 0, fixed 2", "introduced 0, fixed 10")
    assert outcome.fixed_in == "10"


def test_affected_in_one_range_outranks_unknown_in_another() -> None:
    assert judge("1.0.0", "introduced 0, fixed x.y", "introduced 0, fixed 2").status == "affected"


@given(st.integers(0, 7), st.lists(EVENT, min_size=1, max_size=6))
def test_any_events_give_an_outcome_that_does_not_depend_on_their_order(
    version: int, found: list[Event]
) -> None:
    comparison = Comparison(f"{version}", find("npm"), "npm")
    ahead = comparison.judge(AffectedVersions((tuple(found),)))
    back = comparison.judge(AffectedVersions((tuple(reversed(found)),)))
    assert ahead.status == back.status
    assert ahead.fixed_in == back.fixed_in


@given(st.integers(0, 7), st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=4))
def test_half_open_intervals_are_what_ranges_mean(
    version: int, intervals: list[tuple[int, int]]
) -> None:
    pairs = [(a, a + width + 1) for a, width in intervals]
    ranges = tuple((Event("introduced", f"{a}"), Event("fixed", f"{b}")) for a, b in pairs)
    outcome = Comparison(f"{version}", find("npm"), "npm").judge(AffectedVersions(ranges, ("99",)))
    assert (outcome.status == "affected") == any(a <= version < b for a, b in pairs)


@given(
    st.integers(0, 7),
    st.lists(st.lists(EVENT, min_size=1, max_size=4).map(tuple), max_size=2),
    st.lists(st.sampled_from(["0", "1.0", "2", "v3", "4", "5+b", "x y"]), max_size=5),
)
def test_leaving_out_listed_versions_that_a_range_covers_changes_no_answer(
    version: int, ranges: list[tuple[Event, ...]], listed: list[str]
) -> None:
    whole = AffectedVersions(tuple(ranges), tuple(listed))
    lean = without_redundant(whole, find("npm"))
    comparison = Comparison(f"{version}", find("npm"), "npm")
    assert comparison.judge(lean).status == comparison.judge(whole).status
    assert len(lean.versions) <= len(listed)


def test_a_list_that_a_range_covers_is_not_stored() -> None:
    whole = AffectedVersions((events("introduced 0, fixed 2"),), ("1.0.0", "1.1.0", "9.0.0"))
    assert without_redundant(whole, find("npm")).versions == ("9.0.0",)
