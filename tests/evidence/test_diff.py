from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.support.answers import (
    CURL,
    FINDINGS,
    INVENTORY,
    LIBSSL,
    LODASH,
    OPENSSL,
    REFUSED,
    VULNERABILITIES,
    debian,
)

from sealmark.evidence.component import Component
from sealmark.evidence.diff import Replaced, SettingChange, compare
from sealmark.evidence.document import Evidence
from sealmark.evidence.inventory import Inventory
from sealmark.evidence.settings import Settings
from sealmark.evidence.vulnerability import Coverage


def number(type_: str, a: str, b: str) -> int | None:
    """Order versions that are plain numbers."""
    return int(a) - int(b) if a.isdigit() and b.isdigit() else None


def package(name: str, version: str, architecture: str | None = None) -> Component:
    purl = f"pkg:npm/{name}@{version}"
    return Component(type="npm", name=name, version=version, purl=purl, architecture=architecture)


def holding(*components: Component) -> Evidence:
    return Evidence(subject=REFUSED.subject, inventory=Inventory(components=components))


def test_packages_are_added_removed_upgraded_downgraded_or_the_same() -> None:
    before = holding(
        package("gone", "1"), package("up", "1"), package("down", "9"), package("same", "1")
    )
    after = holding(
        package("come", "1"), package("up", "10"), package("down", "8"), package("same", "1")
    )
    found = compare(before, after, number)
    assert found.added == (package("come", "1"),)
    assert found.removed == (package("gone", "1"),)
    assert found.upgraded == (Replaced(before=package("up", "1"), after=package("up", "10")),)
    assert found.downgraded == (Replaced(before=package("down", "9"), after=package("down", "8")),)
    assert found.unchanged == 1


def test_versions_that_nobody_can_order_are_changed() -> None:
    found = compare(holding(package("a", "x")), holding(package("a", "y")), number)
    assert [change.after.version for change in found.changed] == ["y"]
    assert (found.upgraded, found.downgraded) == ((), ())


def test_several_versions_of_one_package_are_told_apart() -> None:
    before = holding(package("a", "1"), package("a", "2"))
    after = holding(package("a", "2"), package("a", "3"))
    found = compare(before, after, number)
    assert [change.after.version for change in found.upgraded] == ["3"]
    more = compare(holding(package("a", "1")), holding(package("a", "2"), package("a", "3")))
    assert [component.version for component in more.added] == ["2", "3"]
    assert [component.version for component in more.removed] == ["1"]


def test_a_package_for_another_architecture_is_another_package() -> None:
    found = compare(holding(package("a", "1", "amd64")), holding(package("a", "1", "arm64")))
    assert (len(found.added), len(found.removed)) == (1, 1)


def with_findings(evidence: Evidence, *components: Component, **more: object) -> Evidence:
    purls = {component.purl for component in components}
    findings = tuple(found for found in FINDINGS if found.component in purls)
    return msgspec.structs.replace(
        evidence,
        inventory=msgspec.structs.replace(INVENTORY, components=components),
        vulnerabilities=msgspec.structs.replace(VULNERABILITIES, findings=findings, **more),
    )


def test_a_vulnerability_that_outlives_an_upgrade_is_neither_new_nor_fixed() -> None:
    newer = debian("libssl3", "openssl", "3.0.9-1")
    hole = msgspec.structs.replace(FINDINGS[3], component=newer.purl)
    before = with_findings(REFUSED, LIBSSL, CURL)
    after = with_findings(REFUSED, newer, LODASH)
    assert after.vulnerabilities is not None
    after = msgspec.structs.replace(
        after,
        vulnerabilities=msgspec.structs.replace(
            after.vulnerabilities, findings=(*after.vulnerabilities.findings, hole)
        ),
    )
    found = compare(before, after)
    assert [finding.id for finding in found.new] == ["CVE-2021-23337"]
    assert [finding.id for finding in found.remaining] == ["CVE-2024-5535"]
    assert [finding.id for finding in found.fixed] == [
        "CVE-2023-0464",
        "CVE-2024-0727",
        "CVE-2023-38545",
    ]
    assert found.doubts == ()


def test_what_was_not_asked_or_covered_is_not_called_fixed_without_a_word() -> None:
    asked = with_findings(REFUSED, OPENSSL)
    never = msgspec.structs.replace(asked, vulnerabilities=None)
    assert compare(asked, never).doubts == ("no advisories were asked about the one after",)
    gap = (Coverage(ecosystem="Debian:12", components=1, feed=None),)
    other = with_findings(REFUSED, OPENSSL, coverage=gap, database="sha256:other")
    assert compare(asked, other).doubts == (
        "no feed covers 1 Debian:12 components of the one after",
        "the two were judged by different advisory databases",
    )


def test_what_a_feed_may_have_said_in_records_nobody_could_read_is_a_doubt() -> None:
    asked = with_findings(REFUSED, OPENSSL)
    line = Coverage(ecosystem="Debian:12", components=1, feed="debian", nameless=2)
    other = with_findings(REFUSED, OPENSSL, coverage=(line,))
    assert compare(asked, other).doubts == (
        "of debian, which speaks for the one after, 2 records are unreadable",
    )


def test_settings_that_changed_are_named_with_both_values() -> None:
    before = msgspec.structs.replace(
        REFUSED, settings=Settings(user="", labels={"a": "1", "b": "2"}, created="2026-01-01")
    )
    after = msgspec.structs.replace(
        REFUSED, settings=Settings(user="app", runs_as_root=None, labels={"a": "1"})
    )
    assert compare(before, after).settings == (
        SettingChange(name="user", before="", after="app"),
        SettingChange(name="runs as root", before="yes", after="not known"),
        SettingChange(name="label b", before="2", after=""),
    )


def test_layers_are_shared_from_the_bottom_up_to_the_first_that_differs() -> None:
    inventory = msgspec.structs.replace(INVENTORY, layers=INVENTORY.layers[:1])
    found = compare(REFUSED, msgspec.structs.replace(REFUSED, inventory=inventory))
    assert (found.layers_shared, found.layers_before, found.layers_after) == (1, 2, 1)


PACKAGES = st.lists(
    st.builds(package, st.sampled_from("abc"), st.sampled_from("123")), max_size=6, unique=True
).map(lambda found: holding(*found))


@given(PACKAGES)
def test_nothing_is_different_from_itself(evidence: Evidence) -> None:
    found = compare(evidence, evidence, number)
    assert not (found.added)
    assert not (found.removed)
    assert not (found.upgraded)
    assert not (found.downgraded)
    assert evidence.inventory is not None
    assert found.unchanged == len(evidence.inventory.components)


@given(PACKAGES, PACKAGES)
def test_the_way_back_undoes_the_way_there(a: Evidence, b: Evidence) -> None:
    there, back = compare(a, b, number), compare(b, a, number)
    assert (there.added, there.removed) == (back.removed, back.added)
    assert len(there.upgraded) == len(back.downgraded)
    assert there.unchanged == back.unchanged
