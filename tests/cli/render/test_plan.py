from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from tests.support.answers import CURL, LIBSSL, OPENSSL, REFUSED, SUBJECT, answer, debian, hole

from sealmark.cli.render.order import version_order
from sealmark.cli.render.plan import Plan, plan
from sealmark.decision import Judgement, PolicyIdentity, Reason, Remedy, Where
from sealmark.evidence.component import Location
from sealmark.evidence.document import Evidence
from sealmark.evidence.inventory import Base
from sealmark.evidence.vulnerability import Exploitability, Exploited, Vulnerability

if TYPE_CHECKING:
    from sealmark.evidence.component import Component

POLICY = PolicyIdentity(id="base", version="1", digest="sha256:1", owner="security")


def found(
    *findings: Vulnerability,
    components: tuple[Component, ...] = (),
    base: Base | None = None,
) -> Plan:
    assert REFUSED.inventory is not None
    assert REFUSED.vulnerabilities is not None
    inventory = msgspec.structs.replace(REFUSED.inventory, base=base)
    if components:
        inventory = msgspec.structs.replace(inventory, components=components)
    known = msgspec.structs.replace(REFUSED.vulnerabilities, findings=findings)
    evidence = msgspec.structs.replace(REFUSED, inventory=inventory, vulnerabilities=known)
    return plan(answer(evidence).decision.judgement, evidence, version_order)


def judged(*reasons: Reason, unknowns: tuple[Reason, ...] = ()) -> Judgement:
    return Judgement(
        subject=SUBJECT, verdict="deny", policies=(POLICY,), reasons=reasons, unknowns=unknowns
    )


def reason(control: str, **more: Any) -> Reason:
    stated: dict[str, Any] = {"effect": "deny", "policy": POLICY, "message": "m"}
    return Reason(control=control, **(stated | more))


def texts(given: Plan) -> list[str]:
    return [change.text for change in given.changes]


def test_one_upgrade_clears_what_all_packages_of_a_source_have() -> None:
    upgrade, user = found(
        hole(LIBSSL, "CVE-2024-1", "3.0.9-1"), hole(OPENSSL, "CVE-2024-2", "3.0.10-1")
    ).changes
    assert upgrade.text == "upgrade openssl to 3.0.10-1"
    assert upgrade.to == "3.0.10-1"
    assert upgrade.components == (LIBSSL, OPENSSL)
    assert upgrade.ids == ("CVE-2024-1", "CVE-2024-2")
    assert user.kind == "configure"


def test_one_vulnerability_of_several_packages_of_a_source_is_one_thing() -> None:
    item, _ = found(hole(LIBSSL, "CVE-1", "3"), hole(OPENSSL, "CVE-1", "3")).refusals
    assert (item.name, item.label) == ("openssl", "openssl 3.0.8-1")
    assert item.labels == ("libssl3 3.0.8-1", "openssl 3.0.8-1")
    assert len(item.reasons) == 2


def test_packages_of_a_source_in_several_versions_are_named_each() -> None:
    old = debian("libssl1.1", "openssl", "1.1.1-1")
    parts = (hole(LIBSSL, "CVE-1", "3"), hole(old, "CVE-1", "1.1.2"))
    item, _ = found(*parts, components=(LIBSSL, old)).refusals
    assert item.label == "libssl3 3.0.8-1 …"


def test_the_change_that_clears_most_comes_first() -> None:
    holes = [hole(LIBSSL, f"CVE-2024-{i}", "3.0.9-1") for i in range(3)]
    assert texts(found(hole(CURL, "CVE-2023-1", "8.0", severity="critical"), *holes)) == [
        "upgrade openssl to 3.0.9-1",
        "upgrade curl to 8.0",
        "set `USER 65532:65532` in the Dockerfile",
    ]


def test_where_nobody_can_order_the_versions_all_are_named() -> None:
    reasons = [
        reason(
            "c",
            subject_id=f"CVE-{to}",
            where=Where(component="pkg:x/y@1"),
            remedy=Remedy(kind="upgrade", text="t", target="x:y", to=to),
        )
        for to in ("alpha", "beta")
    ]
    (change,) = plan(judged(*reasons), None, version_order).changes
    assert change.text == "upgrade y to the newest of alpha, beta"


def test_two_controls_about_one_thing_are_one_item() -> None:
    exploited = hole(CURL, "CVE-2023-1", "8.0", exploited=Exploited(date_added="2024-01-01"))
    (item, _) = found(exploited).refusals
    assert item.controls == ("no-known-exploited", "no-fixable-vulnerabilities")
    assert item.label == "curl 7.88.1-10"


