"""What a ledger needs of a place to be kept in. Whoever implements it keeps these promises.

Correctness rests on `Head.swap` alone; `hold` only spares writers from losing races.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager


CHECKPOINT = "checkpoint"
HEAD = "head"
STAGING = "staging"


def staged_name(head: bytes) -> str:
    """Return the name of the staged entries that lead to `head`, a signed checkpoint."""
    return f"{STAGING}/{sha256(head).hexdigest()}"


class Objects(Protocol):
    """Named byte strings. Names are relative paths: `tile/0/000.p/5`, `checkpoint`."""

    def put(self, objects: Mapping[str, bytes]) -> None:
        """Store the objects; return when all of them are durable, each whole or absent before.

        An object of the same name is replaced atomically. Raises StorageError.
        """

    def get(self, name: str, limit: int) -> bytes | None:
        """Return an object's bytes, or None; MalformedError if there are more than `limit`."""

    def delete(self, names: Iterable[str]) -> None:
        """Remove objects; those that are not there are no error."""


class Head(Protocol):
    """The one value that decides: the checkpoint up to which entries are committed."""

    def read(self) -> bytes | None:
        """Return the head as last swapped in, or None before the first."""

    def swap(self, old: bytes | None, new: bytes) -> bool:
        """Make `new` the head if it is still `old`; durable when it returns True."""

    def hold(self) -> AbstractContextManager[None]:
        """Keep other writers waiting; BusyError if one keeps us waiting for too long."""


class Shelf(Protocol):
    """What verification reads: it never writes, and sees what lies around as well."""

    def get(self, name: str, limit: int) -> bytes | None:
        """Return an object's bytes, or None; MalformedError if there are more than `limit`."""

    def has(self, name: str) -> bool:
        """Say whether there is such an object, without reading it."""

    def names(self, folder: str) -> Iterator[str]:
        """Yield the name of every object below `folder`, in no order; nothing if it is absent."""
