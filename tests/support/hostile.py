"""Answers about an image whose every name was chosen to break out of a format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from hypothesis import strategies as st
from tests.support.answers import CURL, INVENTORY, REFUSED, SUBJECT, VULNERABILITIES, answer, hole

from sealmark.evidence.component import Location
from sealmark.evidence.inventory import Problem

if TYPE_CHECKING:
    from sealmark.gate.ask import Answer

HOSTILE = st.text(min_size=1) | st.sampled_from(
    [
        "\x1b]0;owned\x07",
        "\x1b[2J",
        "a\nDENY",
        "a\r\n\r\n# Heading",
        "\u202egnp.exe",
        "\x9b31m",
        "\ud800",
        "\ufffe\x00",
        "界" * 80,
        "]]>",
        "--> <!-- <![CDATA[ &amp; &#0; \"'>",
        "</details><script>alert(1)</script>",
        "| a | b |",
        "\\| \\\\| `|`",
        "``` code ~~~",
        "`",
        "[x](javascript:alert(1)) ![y](http://evil/z.png)",
        "@everyone #1 www.evil.example https://evil.example",
        "<img src=x onerror=alert(1)>",
        "* a\n* b\n\n---",
        "**bold** _it_ ~~gone~~",
        "&lt;b&gt;",
        "{0} [x](1)",
    ]
)


def hostile_answer(name: str) -> Answer:
    """Return an answer in which everything an image can choose is `name`."""
    component = msgspec.structs.replace(CURL, name=name, version=name)
    inventory = msgspec.structs.replace(
        INVENTORY,
        components=(component,),
        errors=(Problem(what=name, location=Location(name, 1)),),
        layers=tuple(
            msgspec.structs.replace(layer, instruction=name) for layer in INVENTORY.layers
        ),
    )
    known = msgspec.structs.replace(VULNERABILITIES, findings=(hole(component, name, name),))
    return answer(
        msgspec.structs.replace(
            REFUSED,
            subject=msgspec.structs.replace(SUBJECT, platform=name),
            inventory=inventory,
            vulnerabilities=known,
        )
    )
