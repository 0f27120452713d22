"""Which of the lowest layers are the base image's: what the image says, and what history suggests.

An image does not record what it was built on. Builders may annotate it
(`org.opencontainers.image.base.name` and `.digest`, OCI annotations.md), which says whose layers
they are but not how many; and the steps of the base stand before ours in the history, where the
last `CMD` with layers before and after it usually is the base's own. Both are hints, not proof.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealmark.artifact.image import as_written
from sealmark.evidence.inventory import Base
from sealmark.scan.inventory.limits import optional_field, printable
from sealmark.scan.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealmark.artifact.image import Image
    from sealmark.scan.inventory.facts import FileFacts

_NAME = "org.opencontainers.image.base.name"
_DIGEST = "org.opencontainers.image.base.digest"
_LONGEST = 80


def holds_system(facts: Mapping[bytes, FileFacts]) -> bool:
    """Tell whether a layer brings an operating system."""
    return any(one.operating_system is not None for one in facts.values())


def find_base(image: Image, lowest_holds_system: bool) -> Base | None:
    """Return what can be told of the base; None where there is not even a hint.

    `lowest_holds_system` says that the lowest layer brings an operating system.
    """
    stated = _stated(image)
    found = _closed_by_command(image) or _lowest(image, lowest_holds_system)
    if found is None:
        return stated
    if stated is None:
        return found
    return Base(
        layers=found.layers,
        confidence=found.confidence,
        because=found.because,
        name=stated.name,
        digest=stated.digest,
        stated_by=stated.stated_by,
    )


def _stated(image: Image) -> Base | None:
    execution = image.config.config
    labels = (execution.labels if execution else None) or {}
    for given, by in ((image.annotations, "annotation"), (labels, "label")):
        name, digest = optional_field(given.get(_NAME)), optional_field(given.get(_DIGEST))
        if name or digest:
            return Base(
                name=name, digest=digest, stated_by="label" if by == "label" else "annotation"
            )
    return None


def _closed_by_command(image: Image) -> Base | None:
    """Take what lies before the last `CMD` that has layers on both sides for the base's."""
    steps = image.config.history or ()
    count = sum(not step.empty_layer for step in steps)
    if count != len(image.layers):
        return None
    below, found = count, None
    for step in reversed(steps):
        if not step.empty_layer:
            below -= 1
        elif 0 < below < count and as_written(step.created_by).startswith("CMD"):
            found = step
            break
    if found is None:
        return None
    line = redact(as_written(found.created_by))
    return Base(
        layers=below, confidence="likely", because=f"{_clipped(line)} closes it in the history"
    )


def _lowest(image: Image, holds: bool) -> Base | None:
    if len(image.layers) < 2 or not holds:
        return None
    because = "the lowest layer brings the operating system"
    return Base(layers=1, confidence="possible", because=because)


def _clipped(line: str) -> str:
    line = printable(line)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
