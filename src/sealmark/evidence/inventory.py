"""The inventory part of `evidence/v1`: layers, components, notable files, what was unreadable."""

from __future__ import annotations

from typing import Literal

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


class Base(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which image this one was built on, as far as it can be told; nothing of it is proven.

    `layers` counts the lowest layers that are taken for the base's, 0 where nobody can tell;
    `confidence` says how good that guess is and `because` what it rests on. `name` and `digest`
    are what the image itself says of its base: an annotation is the image's own, a label may
    have been inherited and then speaks of the base's base.
    """

    layers: int = 0
    confidence: Literal["none", "possible", "likely"] = "none"
    because: str = ""
    name: str | None = None
    digest: str | None = None
    stated_by: Literal["annotation", "label"] | None = None


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
    base: Base | None = None
