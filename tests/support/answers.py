"""An image that is refused for many reasons, and the answer about it, as the gate gives it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from tests.support.large import DEBIAN, layer

from sealmark.decision import Decision, Question
from sealmark.evidence.component import Component, Location, Source
from sealmark.evidence.document import Evidence, Subject
from sealmark.evidence.inventory import Inventory
from sealmark.evidence.settings import Settings
from sealmark.evidence.vulnerability import (
    Coverage,
    Exploitability,
    Exploited,
    Feed,
    Vulnerabilities,
    Vulnerability,
)
from sealmark.gate.ask import Answer
from sealmark.policy.decide import decide
from sealmark.policy.packs import base_pack

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
IMAGE = "registry.example/shop:1.0"
QUESTION = Question(
    gate="cli", action="check", actor="alice", at="2026-11-24T12:00:00Z", reference=IMAGE
)
SUBJECT = Subject(kind="image", digest="sha256:" + "a" * 64, platform="linux/amd64")


def debian(name: str, source: str, version: str, in_layer: int = 0) -> Component:
    """Return a Debian package."""
    return Component(
        type="deb",
        name=name,
        version=version,
        purl=f"pkg:deb/debian/{name}@{version}?arch=amd64&distro=debian-12",
        ecosystem="Debian:12",
        source=Source(source, version),
        locations=(Location("/var/lib/dpkg/status", in_layer),),
    )


LIBSSL = debian("libssl3", "openssl", "3.0.8-1")
OPENSSL = debian("openssl", "openssl", "3.0.8-1")
CURL = debian("curl", "curl", "7.88.1-10", in_layer=1)
LODASH = Component(
    type="npm",
    name="lodash",
    version="4.17.20",
    purl="pkg:npm/lodash@4.17.20",
    ecosystem="npm",
    locations=(Location("/srv/node_modules/lodash/package.json", 1),),
)


def hole(component: Component, id_: str, fixed: str | None, **more: Any) -> Vulnerability:
    """Return a high vulnerability of a component."""
    about: dict[str, Any] = {"status": "affected", "severity": "high", "fixed_in": fixed}
    feed = "debian" if component.type == "deb" else "osv"
    return Vulnerability(
        id=id_, component=component.purl, feed=feed, advisory=f"A-{id_}", **(about | more)
    )


FINDINGS = (
    hole(LIBSSL, "CVE-2023-0464", "3.0.9-1"),
    hole(OPENSSL, "CVE-2023-0464", "3.0.9-1"),
    hole(LIBSSL, "CVE-2024-0727", "3.0.13-1", severity="medium"),
    hole(LIBSSL, "CVE-2024-5535", "3.0.15-1", severity="critical"),
    hole(CURL, "CVE-2023-38545", "7.88.1-10+deb12u4", severity="critical"),
    hole(
        LODASH,
        "CVE-2021-23337",
        "4.17.21",
        exploited=Exploited(date_added="2024-01-01"),
        exploitability=Exploitability(probability=0.92, percentile=0.99),
    ),
)
INVENTORY = Inventory(
    operating_system=DEBIAN,
    layers=(layer(0, "FROM debian:bookworm"), layer(1, "RUN apt-get install curl && npm ci")),
    components=(CURL, LIBSSL, OPENSSL, LODASH),
)
KEV = Feed(name="kev", as_of="2026-11-23T00:00:00Z", digest="sha256:1", ecosystems=("kev",))
VULNERABILITIES = Vulnerabilities(
    database="sha256:" + "d" * 64,
    feeds=(KEV,),
    coverage=(
        Coverage(ecosystem="Debian:12", components=3, feed="debian", as_of="2026-11-23T06:00:00Z"),
        Coverage(ecosystem="npm", components=1, feed="osv", as_of="2026-10-01T06:00:00Z"),
    ),
    findings=FINDINGS,
)
REFUSED = Evidence(
    subject=SUBJECT,
    inventory=INVENTORY,
    vulnerabilities=VULNERABILITIES,
    settings=Settings(user="", runs_as_root=True),
)
FRESH = tuple(
    msgspec.structs.replace(line, as_of="2026-11-24T06:00:00Z") for line in VULNERABILITIES.coverage
)
ALLOWED = Evidence(
    subject=SUBJECT,
    inventory=INVENTORY,
    vulnerabilities=msgspec.structs.replace(VULNERABILITIES, findings=(), coverage=FRESH),
    settings=Settings(user="65532", runs_as_root=False),
)


def answer(evidence: Evidence, index: int = 41) -> Answer:
    """Return what the gate answers about `evidence` under the base policy."""
    judgement = decide(evidence, (), [base_pack(owner="platform-security")], NOW)
    return Answer(Decision(asked=QUESTION, judgement=judgement), evidence, index)
