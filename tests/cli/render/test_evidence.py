from __future__ import annotations

import json

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.answers import (
    ALLOWED,
    CURL,
    FINDINGS,
    IMAGE,
    INVENTORY,
    LIBSSL,
    OPENSSL,
    REFUSED,
    SUBJECT,
    VULNERABILITIES,
    answer,
    debian,
)
from tests.support.hostile import HOSTILE, hostile_answer
from tests.support.schemas import cyclonedx_validator, errors
from tools.reference import decision_schema

from sealmark.cli.render import (
    DECISION_FORMATS,
    DIFFERENCE_FORMATS,
    EVIDENCE_FORMATS,
    render_decision,
    render_difference,
    render_evidence,
)
from sealmark.cli.render.order import version_order
from sealmark.cli.render.text import Terminal, cells, clip_middle, terminal_of, wrap
from sealmark.errors import UsageError
from sealmark.evidence.component import Location
from sealmark.evidence.diff import Difference, compare
from sealmark.evidence.document import Evidence
from sealmark.evidence.inventory import Base, Problem
from sealmark.evidence.schema import evidence_schema
from sealmark.evidence.settings import Secret, Settings
from sealmark.evidence.vulnerability import Coverage

AT = "2026-11-24T12:00:00Z"
CHANGED = msgspec.structs.replace(
    REFUSED,
    subject=msgspec.structs.replace(SUBJECT, digest="sha256:" + "b" * 64),
    inventory=msgspec.structs.replace(
        INVENTORY, components=(debian("curl", "curl", "7.88.1-10+deb12u4"), LIBSSL, OPENSSL)
    ),
    vulnerabilities=msgspec.structs.replace(VULNERABILITIES, findings=FINDINGS[:4]),
    settings=Settings(user="65532", runs_as_root=False),
)
DIFFERENCE = compare(REFUSED, CHANGED, version_order)


def test_evidence_alone_says_what_is_inside_what_affects_it_and_what_is_not_known() -> None:
    gap = Coverage(ecosystem="npm", components=1, feed=None, why="no feed for npm")
    evidence = msgspec.structs.replace(
        REFUSED,
        inventory=msgspec.structs.replace(
            INVENTORY, errors=(Problem(what="not JSON", location=Location("/srv/x.json", 1)),)
        ),
        vulnerabilities=msgspec.structs.replace(
            VULNERABILITIES,
            coverage=(VULNERABILITIES.coverage[0], gap),
            findings=(*FINDINGS, msgspec.structs.replace(FINDINGS[0], id="X", status="unknown")),
        ),
        settings=Settings(secrets=(Secret(where="ENV TOKEN", kind="GitHub token"),)),
    )
    assert render_evidence("table", evidence, IMAGE, AT) == (
        """\
registry.example/shop:1.0  sha256:aaaaaaaaaaaa  linux/amd64
Debian GNU/Linux 12 (bookworm), security support until 2028-06-30

Components: 4
       3  Debian:12
       1  npm

Vulnerabilities: 2 critical, 3 high, 1 medium
  CVE-2021-23337  high      pkg:npm/lodash@4.17.20  → 4.17.21  KEV
  CVE-2023-38545  critical  pkg:deb/debian/curl@7.88.1-10  → 7.88.1-10+deb12u4
  CVE-2024-5535   critical  pkg:deb/debian/libssl3@3.0.8-1  → 3.0.15-1
  CVE-2023-0464   high      pkg:deb/debian/libssl3@3.0.8-1  → 3.0.9-1
  CVE-2023-0464   high      pkg:deb/debian/openssl@3.0.8-1  → 3.0.9-1
  CVE-2024-0727   medium    pkg:deb/debian/libssl3@3.0.8-1  → 3.0.13-1
  not known: 1 finding could not be decided

Coverage
  Debian:12: 3 components by debian, as of 2026-11-23T06:00:00Z
  not known: npm: 1 component, no feed for npm

Settings
  user: (none), root
  secret: ENV TOKEN (GitHub token)

Not known: nobody asked about signatures: no signer is configured

Could not be read: 1
  /srv/x.json: not JSON
"""
    )


