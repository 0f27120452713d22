"""Which layer brought a package: every layer's copy of its database, compared with the next.

A package manager rewrites one file whenever it installs anything, so the layer that wrote the file
last says nothing about a package in it. A package came with the first copy that has exactly this
version, from which on every copy has it. What a copy that could not be read in full may have held
is nobody's: its packages, and those that the next copy has anew, came from an unknown layer.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sealmark.scan.inventory.facts import NOTHING, identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sealmark.artifact.rootfs import RootFs
    from sealmark.scan.inventory.facts import FileFacts, PackageIdentity

    Brought = dict[PackageIdentity, int | None]
    Copy = tuple[int, FileFacts | None]


def who_brought(
    root: RootFs,
    visible: Iterable[tuple[int, bytes, FileFacts]],
    facts: Sequence[Mapping[bytes, FileFacts]],
    links: Sequence[Iterable[bytes]],
) -> dict[bytes, Brought]:
    """Return, for the visible files that several layers have, the layer each package came with.

    `facts` and `links` are what each layer says of its wanted files, and which of them are links.
    A layer is None where nobody can tell. A file that is not in the answer has one copy only.
    """
    if len(facts) == 1:
        return {}
    copies = Counter(path for one in facts for path in one)
    linked = {path for one in links for path in one}
    return {
        path: since(_copies(root, path, found, facts))
        for _, path, found in visible
        if found.packages and (copies[path] != 1 or path in linked)
    }


def since(copies: Iterable[Copy | None]) -> Brought:
    """Return the layer from which on each package of the last copy was there without a break.

    A copy without facts is one that could not be read; None stands for the file's removal.
    """
    known: Brought = {}
    doubtful = False
    for copy in copies:
        if copy is None:
            known, doubtful = {}, False
            continue
        layer, facts = copy
        newcomer = None if doubtful else layer
        here = {identity(p): newcomer for p in (facts or NOTHING).packages}
        found = {package: known.get(package, here[package]) for package in here}
        doubtful = facts is None or bool(facts.troubles)
        known = {**dict.fromkeys(known), **found} if doubtful else found
    return known


def _copies(
    root: RootFs, path: bytes, seen: FileFacts, facts: Sequence[Mapping[bytes, FileFacts]]
) -> Iterator[Copy | None]:
    """Yield the copies of a visible file, lowest first; what is seen in the end are `seen`."""
    place = root.resolve(path) or path
    changes = root.history(place)
    for layer, change in changes[:-1]:
        yield None if change == "removed" else (layer, facts[layer].get(place))
    yield from ((layer, seen) for layer, _ in changes[-1:])
