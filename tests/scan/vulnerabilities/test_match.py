"""What the advisories say about components, and what is said where they say nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from tests.support.advisories import (
    HIGH,
    LIBSSL,
    SPOKEN,
    ask,
    component,
    feed,
    fixed_in,
    found,
    record,
)
from tests.support.evidence import HARMLESS, INVENTORY, KEV, NOW, PARAMETERS

from sealmark.evidence.vulnerability import Exploitability, Exploited
from sealmark.policy.decide import decide
from sealmark.policy.packs import base_pack
from sealmark.scan.vulnerabilities.feed import ExploitabilityFeed, ExploitedFeed, Provenance
from sealmark.scan.vulnerabilities.match import match

if TYPE_CHECKING:
    from pathlib import Path

    from sealmark.decision import Judgement
    from sealmark.evidence.component import Component, OperatingSystem
    from sealmark.evidence.vulnerability import Vulnerabilities
    from sealmark.scan.vulnerabilities.feed import AnyFeed

KEV_FEED = ExploitedFeed(
    KEV, Provenance("kev.json"), {"CVE-2023-0464": Exploited(date_added="2026-01-02")}
)
EPSS_FEED = ExploitabilityFeed(
    msgspec.structs.replace(KEV, name="epss", ecosystems=("epss",)),
    Provenance("epss.csv"),
    {"CVE-2023-0464": Exploitability(probability=0.25, percentile=0.5)},
)
ALIASES = {"aliases": ["CVE-2023-0464"], "severity": [{"type": "CVSS_V3", "score": HIGH}]}


def judge(
    said: Vulnerabilities, *components: Component, system: OperatingSystem | None = None
) -> Judgement:
    inventory = msgspec.structs.replace(
        INVENTORY,
        components=components,
        operating_system=system or INVENTORY.operating_system,
    )
    evidence = msgspec.structs.replace(HARMLESS, inventory=inventory, vulnerabilities=said)
    return decide(evidence, (), (base_pack(PARAMETERS),), NOW)


def test_a_distribution_package_is_looked_up_by_its_source_package(tmp_path: Path) -> None:
    (hole,) = found(tmp_path, record("DEBIAN-CVE-2023-0464", upstream=["CVE-2023-0464"]))
    assert (hole.id, hole.status, hole.fixed_in) == ("CVE-2023-0464", "affected", "3.0.9-1")
    assert hole.component == LIBSSL.purl
    assert hole.because[0] == (
        f"source package openssl 3.0.8-1 looked up in Debian:12 (feed test, as of {SPOKEN})"
    )
    assert "3.0.8-1 < 3.0.9-1 (fixed in 3.0.9-1), compared as deb versions" in hole.because[1]


def test_the_name_of_the_binary_package_is_nobodys_business_in_debian(tmp_path: Path) -> None:
    assert found(tmp_path, record("DEBIAN-CVE-2023-0464", package="libssl3")) == []


def test_python_names_are_the_same_however_they_are_spelled(tmp_path: Path) -> None:
    about = record("PYSEC-1", "PyPI", "Zope.Interface", (fixed_in("2.0"),))
    at = component("zope_interface", "1.0", "PyPI")
    assert [hole.id for hole in found(tmp_path, about, at=at)] == ["PYSEC-1"]


@pytest.mark.parametrize("ecosystem", ["Debian:11", "Debian:13", "Ubuntu:22.04", "npm"])
def test_another_release_or_ecosystem_is_not_asked(tmp_path: Path, ecosystem: str) -> None:
    assert found(tmp_path, record("DEBIAN-CVE-2023-0464", ecosystem)) == []


def test_an_ecosystem_without_release_speaks_about_every_release(tmp_path: Path) -> None:
    assert len(found(tmp_path, record("DSA-1", "Debian"))) == 1


def test_a_withdrawn_advisory_says_nothing(tmp_path: Path) -> None:
    assert found(tmp_path, record("GHSA-1", withdrawn="2026-01-01T00:00:00Z")) == []


def test_a_fixed_version_has_no_finding(tmp_path: Path) -> None:
    at = component("libssl3", "3.0.9-1", "Debian:12", "openssl")
    assert found(tmp_path, record("DEBIAN-CVE-2023-0464"), at=at) == []


def test_one_vulnerability_of_two_binary_packages_is_two_findings(tmp_path: Path) -> None:
    other = component("openssl", "3.0.8-1", "Debian:12", "openssl")
    said = ask(tmp_path, [feed(record("DEBIAN-CVE-2023-0464"))], LIBSSL, other)
    assert [hole.component for hole in said.findings] == [LIBSSL.purl, other.purl]


def test_exploited_and_exploitability_stand_beside_a_finding(tmp_path: Path) -> None:
    feeds: list[AnyFeed] = [feed(record("DEBIAN-CVE-2023-0464")), KEV_FEED, EPSS_FEED]
    (hole,) = ask(tmp_path, feeds, LIBSSL).findings
    assert hole.exploited == Exploited(date_added="2026-01-02")
    assert hole.exploitability == Exploitability(probability=0.25, percentile=0.5)


def test_a_package_published_to_do_harm_is_said_to_be_that(tmp_path: Path) -> None:
    every = {"type": "SEMVER", "events": [{"introduced": "0"}]}
    evil = component("lodahs", "1.0.0", "npm")
    (hole,) = found(tmp_path, record("MAL-2024-1", "npm", "lodahs", (every,)), at=evil)
    assert (hole.kind, hole.status, hole.fixed_in) == ("malicious", "affected", None)


def test_a_version_nobody_can_order_is_unknown_and_not_clean(tmp_path: Path) -> None:
    at = component("broken", "not a version", "npm")
    (hole,) = found(tmp_path, record("GHSA-1", "npm", "broken", (fixed_in("1.0.0"),)), at=at)
    assert hole.status == "unknown"
    assert "is no semver version" in hole.because[-1]


def test_an_ecosystem_without_an_ordering_is_unknown_and_not_clean(tmp_path: Path) -> None:
    at = component("log4j", "2.0", "Maven")
    (hole,) = found(tmp_path, record("GHSA-1", "Maven", "log4j", (fixed_in("2.1"),)), at=at)
    assert hole.status == "unknown"
    assert "no version ordering for Maven" in hole.because[-1]


def test_coverage_names_each_feed_that_answers_and_how_many_components_it_speaks_for(
    tmp_path: Path,
) -> None:
    feeds: list[AnyFeed] = [feed(record("A-1"), name="one"), feed(record("B-1"), name="two")]
    feeds.append(KEV_FEED)
    said = ask(tmp_path, feeds, LIBSSL, component("zlib1g", "1", "Debian:12", "zlib"))
    assert [(line.ecosystem, line.feed, line.components) for line in said.coverage] == [
        ("Debian:12", "one", 2),
        ("Debian:12", "two", 2),
    ]


@pytest.mark.parametrize("name", ["malicious", "never"])
def test_feeds_that_are_silent_about_vulnerabilities_do_not_count_as_coverage(
    tmp_path: Path, name: str
) -> None:
    never = fixed_in("0")
    about = record("MAL-1") if name == "malicious" else record("ALPINE-1", ranges=(never,))
    at = component("zlib1g", "1", "Debian:12", "zlib")
    (line,) = ask(tmp_path, [feed(about, name=name)], at).coverage
    assert line.feed is None
    assert judge(ask(tmp_path, [feed(about, name=name)], at), at).verdict == "unknown"


def test_without_a_database_every_line_says_so_and_the_verdict_is_unknown() -> None:
    said = match([LIBSSL], None)
    (line,) = said.coverage
    assert (line.feed, line.why) == (
        None,
        "there is no advisory database: run `sealmark advisories update`",
    )
    assert judge(said, LIBSSL).verdict == "unknown"


def test_a_feed_of_something_else_leaves_the_verdict_unknown(tmp_path: Path) -> None:
    said = ask(tmp_path, [feed(record("GHSA-1", "npm")), KEV_FEED], LIBSSL)
    assert said.coverage[0].why == (
        "no feed for 'Debian:12' in the advisory database: "
        "`sealmark advisories update --ecosystem Debian` fetches it"
    )
    assert judge(said, LIBSSL).verdict == "unknown"


def test_a_package_of_no_known_ecosystem_is_said_and_unknown(tmp_path: Path) -> None:
    at = component("hand-made", "1", None)
    said = ask(tmp_path, [feed(record("A-1")), KEV_FEED], at)
    assert said.coverage[0].feed is None
    assert judge(said, at).verdict == "unknown"


def test_a_fresh_feed_that_knows_nothing_against_it_allows(tmp_path: Path) -> None:
    at = component("zlib1g", "1", "Debian:12", "zlib")
    assert judge(ask(tmp_path, [feed(record("A-1")), KEV_FEED], at), at).verdict == "allow"


def test_a_stale_feed_leaves_the_verdict_unknown(tmp_path: Path) -> None:
    at = component("zlib1g", "1", "Debian:12", "zlib")
    old = feed(record("A-1"), as_of="2026-01-01T00:00:00Z")
    assert judge(ask(tmp_path, [old, KEV_FEED], at), at).verdict == "unknown"


def test_a_feed_with_records_that_could_not_be_read_says_so(tmp_path: Path) -> None:
    said = ask(tmp_path, [feed(record("A-1"), {"id": "A-2"})], LIBSSL)
    assert "1 of its records could not be read" in said.coverage[0].why


def test_after_the_end_of_support_silence_is_unknown(tmp_path: Path) -> None:
    at = component("zlib1g", "1", "Debian:12", "zlib")
    assert INVENTORY.operating_system is not None
    ended = msgspec.structs.replace(INVENTORY.operating_system, support_ends="2026-01-01")
    said = ask(tmp_path, [feed(record("A-1")), KEV_FEED], at)
    assert judge(said, at, system=ended).verdict == "unknown"


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "deny"),
        ({"specific": {"urgency": "unimportant"}}, "allow"),
        ({"specific": {"urgency": "low"}}, "allow"),
        ({"database_specific": {"severity": "MODERATE"}}, "allow"),
        ({"severity": [{"type": "CVSS_V3", "score": HIGH}]}, "deny"),
        ({"severity": [{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N"}]}, "deny"),
        ({"severity": [{"type": "CVSS_V3", "score": "no vector"}]}, "deny"),
    ],
)
def test_a_hole_nobody_rated_counts_as_at_the_threshold(
    tmp_path: Path, changes: dict[str, Any], verdict: str
) -> None:
    said = ask(tmp_path, [feed(record("CVE-2023-9999", **changes)), KEV_FEED], LIBSSL)
    assert judge(said, LIBSSL).verdict == verdict


def test_the_order_of_components_and_feeds_does_not_change_what_is_found(tmp_path: Path) -> None:
    other = component("a", "1", "Debian:12", "openssl")
    feeds = [feed(record("A-1"), name="one"), feed(record("B-1"), name="two")]
    ahead = ask(tmp_path, [*feeds], LIBSSL, other)
    back = ask(tmp_path, [*reversed(feeds)], other, LIBSSL)
    assert (ahead.findings, ahead.coverage) == (back.findings, back.coverage)
