"""How many distinct people signed: claims are neither, and one may be known by several names.

Claims that share a key, or a name in their certificates, are one person's. One person counts as one
signer of the trust file, and each signer is counted once; who stands for whom is chosen so that
most count, and does not depend on the order in which claims were found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Vote:
    """One claim that holds: by what its signer is known, and whom it may count for."""

    marks: frozenset[str]
    signers: frozenset[str]


def count_distinct(votes: Iterable[Vote], signers: Sequence[str]) -> dict[str, Vote]:
    """Return the signers that count, each with the person who stands for it.

    A person is given as one vote: all the marks, and all that this person may count for.
    """
    people = sorted(_people(votes), key=lambda person: sorted(person.marks))
    standing: dict[str, Vote] = {}
    for person in people:
        _seat(person, signers, standing, set())
    return standing


def _people(votes: Iterable[Vote]) -> list[Vote]:
    """Put together what shares a mark."""
    people: list[Vote] = []
    for vote in votes:
        same = [person for person in people if person.marks & vote.marks]
        people = [person for person in people if not person.marks & vote.marks]
        together = (vote, *same)
        people.append(
            Vote(
                frozenset().union(*(one.marks for one in together)),
                frozenset().union(*(one.signers for one in together)),
            )
        )
    return people


def _seat(person: Vote, signers: Sequence[str], standing: dict[str, Vote], asked: set[str]) -> bool:
    """Find a signer for a person, moving others where they may stand for another (Kuhn)."""
    for signer in signers:
        if signer not in person.signers or signer in asked:
            continue
        asked.add(signer)
        there = standing.get(signer)
        if there is None or _seat(there, signers, standing, asked):
            standing[signer] = person
            return True
    return False
