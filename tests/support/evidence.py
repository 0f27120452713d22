"""Evidence as tests need it: a Debian image with one library, everything fresh and harmless."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from sealmark.evidence.component import Component, Location, OperatingSystem, Source
from sealmark.evidence.document import Evidence, Subject
from sealmark.evidence.inventory import Inventory, Layer
from sealmark.evidence.settings import Settings
from sealmark.evidence.vulnerability import Coverage, Feed, Vulnerabilities, Vulnerability
from sealmark.policy.control import Parameters

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PARAMETERS = Parameters(severity="high", max_advisory_age=timedelta(days=7))
DIGEST = "sha256:" + "a" * 64
LIBSSL = Component(
    type="deb",
    name="libssl3",
    version="3.0.8-1",
    purl="pkg:deb/debian/libssl3@3.0.8-1?arch=amd64&distro=debian-12",
    ecosystem="Debian:12",
    source=Source("openssl", "3.0.8-1"),
    locations=(Location("/var/lib/dpkg/status", 0),),
)
OPENSSL_HOLE = Vulnerability(
    id="CVE-2023-0464",
    component=LIBSSL.purl,
    status="affected",
    feed="debian",
    advisory="DEBIAN-CVE-2023-0464",
    severity="high",
    fixed_in="3.0.9-1",
)
INVENTORY = Inventory(
    operating_system=OperatingSystem(
        id="debian", version_id="12", name="Debian GNU/Linux 12", support_ends="2028-06-30"
    ),
    layers=(
        Layer(
            digest="sha256:" + "b" * 64,
            diff_id="sha256:" + "c" * 64,
            media_type="application/vnd.oci.image.layer.v1.tar+gzip",
            size=100,
            unpacked_size=200,
            instruction="RUN apt-get install openssl",
            added=3,
        ),
    ),
    components=(LIBSSL,),
)
KEV = Feed(name="kev", as_of="2026-11-23T00:00:00Z", digest=DIGEST, ecosystems=("kev",))
VULNERABILITIES = Vulnerabilities(
    database=DIGEST,
    feeds=(KEV,),
    coverage=(
        Coverage(ecosystem="Debian:12", components=1, feed="debian", as_of="2026-11-23T06:00:00Z"),
    ),
)
HARMLESS = Evidence(
    subject=Subject(kind="image", digest=DIGEST, platform="linux/amd64"),
    inventory=INVENTORY,
    vulnerabilities=VULNERABILITIES,
    settings=Settings(user="65532", runs_as_root=False),
)


def with_findings(*findings: Vulnerability, **changes: Any) -> Evidence:
    """Return the harmless evidence with these findings."""
    vulnerabilities = msgspec.structs.replace(VULNERABILITIES, findings=findings, **changes)
    return msgspec.structs.replace(HARMLESS, vulnerabilities=vulnerabilities)


def with_inventory(**changes: Any) -> Evidence:
    """Return the harmless evidence with another inventory."""
    inventory = msgspec.structs.replace(INVENTORY, **changes)
    return msgspec.structs.replace(HARMLESS, inventory=inventory)


def with_settings(**changes: Any) -> Evidence:
    """Return the harmless evidence with other settings."""
    assert HARMLESS.settings is not None
    settings = msgspec.structs.replace(HARMLESS.settings, **changes)
    return msgspec.structs.replace(HARMLESS, settings=settings)