def test_what_is_told_of_the_base_image_says_how_it_is_known() -> None:
    bases = {
        Base(layers=1, confidence="possible", because="it has the system"): (
            "Base image: guessed (possible): the lowest layer of 2, as it has the system"
        ),
        Base(name="debian:12", stated_by="label", digest="sha256:" + "c" * 64): (
            "Base image: its label, perhaps an inherited one, names debian:12 (sha256:cccccccccccc)"
        ),
    }
    for base, told in bases.items():
        inventory = msgspec.structs.replace(INVENTORY, base=base)
        evidence = msgspec.structs.replace(REFUSED, inventory=inventory)
        assert f"\n{told}\n" in render_evidence("table", evidence, IMAGE, AT)


def test_evidence_that_nobody_gathered_is_not_shown_as_clean() -> None:
    assert render_evidence("table", Evidence(subject=SUBJECT), IMAGE, AT) == (
        """\
registry.example/shop:1.0  sha256:aaaaaaaaaaaa  linux/amd64

Not known: nobody asked about the components

Not known: nobody asked about vulnerabilities

Not known: nobody asked about signatures: no signer is configured
"""
    )


def test_json_is_the_evidence_by_its_schema() -> None:
    document = json.loads(render_evidence("json", REFUSED, IMAGE, AT))
    assert document["schema"] == "sealmark/evidence/v1"
    assert errors(jsonschema_rs.validator_for(evidence_schema()), document) == []


def test_json_is_decision_evidence_and_ledger_each_by_its_schema() -> None:
    document = json.loads(render_decision("json", answer(REFUSED), IMAGE))
    assert list(document) == ["schema", "decision", "evidence", "ledger"]
    assert document["ledger"] == {"index": 41}
    assert document["decision"]["judgement"]["verdict"] == "deny"
    assert errors(jsonschema_rs.validator_for(decision_schema()), document["decision"]) == []
    assert errors(jsonschema_rs.validator_for(evidence_schema()), document["evidence"]) == []


def test_a_bill_of_materials_can_be_had_with_and_without_a_decision() -> None:
    alone = json.loads(render_evidence("cyclonedx", REFUSED, IMAGE, AT))
    assert alone == json.loads(render_decision("cyclonedx", answer(REFUSED), IMAGE))
    assert errors(cyclonedx_validator("1.6"), alone) == []
    spdx = json.loads(render_evidence("spdx", REFUSED, IMAGE, AT))
    assert spdx["spdxVersion"] == "SPDX-2.3"
    assert spdx["creationInfo"]["created"] == AT


def test_a_difference_shows_what_is_new_first() -> None:
    assert render_difference("table", DIFFERENCE, (IMAGE, "shop:1.1")) == (
        """\
registry.example/shop:1.0 → shop:1.1
sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb, 2 of 2 layers shared

Vulnerabilities: 0 new, 2 fixed, 4 unchanged
  - CVE-2023-38545 critical pkg:deb/debian/curl@7.88.1-10
  - CVE-2021-23337 high pkg:npm/lodash@4.17.20, known exploited

Components: 1 removed, 1 upgraded, 2 unchanged
  - npm lodash 4.17.20
  ^ deb curl 7.88.1-10 → 7.88.1-10+deb12u4

Settings
  user: (none) → 65532
  runs as root: yes → no
"""
    )