def test_what_is_exploited_comes_first_then_the_severe_then_the_likely() -> None:
    likely = Exploitability(probability=0.9, percentile=0.99)
    given = found(
        hole(CURL, "CVE-2023-4", "8"),
        hole(CURL, "CVE-2023-3", "8", exploitability=likely),
        hole(CURL, "CVE-2023-2", "8", severity="critical"),
        hole(CURL, "CVE-2023-1", "8", exploited=Exploited(date_added="2024-01-01")),
    )
    ids = [item.id for item in given.refusals if item.finding]
    assert ids == ["CVE-2023-1", "CVE-2023-2", "CVE-2023-3", "CVE-2023-4"]


def base_holes(count: int) -> tuple[tuple[Vulnerability, ...], tuple[Component, ...]]:
    components = tuple(debian(f"lib{i}", f"lib{i}", "1") for i in range(count))
    return tuple(hole(c, f"CVE-2024-{c.name}", "2") for c in components), components


def test_another_base_is_offered_where_it_clears_what_several_upgrades_would() -> None:
    holes, components = base_holes(3)
    given = holes, hole(CURL, "CVE-1", "8.0"), (*components, CURL)
    change, *others = found(*given[0], given[1], components=given[2], base=Base(layers=1)).changes
    assert (change.kind, change.text) == (
        "rebase",
        "change the base image to one with the fixes",
    )
    assert len(change.items) == 3
    assert [part.text for part in change.instead_of] == [
        "upgrade lib0 to 2",
        "upgrade lib1 to 2",
        "upgrade lib2 to 2",
    ]
    assert [part.text for part in others] == [
        "upgrade curl to 8.0",
        "set `USER 65532:65532` in the Dockerfile",
    ]


@pytest.mark.parametrize(
    ("stated_by", "text"),
    [
        ("annotation", "change the base image debian:12 to one with the fixes"),
        ("label", "change the base image to one with the fixes"),
    ],
)
def test_the_base_is_called_by_its_name_where_that_is_not_inherited(
    stated_by: Any, text: str
) -> None:
    holes, components = base_holes(2)
    base = Base(layers=1, name="debian:12", stated_by=stated_by)
    assert texts(found(*holes, components=components, base=base))[0] == text


def test_in_an_image_without_a_package_manager_only_another_base_helps() -> None:
    holes, (one,) = base_holes(1)
    place = Location("/var/lib/dpkg/status.d/lib0", 0)
    distroless = msgspec.structs.replace(one, locations=(place,))
    given = found(*holes, components=(distroless,), base=Base(layers=1))
    assert texts(given)[0] == "change the base image to one with the fixes"


def test_no_other_base_is_offered_where_nobody_knows_which_layers_are_its_own() -> None:
    holes, components = base_holes(3)
    for base in (None, Base(name="debian:12", stated_by="annotation")):
        given = found(*holes, components=components, base=base)
        assert "rebase" not in {change.kind for change in given.changes}


@pytest.mark.parametrize("in_base", [0, 1])
def test_no_newer_base_is_offered_for_what_lies_above_it(in_base: int) -> None:
    holes, components = base_holes(in_base)
    above = hole(CURL, "CVE-1", "8.0")
    given = found(*holes, above, components=(*components, CURL), base=Base(layers=1))
    assert "rebase" not in {change.kind for change in given.changes}


def test_the_base_that_policy_asks_for_is_not_offered_twice() -> None:
    holes, components = base_holes(2)
    assert REFUSED.inventory is not None
    base = REFUSED.inventory.layers[0].digest
    reasons = [
        reason(
            "no-fixable-vulnerabilities",
            subject_id=h.id,
            where=Where(component=c.purl, layer=base),
            remedy=Remedy(kind="upgrade", text="t", target=f"deb:{c.name}", to="2"),
        )
        for h, c in zip(holes, components, strict=True)
    ]
    ended = reason("not-end-of-life", remedy=Remedy(kind="rebase", text="rebuild on debian 13"))
    inventory = msgspec.structs.replace(REFUSED.inventory, base=Base(layers=1))
    evidence = msgspec.structs.replace(REFUSED, inventory=inventory)
    (change,) = plan(judged(*reasons, ended), evidence).changes
    assert change.text == "rebuild on debian 13"
    assert len(change.items) == 3


def test_without_refusals_the_changes_are_about_what_is_not_known() -> None:
    update = Remedy(kind="update-advisories", text="run update", target="advisories")
    unknown = reason("advisories-fresh", effect="unknown", remedy=update)
    given = plan(judged(unknowns=(unknown,)), None)
    assert texts(given) == ["run update"]
    assert texts(plan(judged(reason("x"), unknowns=(unknown,)), None)) == []


def test_warnings_are_not_refusals() -> None:
    given = plan(judged(reason("a", effect="warn")), None)
    assert (len(given.refusals), len(given.warnings)) == (0, 1)


def test_a_reason_about_a_component_that_is_not_in_the_evidence_keeps_its_package_url() -> None:
    given = plan(judged(reason("a", where=Where(component="pkg:npm/x@1"))), empty())
    assert given.refusals[0].label == "pkg:npm/x@1"


def empty() -> Evidence:
    return Evidence(subject=SUBJECT)
