"""The two images of the demonstration: as released and careless, then mended."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from sealmark.artifact.platform import machine_platform
from sealmark.cli.demo.debian import add_packages
from sealmark.cli.demo.layout import write_image, write_layer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sealmark.cli.demo.applications import Application
    from sealmark.cli.demo.mirror import Mirror, Offer

PACKAGES = ("base-files", "libc6", "openssl", "ca-certificates")
USER = "65532:65532"


def build_released(
    layout: Path, mirror: Mirror, offers: Sequence[Offer], applications: Sequence[Application]
) -> None:
    """Write `1.0`: packages as the release had them, old applications, and no user set."""
    _build(layout, "1.0", mirror, [(o.name, o.released) for o in offers], applications, "")


def build_mended(
    layout: Path, mirror: Mirror, offers: Sequence[Offer], applications: Sequence[Application]
) -> None:
    """Write `1.1`: packages with every security update, newer applications, and a user."""
    _build(layout, "1.1", mirror, [(o.name, o.newest) for o in offers], applications, USER)


def _build(
    layout: Path,
    tag: str,
    mirror: Mirror,
    wanted: Sequence[tuple[str, str]],
    applications: Sequence[Application],
    user: str,
) -> None:
    packages = mirror.download(wanted)
    install = f"RUN apt-get install -y {' '.join(PACKAGES)}"
    layers = [write_layer(layout, install, lambda archive: add_packages(archive, packages))]
    layers += [write_layer(layout, one.instruction, one.write) for one in applications]
    architecture = machine_platform(platform.machine()).architecture
    write_image(layout, tag, layers, architecture, user)
