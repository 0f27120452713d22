from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import example, given, settings
from markdown_it import MarkdownIt
from tests.support.answers import (
    ALLOWED,
    CURL,
    IMAGE,
    REFUSED,
    VULNERABILITIES,
    answer,
    hole,
)
from tests.support.hostile import HOSTILE, hostile_answer

from sealmark.cli.render import render_decision
from sealmark.cli.render.markdown_text import code, prose

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def comment(text: str) -> str:
    return render_decision("markdown", hostile_answer(text), text)


def structure(document: str) -> list[str]:
    """Return what the document is made of, without its words and without code against not."""
    tokens = []
    for token in READER.parse(document):
        if token.type == "html_block":
            tokens.append(token.content.strip())
        elif token.type == "inline":
            tokens += [child.type for child in token.children or () if child.type not in WORDS]
        else:
            tokens.append(token.type)
    return tokens


WORDS = {"text", "code_inline", "html_inline", "text_special"}


def test_a_comment_says_the_verdict_and_what_to_do_and_folds_the_rest_away() -> None:
    assert render_decision("markdown", answer(REFUSED), IMAGE).startswith(
        """\
### ❌ DENY: `registry.example/shop:1.0`

`sha256:aaaaaaaaaaaa` · `linux/amd64` · 5 refusals · 1 unknown

| What to do | Clears | |
|---|---:|---|
| upgrade openssl to 3&#46;0&#46;15-1 | 2 | `CVE-2024-5535`, `CVE-2023-0464` |
| upgrade lodash to 4&#46;17&#46;21 | 1 | `CVE-2021-23337` |
| upgrade curl to 7&#46;88&#46;1-10&#43;deb12u4 | 1 | `CVE-2023-38545` |
| set &#96;USER 65532&#58;65532&#96; in the Dockerfile | 1 |  |

```dockerfile
RUN apt-get update && apt-get install -y --only-upgrade curl libssl3 openssl
RUN cd /srv && npm install lodash@4.17.21
```

<details>
<summary>Refused: 5</summary>

| What | Why | Where |
|---|---|---|
| `CVE-2021-23337` high **KEV, EPSS 92%** | """
    )


def test_an_allowance_is_short() -> None:
    assert render_decision("markdown", answer(ALLOWED), IMAGE) == (
        """\
### ✅ ALLOW: `registry.example/shop:1.0`

`sha256:aaaaaaaaaaaa` · `linux/amd64`

<sub>Ledger entry 41: `sealmark ledger prove 41` · valid until `2026-12-01T06:00:00Z`</sub>
"""
    )


@settings(deadline=None)
@given(HOSTILE)
@example("`a`")
def test_nothing_from_an_image_changes_the_structure_of_the_comment(text: str) -> None:
    assert structure(comment(text)) == structure(comment("harmless"))


@settings(deadline=None)
@given(HOSTILE)
def test_the_only_tags_in_a_comment_are_ours(text: str) -> None:
    tags = set(re.findall(r"<[^<>]*>", comment(text)))
    assert tags <= {
        "<details>", "</details>", "<summary>Refused: 3</summary>", "<summary>", "</summary>",
        "<code>", "</code>", "<br>", "<sub>", "</sub>", "<!-- -->",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["a|b", "`x`", "a\\", "<b>", "&amp;"])
def test_what_a_code_span_cannot_hold_is_spelled_out_and_reads_the_same(text: str) -> None:
    html = READER.render(code(text))
    assert READER.render(f"    {text}")  # the reader shows the same characters in a code block
    shown = re.sub(r"<[^>]*>", "", html).strip()
    assert shown == text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def test_a_mention_in_a_sentence_pings_nobody() -> None:
    assert prose("see @team and #1") == "see &#64;<!-- -->team and &#35;<!-- -->1"


def test_a_comment_fits_into_what_github_takes() -> None:
    findings = tuple(hole(CURL, f"CVE-{'<|>' * 99}{i}", "8" * 900) for i in range(900))
    known = msgspec.structs.replace(VULNERABILITIES, findings=findings)
    text = render_decision(
        "markdown", answer(msgspec.structs.replace(REFUSED, vulnerabilities=known)), IMAGE
    )
    assert len(text) <= 65_536
    assert "more" in text
    assert text.count("<details>") == text.count("</details>") == 2
