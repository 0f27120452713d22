"""What the base pack promises, control by control."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec
import pytest
from tests.support.evidence import (
    HARMLESS,
    KEV,
    NOW,
    OPENSSL_HOLE,
    PARAMETERS,
    with_findings,
    with_inventory,
    with_settings,
)

from sealmark.evidence.component import Location, OperatingSystem
from sealmark.evidence.document import Subject
from sealmark.evidence.inventory import Problem
from sealmark.evidence.settings import Secret
from sealmark.evidence.vulnerability import Coverage, Exploited
from sealmark.policy.decide import decide
from sealmark.policy.packs import base_pack

if TYPE_CHECKING:
    from sealmark.decision import Judgement
    from sealmark.evidence.document import Evidence
    from sealmark.policy.control import Parameters


def judge(
    evidence: Evidence, now: datetime = NOW, parameters: Parameters = PARAMETERS
) -> Judgement:
    return decide(evidence, (), (base_pack(parameters),), now)


def controls(judgement: Judgement) -> dict[str, str]:
    return {r.control: r.effect for r in (*judgement.reasons, *judgement.unknowns)}


def test_harmless_evidence_is_allowed_until_its_first_input_expires() -> None:
    judgement = judge(HARMLESS)
    assert judgement.verdict == "allow"
    assert judgement.valid_until == "2026-11-30T06:00:00Z"


def test_a_fixable_vulnerability_at_the_threshold_denies_with_its_fix_and_its_place() -> None:
    judgement = judge(with_findings(OPENSSL_HOLE))
    (reason,) = judgement.reasons
    assert judgement.verdict == "deny"
    assert reason.control == "no-fixable-vulnerabilities"
    assert reason.message == "libssl3 3.0.8-1 is affected by CVE-2023-0464, fixed in 3.0.9-1"
    assert reason.remedy is not None
    assert (reason.remedy.kind, reason.remedy.target, reason.remedy.to) == (
        "upgrade",
        "deb:openssl",
        "3.0.9-1",
    )
    assert reason.where is not None
    assert reason.where.instruction == "RUN apt-get install openssl"
    assert reason.because[0].path == "vulnerabilities.findings[0].status"


@pytest.mark.parametrize(
    ("severity", "verdict"),
    [
        ("critical", "deny"),
        ("high", "deny"),
        ("medium", "allow"),
        ("low", "allow"),
        ("unknown", "deny"),
    ],
)
def test_the_threshold_is_inclusive_and_a_missing_severity_counts_as_at_it(
    severity: str, verdict: str
) -> None:
    hole = msgspec.structs.replace(OPENSSL_HOLE, severity=severity)
    assert judge(with_findings(hole)).verdict == verdict


def test_a_vulnerability_without_a_fix_does_not_block_a_build() -> None:
    hole = msgspec.structs.replace(OPENSSL_HOLE, fixed_in=None)
    assert judge(with_findings(hole)).verdict == "allow"


def test_a_known_exploited_vulnerability_denies_even_below_the_threshold_and_without_fix() -> None:
    hole = msgspec.structs.replace(
        OPENSSL_HOLE,
        severity="low",
        fixed_in=None,
        exploited=Exploited(date_added="2026-01-01"),
    )
    judgement = judge(with_findings(hole))
    assert controls(judgement) == {"no-known-exploited": "deny"}
    assert judgement.reasons[0].remedy is not None
    assert judgement.reasons[0].remedy.kind == "remove"


@pytest.mark.parametrize(
    "feeds", [(), (msgspec.structs.replace(KEV, as_of="2026-01-01T00:00:00Z"),)]
)
def test_without_a_fresh_catalogue_nobody_says_that_a_hole_is_not_exploited(
    feeds: tuple[object, ...],
) -> None:
    hole = msgspec.structs.replace(OPENSSL_HOLE, severity="low")
    judgement = judge(with_findings(hole, feeds=feeds))
    assert judgement.verdict == "unknown"
    assert controls(judgement) == {"no-known-exploited": "unknown"}


def test_a_malicious_package_denies_whatever_its_severity_and_nobody_may_waive_it() -> None:
    evil = msgspec.structs.replace(
        OPENSSL_HOLE, id="MAL-2026-1", kind="malicious", severity="none", fixed_in=None
    )
    (reason,) = judge(with_findings(evil)).reasons
    assert (reason.control, reason.waivable_by) == ("no-malicious-packages", "nobody")


def test_a_finding_that_could_not_be_decided_is_unknown() -> None:
    hole = msgspec.structs.replace(OPENSSL_HOLE, status="unknown", because=("version unreadable",))
    assert judge(with_findings(hole)).verdict == "unknown"


@pytest.mark.parametrize(
    "coverage",
    [
        Coverage(ecosystem="npm", components=2, why="no feed"),
        Coverage(ecosystem="npm", components=2, feed="npm", as_of="2026-11-01T00:00:00Z"),
        Coverage(ecosystem="npm", components=2, feed="npm", as_of="2027-11-01T00:00:00Z"),
        Coverage(ecosystem="npm", components=2, feed="npm"),
        Coverage(ecosystem="npm", components=2, feed="npm", as_of="yesterday"),
    ],
    ids=["missing", "stale", "from the future", "undated", "badly dated"],
)
def test_a_feed_that_is_no_knowledge_gives_unknown_not_a_clean_zero(coverage: Coverage) -> None:
    judgement = judge(with_findings(coverage=(coverage,)))
    assert judgement.verdict == "unknown"
    assert controls(judgement) == {"advisories-fresh": "unknown"}
    assert "2 npm components cannot be judged" in judgement.unknowns[0].message


def test_the_greatest_age_of_a_feed_is_an_input() -> None:
    old = Coverage(ecosystem="npm", components=2, feed="npm", as_of="2026-11-01T00:00:00Z")
    lenient = base_pack(max_age(days=30)).parameters
    assert judge(with_findings(coverage=(old,)), parameters=lenient).verdict == "allow"


def max_age(*, days: int) -> Parameters:
    return type(PARAMETERS)(PARAMETERS.severity, timedelta(days=days), PARAMETERS.end_of_life)


def test_now_is_an_input_the_same_evidence_goes_stale() -> None:
    assert judge(HARMLESS, now=NOW + timedelta(days=30)).verdict == "unknown"


def test_evidence_without_advisories_is_unknown() -> None:
    assert judge(msgspec.structs.replace(HARMLESS, vulnerabilities=None)).verdict == "unknown"


def test_an_end_of_life_distribution_is_unknown_and_the_remedy_is_another_base() -> None:
    system = OperatingSystem(id="debian", version_id="10", support_ends="2024-06-30")
    judgement = judge(with_inventory(operating_system=system))
    assert judgement.verdict == "unknown"
    assert controls(judgement) == {"not-end-of-life": "unknown"}
    assert judgement.unknowns[0].remedy is not None
    assert judgement.unknowns[0].remedy.kind == "rebase"


def test_an_organisation_may_refuse_end_of_life_outright() -> None:
    system = OperatingSystem(id="debian", version_id="10", support_ends="2024-06-30")
    strict = type(PARAMETERS)(PARAMETERS.severity, PARAMETERS.max_advisory_age, "deny")
    assert judge(with_inventory(operating_system=system), parameters=strict).verdict == "deny"


def test_support_lasts_through_its_last_day() -> None:
    system = OperatingSystem(id="debian", version_id="12", support_ends="2026-11-24")
    assert judge(with_inventory(operating_system=system)).verdict == "allow"


def test_a_distribution_whose_support_nobody_knows_is_unknown() -> None:
    system = OperatingSystem(id="homemade")
    assert judge(with_inventory(operating_system=system)).verdict == "unknown"


@pytest.mark.parametrize(("root", "verdict"), [(True, "deny"), (None, "unknown"), (False, "allow")])
def test_an_image_must_not_run_as_root(root: bool | None, verdict: str) -> None:
    assert judge(with_settings(user="app", runs_as_root=root)).verdict == verdict


def test_a_root_file_system_has_no_user_to_judge() -> None:
    assert judge(msgspec.structs.replace(HARMLESS, settings=None)).verdict == "allow"


def test_a_secret_in_the_configuration_denies() -> None:
    secret = Secret(where="environment variable API_KEY", kind="AWS access key")
    assert controls(judge(with_settings(secrets=(secret,)))) == {
        "no-secrets-in-configuration": "deny"
    }


def test_a_file_that_could_not_be_read_makes_the_verdict_unknown() -> None:
    problem = Problem(what="stanza 3 has no version", location=Location("/var/lib/dpkg/status", 0))
    judgement = judge(with_inventory(errors=(problem,)))
    assert judgement.verdict == "unknown"
    assert judgement.unknowns[0].message == "/var/lib/dpkg/status: stanza 3 has no version"


def test_a_distribution_without_any_package_is_not_clean_but_unknown() -> None:
    assert judge(with_inventory(components=())).verdict == "unknown"


def test_files_in_which_nothing_was_recognised_are_unknown() -> None:
    evidence = with_inventory(components=(), operating_system=None)
    assert controls(judge(evidence))["inventory-complete"] == "unknown"


def test_an_empty_image_is_allowed_there_is_nothing_in_it() -> None:
    evidence = with_inventory(components=(), operating_system=None, layers=())
    empty = msgspec.structs.replace(evidence, vulnerabilities=HARMLESS.vulnerabilities)
    assert judge(empty).verdict == "allow"


@pytest.mark.parametrize("kind", ["rootfs", "sbom"])
def test_no_package_at_all_is_unknown_where_nothing_says_that_there_is_none(
    kind: Literal["rootfs", "sbom"],
) -> None:
    evidence = with_inventory(components=(), operating_system=None, layers=())
    silent = msgspec.structs.replace(
        evidence,
        subject=Subject(kind=kind, digest=evidence.subject.digest),
        settings=None,
        vulnerabilities=HARMLESS.vulnerabilities,
    )
    assert controls(judge(silent)) == {"inventory-complete": "unknown"}


@pytest.mark.parametrize("age", [timedelta(weeks=999_999), timedelta(0)])
@pytest.mark.parametrize(
    "now", [NOW, datetime.max.replace(tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)]
)
def test_times_at_the_ends_of_the_calendar_are_judged_like_others(
    now: datetime, age: timedelta
) -> None:
    parameters = replace(PARAMETERS, max_advisory_age=age)
    judgement = judge(HARMLESS, now, parameters)
    assert judgement.errors == ()
    assert judgement.verdict == ("allow" if now == NOW and age else "unknown")


def test_a_known_refusal_outranks_an_unknown_which_is_still_listed() -> None:
    gap = Coverage(ecosystem="npm", components=1, why="no feed")
    judgement = judge(with_findings(OPENSSL_HOLE, coverage=(gap,)))
    assert judgement.verdict == "deny"
    assert [unknown.control for unknown in judgement.unknowns] == ["advisories-fresh"]


def test_the_policy_digest_changes_with_its_parameters() -> None:
    assert base_pack(PARAMETERS).identity.digest != base_pack(max_age(days=8)).identity.digest
    assert base_pack(PARAMETERS).identity.digest.startswith("sha256:")


def test_a_judgement_about_a_vulnerability_ends_when_the_catalogue_of_exploited_ones_is_old() -> (
    None
):
    earlier = msgspec.structs.replace(KEV, as_of="2026-11-20T00:00:00Z")
    unfixed = msgspec.structs.replace(OPENSSL_HOLE, fixed_in=None)
    judgement = judge(with_findings(unfixed, feeds=(earlier,)))
    assert judgement.verdict == "allow"
    assert judgement.valid_until == "2026-11-27T00:00:00Z"


def test_a_feed_dated_at_the_end_of_the_calendar_is_not_knowledge() -> None:
    absurd = Coverage(ecosystem="Debian:12", components=1, feed="d", as_of="9999-12-31T00:00:00Z")
    judgement = judge(with_findings(coverage=(absurd,)))
    assert judgement.verdict == "unknown"
