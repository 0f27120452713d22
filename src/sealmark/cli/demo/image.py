"""The two images of the demonstration: as released and careless, then mended."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealmark.artifact.platform import machine_platform
from sealmark.cli.demo.debian import add_base, add_packages
from sealmark.cli.demo.layout import write_image, write_layer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sealmark.cli.demo.applications import Application
    from sealmark.cli.demo.mirror import Mirror, Offer

_BASE = ("base-files", "libc6")
_ADDED = ("openssl", "ca-certificates")
USER = "65532:65532"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What goes into the images, and the layout they are written to."""

    layout: Path
    mirror: Mirror
    base: tuple[Offer, ...]
    added: tuple[Offer, ...]

    @classmethod
    def choose(cls, layout: Path, mirror: Mirror) -> Recipe:
        """Take a small base, and on it what a web service needs, each with its dependencies."""
        base = mirror.offers(mirror.closure(_BASE))
        names = {offer.name for offer in base}
        added = [n for n in mirror.closure((*_BASE, *_ADDED)) if n not in names]
        return cls(layout, mirror, tuple(base), tuple(mirror.offers(added)))

    def build_released(self, applications: Sequence[Application]) -> None:
        """Write `1.0`: packages as the release had them, and no user set."""
        base = [(offer.name, offer.released) for offer in self.base]
        self._build("1.0", base, [(o.name, o.released) for o in self.added], applications, "")

    def build_mended(self, applications: Sequence[Application]) -> None:
        """Write `1.1`: packages with every security update, and a user."""
        base = [(offer.name, offer.newest) for offer in self.base]
        self._build("1.1", base, [(o.name, o.newest) for o in self.added], applications, USER)

    def _build(
        self,
        tag: str,
        base: Sequence[tuple[str, str]],
        added: Sequence[tuple[str, str]],
        applications: Sequence[Application],
        user: str,
    ) -> None:
        files = self.mirror.download([*base, *added])
        first, second = files[: len(base)], files[len(base) :]
        layers = [
            write_layer(self.layout, f"ADD {' '.join(_BASE)}", lambda to: add_base(to, first)),
            write_layer(
                self.layout,
                f"RUN apt-get install -y {' '.join(_ADDED)}",
                lambda to: add_packages(to, second, files),
            ),
            *(write_layer(self.layout, one.instruction, one.write) for one in applications),
        ]
        architecture = machine_platform(platform.machine()).architecture
        write_image(self.layout, tag, layers, architecture, user)
