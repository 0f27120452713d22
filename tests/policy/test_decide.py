"""What errors do to a verdict (docs/adr/0001)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tests.support.evidence import HARMLESS, NOW, PARAMETERS

from sealmark.policy.control import About, Context, Finding
from sealmark.policy.decide import decide
from sealmark.policy.packs import Pack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealmark.evidence.document import Evidence


class Failing:
    about: ClassVar[About] = About("failing", "t", "r", "m")

    def judge(self, evidence: Evidence, context: Context) -> Iterator[Finding]:
        yield Finding(effect="warn", message="said before it broke")
        raise KeyError("layers")


class Cautious:
    about: ClassVar[About] = About("warning", "t", "r", "m")

    def judge(self, evidence: Evidence, context: Context) -> Iterator[Finding]:
        yield Finding(effect="warn", message="careful")


def pack(*controls: Failing | Cautious) -> Pack:
    return Pack("p", "1", "somebody", controls, PARAMETERS)


def test_a_control_that_fails_denies_and_the_error_is_recorded() -> None:
    judgement = decide(HARMLESS, (), (pack(Failing(), Cautious()),), NOW)
    assert judgement.verdict == "deny"
    assert judgement.errors == ("control failing failed: KeyError: 'layers'",)


def test_no_pack_and_an_empty_pack_deny() -> None:
    assert decide(HARMLESS, (), (), NOW).verdict == "deny"
    assert decide(HARMLESS, (), (pack(),), NOW).verdict == "deny"
    assert decide(HARMLESS, (), (pack(Cautious()), pack()), NOW).verdict == "deny"


def test_a_warning_does_not_deny_but_is_listed() -> None:
    judgement = decide(HARMLESS, (), (pack(Cautious()),), NOW)
    assert judgement.verdict == "allow"
    assert judgement.reasons[0].message == "careful"


def test_the_judgement_does_not_depend_on_who_asks() -> None:
    one = decide(HARMLESS, (), (pack(Cautious()),), NOW)
    two = decide(HARMLESS, (), (pack(Cautious()),), NOW)
    assert one == two