def test_a_difference_as_a_comment_folds_what_is_good_news() -> None:
    back = compare(CHANGED, REFUSED, version_order)
    assert render_difference("markdown", back, ("shop:1.1", IMAGE)) == (
        """\
### `shop:1.1` → `registry.example/shop:1.0`

sha256&#58;bbbbbbbbbbbb &#8594; sha256&#58;aaaaaaaaaaaa, 2 of 2 layers shared

**Vulnerabilities:** 2 new, 0 fixed, 4 unchanged

- `+ CVE-2023-38545 critical pkg:deb/debian/curl@7.88.1-10, fixed in 7.88.1-10+deb12u4`
- `+ CVE-2021-23337 high pkg:npm/lodash@4.17.20, fixed in 4.17.21, known exploited`

<details>
<summary>Components: 1 added, 1 downgraded, 2 unchanged</summary>

- `+ npm lodash 4.17.20`
- `v deb curl 7.88.1-10+deb12u4 → 7.88.1-10`

</details>

<details>
<summary>Settings</summary>

- `user: 65532 → (none)`
- `runs as root: no → yes`

</details>
"""
    )


def test_a_difference_as_json_reads_back() -> None:
    document = json.loads(render_difference("json", DIFFERENCE, (IMAGE, "shop:1.1")))
    assert document["names"] == {"before": IMAGE, "after": "shop:1.1"}
    assert msgspec.convert(document["difference"], type=Difference) == DIFFERENCE


@settings(deadline=None)
@given(HOSTILE)
def test_every_format_takes_every_text(text: str) -> None:
    given_answer = hostile_answer(text)
    for style in DECISION_FORMATS:
        assert render_decision(style, given_answer, text)
    for style in EVIDENCE_FORMATS:
        page = render_evidence(style, given_answer.evidence, text, AT)
        assert page.isascii() or page.encode()
    difference = compare(ALLOWED, given_answer.evidence, version_order)
    for style in DIFFERENCE_FORMATS:
        assert render_difference(style, difference, (text, text)).encode()


@settings(deadline=None)
@given(HOSTILE, st.integers(40, 100))
def test_tables_of_evidence_and_differences_obey_the_width_and_command_nothing(
    text: str, width: int
) -> None:
    evidence = hostile_answer(text).evidence
    pages = [
        render_evidence("table", evidence, text, AT, Terminal(width)),
        render_difference("table", compare(ALLOWED, evidence), (text, text), Terminal(width)),
    ]
    for line in "".join(pages).splitlines():
        assert line.isprintable()
        assert cells(line) <= width


def test_a_format_that_is_not_there_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="there is table, json, sarif"):
        render_decision("yaml", answer(ALLOWED), IMAGE)


@settings(deadline=None)
@given(st.text(st.characters(categories=["L", "N", "P", "Zs"])), st.integers(3, 30))
def test_wrapping_loses_nothing_but_blanks(text: str, width: int) -> None:
    lines = list(wrap(text, width))
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(cells(line) <= width for line in lines)


def test_a_long_name_keeps_both_ends() -> None:
    assert clip_middle("registry.example/team/shop:1.0", 15) == "regist…shop:1.0"
    assert CURL.name == clip_middle(CURL.name, 4)


class Stream:
    """Stands for a stream that is a terminal, or is none."""

    encoding = "utf-8"

    def __init__(self, *, terminal: bool) -> None:
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def test_colour_needs_a_terminal_and_no_objection() -> None:
    terminal, pipe = Stream(terminal=True), Stream(terminal=False)
    assert terminal_of(terminal, {}).colour
    assert not terminal_of(terminal, {"NO_COLOR": "1"}).colour
    assert not terminal_of(terminal, {"TERM": "dumb"}).colour
    assert terminal_of(pipe, {}) == Terminal(100, colour=False)


@settings(deadline=None)
@given(HOSTILE, st.sampled_from(["ascii", "latin-1", "shift_jis", "utf-8"]))
def test_a_table_is_in_the_encoding_of_its_terminal(text: str, encoding: str) -> None:
    terminal = Terminal(encoding=encoding)
    assert render_decision("table", hostile_answer(text), text, terminal).encode(encoding)
