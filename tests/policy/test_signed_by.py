"""The control `signed-by` never lets an image pass that nobody was shown to have signed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from tests.support.answers import ALLOWED

from sealmark.evidence.signatures import Demand, RefusedClaim, Signatures
from sealmark.policy.control import Context, Finding
from sealmark.policy.controls.signatures import SignedBy
from sealmark.policy.decide import decide
from sealmark.policy.packs import DEFAULT_PARAMETERS, base_pack

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TRUST = "sha256:" + "7" * 64


def parameters(trust: str | None = TRUST) -> Any:
    from dataclasses import replace

    return replace(DEFAULT_PARAMETERS, trust=trust)


def demand(**changes: Any) -> Demand:
    whole = {"role": "release", "threshold": 1, "signers": ("alice", "bob"), **changes}
    return Demand(**whole)


def judged(signatures: Signatures | None, trust: str | None = TRUST) -> list[Finding]:
    evidence = msgspec.structs.replace(ALLOWED, signatures=signatures)
    return list(SignedBy().judge(evidence, Context(NOW, parameters(trust))))


def seen(*demands: Demand, **more: Any) -> Signatures:
    return Signatures(trust=TRUST, repository="registry.example/app", demands=demands, **more)


def test_where_no_signer_is_configured_nothing_is_asked() -> None:
    assert judged(None, None) == []
    assert "signed-by" not in {c.about.id for c in base_pack().controls}
    assert "signed-by" in {c.about.id for c in base_pack(parameters()).controls}


def test_a_fulfilled_role_is_allowed() -> None:
    assert judged(seen(demand(signed=("alice",)))) == []
    assert judged(seen(demand(signed=("alice",)), demand(applies=False))) == []


def test_a_role_that_is_not_fulfilled_denies_and_says_what_was_refused() -> None:
    refused = RefusedClaim(
        subject="sha256:x", place="tag x", step=7, step_name="subject", field="f", why="w"
    )
    (one,) = judged(seen(demand(threshold=2, signed=("alice",)), refused=(refused,)))
    assert (one.effect, one.subject_id) == ("deny", "role:release")
    assert one.message == (
        "role release asks for a signature by 2 of alice, bob: there is one by alice only"
    )
    assert [(b.path, b.value) for b in one.because] == [
        ("signatures.demands[0].threshold", 2),
        ("signatures.demands[0].signed", "alice"),
        ("signatures.refused[0].why", "step 7 (subject): f: w"),
    ]


def test_every_role_that_applies_must_be_fulfilled() -> None:
    both = seen(demand(signed=("alice",)), demand(role="tests", predicate_type="https://t.example"))
    (one,) = judged(both)
    assert "role tests asks for a statement https://t.example by 1 of" in one.message


@pytest.mark.parametrize("demands", [(), (demand(applies=False, signed=("alice",)),)])
def test_an_image_that_nobody_speaks_for_is_denied(demands: tuple[Demand, ...]) -> None:
    (one,) = judged(seen(*demands))
    assert one.effect == "deny"
    assert one.message == "nobody is trusted to sign for registry.example/app"


def test_a_role_about_a_repository_says_nothing_about_an_image_without_a_name() -> None:
    (one,) = judged(seen(demand(applies=None, signed=("alice",))))
    assert one.effect == "unknown"


def test_what_nobody_looked_for_is_unknown_and_another_trust_file_denies() -> None:
    (one,) = judged(None)
    assert one.effect == "unknown"
    (one,) = judged(msgspec.structs.replace(seen(demand(signed=("alice",))), trust="sha256:0"))
    assert one.effect == "deny"


def test_the_judgement_names_the_trust_file_and_ends_with_the_signer() -> None:
    until = "2026-11-24T13:00:00Z"
    evidence = msgspec.structs.replace(
        ALLOWED, signatures=seen(demand(signed=("alice",), until=until))
    )
    judgement = decide(evidence, (), [base_pack(parameters())], NOW)
    assert (judgement.verdict, judgement.valid_until) == ("allow", until)
    other = decide(evidence, (), [base_pack(parameters("sha256:" + "8" * 64))], NOW)
    assert other.policies[0].digest != judgement.policies[0].digest
