"""Evidence that uses every field a bill of materials may carry."""

from __future__ import annotations

from tests.support.large import DEBIAN, layer

from sealmark.evidence.component import Component, Location, Origin, Source
from sealmark.evidence.document import Evidence, Subject
from sealmark.evidence.inventory import Base, Inventory, Problem
from sealmark.evidence.sbom.stamp import Stamp
from sealmark.evidence.vulnerability import (
    Coverage,
    Exploitability,
    Exploited,
    Feed,
    Vulnerabilities,
    Vulnerability,
)

STAMP = Stamp("registry.example/shop:1.0", "2026-11-24T12:00:00Z", "0.1.0")
SUBJECT = Subject(kind="image", digest="sha256:" + "a" * 64, platform="linux/amd64")
LIBSSL = Component(
    type="deb",
    name="libssl3",
    version="1:3.0.8-1+deb12u1",
    purl="pkg:deb/debian/libssl3@1:3.0.8-1%2Bdeb12u1?arch=amd64&distro=debian-12",
    ecosystem="Debian:12",
    source=Source("openssl", "3.0.8-1"),
    architecture="amd64",
    licenses=("Apache-2.0", "OpenSSL licence, as found in the tarball"),
    supplier="Debian OpenSSL Team <pkg-openssl-devel@alioth-lists.debian.net>",
    locations=(Location("/var/lib/dpkg/status", 2),),
    where=Origin(path="/var/lib/dpkg/status", layer=0),
)
PYYAML = Component(
    type="pypi",
    name="PyYAML",
    version="6.0",
    purl="pkg:pypi/pyyaml@6.0",
    ecosystem="PyPI",
    licenses=("MIT OR Apache-2.0",),
    locations=(Location("/usr/lib/python3/dist-packages/PyYAML-6.0.dist-info/METADATA", 1),),
    where=Origin(path="/usr/lib/python3/dist-packages/PyYAML-6.0.dist-info", unknown="not read"),
)
BABEL = Component(
    type="npm",
    name="@babel/core",
    version="7.0.0",
    purl="pkg:npm/%40babel/core@7.0.0",
    ecosystem="npm",
    licenses=("mit",),
    installed=False,
    locations=(Location("/srv/package-lock.json", 1), Location("/srv/old/package-lock.json", 2)),
)
PRIVATE = Component(
    type="npm", name="shop", version="1.0.0", purl="pkg:npm/shop@1.0.0", licenses=("UNLICENSED",)
)
INVENTORY = Inventory(
    operating_system=DEBIAN,
    layers=(layer(0, "FROM debian:bookworm"), layer(1), layer(2, "RUN <<EOF\necho 'two'\nEOF")),
    components=(LIBSSL, BABEL, PRIVATE, PYYAML),
    errors=(Problem(what="not JSON", location=Location("/srv/x.json", 2), affects=("npm",)),),
    base=Base(
        layers=1,
        confidence="likely",
        because='CMD ["bash"] closes it in the history',
        name="docker.io/library/debian:bookworm",
        digest="sha256:" + "c" * 64,
        stated_by="annotation",
    ),
)
OPENSSL_HOLE = Vulnerability(
    id="CVE-2023-0464",
    component=LIBSSL.purl,
    status="affected",
    feed="debian",
    advisory="DEBIAN-CVE-2023-0464",
    aliases=("GHSA-aaaa-bbbb-cccc",),
    severity="high",
    score=7.5,
    vector="CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H",
    fixed_in="3.0.9-1",
    exploited=Exploited(date_added="2024-01-01", ransomware=True),
    exploitability=Exploitability(probability=0.92, percentile=0.99),
    summary="A certificate chain takes very long to check",
    published="2023-03-22T17:15:00Z",
    modified="2024-02-04T09:15:00Z",
)
NOT_AFFECTED = Vulnerability(
    id="CVE-2020-14343",
    component=PYYAML.purl,
    status="not_affected",
    feed="osv",
    advisory="GHSA-8q59-q68h-6hv4",
    because=("PyYAML 6.0 is not below 5.4",),
)
UNDECIDED = Vulnerability(
    id="CVE-2024-1",
    component=BABEL.purl,
    status="unknown",
    feed="osv",
    advisory="GHSA-1",
    kind="malicious",
)
EVIDENCE = Evidence(
    subject=SUBJECT,
    inventory=INVENTORY,
    vulnerabilities=Vulnerabilities(
        database="sha256:" + "d" * 64,
        feeds=(Feed(name="debian", as_of="2026-11-23T06:00:00Z", digest="sha256:" + "e" * 64),),
        coverage=(Coverage(ecosystem="Debian:12", components=1, feed="debian"),),
        findings=(OPENSSL_HOLE, NOT_AFFECTED, UNDECIDED),
    ),
)
