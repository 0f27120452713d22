"""A threshold counts people: not claims, not keys, and not in the order they were found."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmark.attest.counting import Vote, count_distinct

if TYPE_CHECKING:
    from random import Random

SIGNERS = ("a", "b", "c", "d")


def vote(marks: str, signers: str) -> Vote:
    return Vote(frozenset(marks.split()), frozenset(signers.split()))


@pytest.mark.parametrize(
    ("votes", "count"),
    [
        ([], 0),
        ([("k1", "a")], 1),
        ([("k1", "a"), ("k1", "a")], 1),
        ([("k1", "a"), ("k2", "a")], 1),
        ([("k1", "a"), ("k1", "b")], 1),
        ([("k1", "a"), ("k2", "b")], 2),
        ([("k1 ann", "a"), ("k2 ann", "b")], 1),
        ([("k1 ann", "a"), ("k2 ann bob", "b"), ("k3 bob", "c")], 1),
        ([("k1", "a b"), ("k2", "b")], 2),
        ([("k1", "b"), ("k2", "a b")], 2),
        ([("k1", "a b"), ("k2", "b c"), ("k3", "a")], 3),
        ([("k1", "x")], 0),
    ],
)
def test_so_many_distinct_signers_are_counted(votes: list[tuple[str, str]], count: int) -> None:
    for order in permutations(votes):
        assert len(count_distinct([vote(*one) for one in order], SIGNERS)) == count


def test_a_person_stands_for_one_signer_with_all_that_is_known_of_them() -> None:
    votes = [vote("k1 ann", "a"), vote("k2 ann", "a b")]
    assert count_distinct(votes, SIGNERS) == {"a": vote("k1 k2 ann", "a b")}


VOTES = st.lists(
    st.builds(
        Vote,
        st.frozensets(st.sampled_from("klmnop"), min_size=1, max_size=2),
        st.frozensets(st.sampled_from(SIGNERS), max_size=3),
    ),
    max_size=6,
)


@given(VOTES, st.randoms(use_true_random=False))
def test_order_changes_nothing(votes: list[Vote], chance: Random) -> None:
    shuffled = list(votes)
    chance.shuffle(shuffled)
    assert count_distinct(shuffled, SIGNERS) == count_distinct(votes, SIGNERS)


@given(VOTES)
def test_nobody_counts_twice_and_nobody_is_left_out(votes: list[Vote]) -> None:
    standing = count_distinct(votes, SIGNERS)
    people = list(standing.values())
    assert all(name in person.signers for name, person in standing.items())
    assert all(not a.marks & b.marks for a in people for b in people if a is not b)
    assert len(standing) == most(people_of(votes), SIGNERS)


def people_of(votes: list[Vote]) -> list[frozenset[str]]:
    """Whom each person may count for, by a fixed point instead of a single pass."""
    groups = [(one.marks, one.signers) for one in votes]
    for _ in votes:
        groups = [
            (
                frozenset().union(*(m for m, _ in groups if m & marks)),
                frozenset().union(*(s for m, s in groups if m & marks)),
            )
            for marks, _ in groups
        ]
    return [signers for _, signers in sorted(set(groups), key=lambda one: sorted(one[0]))]


def most(people: list[frozenset[str]], left: tuple[str, ...]) -> int:
    """The largest matching, by trying everything."""
    if not people:
        return 0
    first, *others = people
    without = most(others, left)
    seated = [
        1 + most(others, tuple(x for x in left if x != name)) for name in left if name in first
    ]
    return max([without, *seated])
