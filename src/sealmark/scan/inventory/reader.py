"""What an ecosystem declares: which files it wants, and how it reads one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealmark.scan.inventory.facts import FileFacts

MEBIBYTE = 1 << 20


def _always(_path: bytes) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Reader:
    """One kind of file.

    Paths are relative to the root, as layers hold them. A file is offered where its whole path
    is in `paths`, or where its base name is in `basenames`, its end in `suffixes` or its
    directory in `directories` and `claims` agrees. `size_limit` is in bytes. `affects` names the
    package types that are incomplete when the file cannot be read. Raise `version` with every
    change in what is read: caches are keyed by it.
    """

    name: str
    version: int
    affects: tuple[str, ...]
    read: Callable[[bytes, bytes], FileFacts]
    paths: frozenset[bytes] = field(default=frozenset())
    basenames: frozenset[bytes] = field(default=frozenset())
    suffixes: tuple[bytes, ...] = ()
    directories: tuple[bytes, ...] = ()
    claims: Callable[[bytes], bool] = _always
    size_limit: int = 16 * MEBIBYTE
