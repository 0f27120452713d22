"""The inventory part of `evidence/v1`: layers, components, notable files, what was unreadable."""

from __future__ import annotations

import msgspec

from sealmark.evidence.component import Component, Location, OperatingSystem


class Layer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One layer, base first. `instruction` is the history line that made it.

    `size` is the compressed size in bytes, `unpacked_size` that of the tar stream.
    """

    digest: str
    diff_id: str
    media_type: str
    size: int
    unpacked_size: int
    instruction: str = ""
    added: int = 0
    modified: int = 0
    removed: int = 0


class NotableFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file a reviewer asks about: `why` says for what (setuid, setgid, device …)."""

    why: str
    location: Location
    mode: int
    uid: int
    gid: int
    size: int


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something in the artifact that could not be read, and what therefore is not known.

    `affects` names the ecosystem types whose components may be incomplete ("deb", "npm" …).
    """

    what: str
    location: Location | None = None
    affects: tuple[str, ...] = ()


class Inventory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything found by looking inside, in a stable order."""

    operating_system: OperatingSystem | None = None
    layers: tuple[Layer, ...] = ()
    components: tuple[Component, ...] = ()
    files: tuple[NotableFile, ...] = ()
    errors: tuple[Problem, ...] = ()
