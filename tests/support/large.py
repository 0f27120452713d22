"""An inventory as big as one likes, of the shape that real images have."""

from __future__ import annotations

from sealmark.evidence.component import Component, Location, OperatingSystem, Source
from sealmark.evidence.inventory import Inventory, Layer

DEBIAN = OperatingSystem(
    id="debian",
    version_id="12",
    version_codename="bookworm",
    name="Debian GNU/Linux 12 (bookworm)",
    ecosystem="Debian:12",
    support_ends="2028-06-30",
)


def layer(index: int, instruction: str = "") -> Layer:
    """Return a layer whose digests are made of its index."""
    return Layer(
        digest="sha256:" + f"{index:x}".rjust(64, "a"),
        diff_id="sha256:" + f"{index:x}".rjust(64, "b"),
        media_type="application/vnd.oci.image.layer.v1.tar+gzip",
        size=1000 + index,
        unpacked_size=3000 + index,
        instruction=instruction or f"RUN step {index}",
        added=10,
    )


def large_inventory(count: int) -> Inventory:
    """Return `count` components, nine in ten of Debian, the others of npm."""
    return Inventory(
        operating_system=DEBIAN,
        layers=tuple(layer(index) for index in range(5)),
        components=tuple(_component(index) for index in range(count)),
    )


def _component(index: int) -> Component:
    if index % 10 == 9:
        return Component(
            type="npm",
            name=f"@scope/module{index}",
            version=f"1.{index}.0",
            purl=f"pkg:npm/%40scope/module{index}@1.{index}.0",
            ecosystem="npm",
            licenses=("MIT",),
            locations=(Location(f"/srv/node_modules/@scope/module{index}/package.json", 3),),
        )
    version = f"1:{index}.2-3+deb12u1"
    return Component(
        type="deb",
        name=f"lib{index}",
        version=version,
        purl=f"pkg:deb/debian/lib{index}@1:{index}.2-3%2Bdeb12u1?arch=amd64&distro=debian-12",
        ecosystem="Debian:12",
        source=Source(f"source{index}", version),
        architecture="amd64",
        licenses=("GPL-2.0-or-later", "BSD-like"),
        supplier="Debian Developers <devel@example.org>",
        locations=(Location("/var/lib/dpkg/status", index % 3),),
    )
