from __future__ import annotations

import subprocess
import sys
import unicodedata
from typing import TYPE_CHECKING

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.answers import (
    ALLOWED,
    CURL,
    IMAGE,
    INVENTORY,
    REFUSED,
    VULNERABILITIES,
    answer,
    debian,
    hole,
)
from tests.support.hostile import HOSTILE, hostile_answer

from sealmark.cli.render import render_decision
from sealmark.cli.render.text import Terminal, cells
from sealmark.evidence.component import Location
from sealmark.evidence.inventory import Problem

if TYPE_CHECKING:
    from sealmark.evidence.document import Evidence


def table(evidence: Evidence, terminal: Terminal | None = None, image: str = IMAGE) -> str:
    return render_decision("table", answer(evidence), image, terminal)


def test_a_refusal_says_the_verdict_then_what_to_do_then_why_then_where_the_proof_is() -> None:
    assert table(REFUSED) == (
        """\
DENY  registry.example/shop:1.0  sha256:aaaaaaaaaaaa  linux/amd64  6 refusals, 1 unknown

What to do
  1. upgrade openssl to 3.0.15-1                                                     clears 3 of 6
     libssl3 3.0.8-1, openssl 3.0.8-1: CVE-2024-5535, CVE-2023-0464
  2. upgrade lodash to 4.17.21                                                       clears 1 of 6
     lodash 4.17.20: CVE-2021-23337
  3. upgrade curl to 7.88.1-10+deb12u4                                               clears 1 of 6
     curl 7.88.1-10: CVE-2023-38545
  4. set `USER 65532:65532` in the Dockerfile                                        clears 1 of 6

Refused
  CVE-2021-23337  high      lodash 4.17.20   → 4.17.21  KEV  EPSS 92%
      no-known-exploited, no-fixable-vulnerabilities · RUN apt-get install curl && npm ci
  CVE-2023-38545  critical  curl 7.88.1-10   → 7.88.1-10+deb12u4
      no-fixable-vulnerabilities · RUN apt-get install curl && npm ci
  CVE-2024-5535   critical  libssl3 3.0.8-1  → 3.0.15-1
      no-fixable-vulnerabilities · FROM debian:bookworm
  CVE-2023-0464   high      libssl3 3.0.8-1  → 3.0.9-1
      no-fixable-vulnerabilities · FROM debian:bookworm
  CVE-2023-0464   high      openssl 3.0.8-1  → 3.0.9-1
      no-fixable-vulnerabilities · FROM debian:bookworm
  the image runs as root (no user is set)
      not-root

Not known
  1 npm component cannot be judged: the feed osv is 54 days old (2026-10-01T06:00:00Z), more than
  the 7 days allowed
      advisories-fresh · next: run `sealmark advisories update`, then check again

Valid until 2026-11-30T00:00:00Z.
Ledger entry 41; prove it: sealmark ledger prove 41
Learn more: sealmark explain CVE-2021-23337
"""
    )


def test_an_allowance_is_short() -> None:
    assert table(ALLOWED) == (
        """\
ALLOW  registry.example/shop:1.0  sha256:aaaaaaaaaaaa  linux/amd64

Valid until 2026-12-01T06:00:00Z.
Ledger entry 41; prove it: sealmark ledger prove 41
"""
    )


def test_what_is_not_known_names_its_cause_and_the_next_step() -> None:
    inventory = msgspec.structs.replace(
        INVENTORY,
        errors=(Problem(what="not a dpkg database", location=Location("/var/lib/dpkg/status", 0)),),
    )
    evidence = msgspec.structs.replace(ALLOWED, inventory=inventory)
    assert table(evidence) == (
        """\
UNKNOWN  registry.example/shop:1.0  sha256:aaaaaaaaaaaa  linux/amd64  1 unknown

Not known
  /var/lib/dpkg/status: not a dpkg database
      inventory-complete · next: repair or remove the file, and rebuild

Valid until 2026-12-01T06:00:00Z.
Ledger entry 41; prove it: sealmark ledger prove 41
Learn more: sealmark explain inventory-complete
"""
    )


def test_long_lists_are_cut_and_say_so() -> None:
    findings = tuple(hole(CURL, f"CVE-2024-{i:04}", "8.0") for i in range(63))
    known = msgspec.structs.replace(VULNERABILITIES, findings=findings)
    page = table(msgspec.structs.replace(ALLOWED, vulnerabilities=known))
    assert "… and 43 more (--format json for all)" in page
    assert "CVE-2024-0019" in page
    assert "CVE-2024-0020" not in page


def test_colour_is_for_terminals_and_changes_nothing_else() -> None:
    coloured = table(REFUSED, Terminal(100, colour=True))
    assert coloured.startswith("\x1b[31m\x1b[1mDENY\x1b[0m")
    plain = coloured
    for code in ("\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[33m", "\x1b[32m"):
        plain = plain.replace(code, "")
    assert plain.rstrip() == table(REFUSED).rstrip()


def test_the_page_fits_a_narrow_terminal() -> None:
    for width in (40, 60, 80, 100):
        assert max(cells(line) for line in table(REFUSED, Terminal(width)).split("\n")) <= width


@settings(deadline=None)
@given(HOSTILE, st.sampled_from([40, 100]))
def test_nothing_from_an_image_commands_the_terminal_or_breaks_the_width(
    name: str, width: int
) -> None:
    page = render_decision("table", hostile_answer(name), name, Terminal(width))
    for line in page.removesuffix("\n").split("\n"):
        assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in line)
        assert cells(line) <= width
    assert page.startswith("DENY  ")
    assert page.count("\nDENY") == 0


def test_a_newer_base_is_shown_with_what_it_makes_idle() -> None:
    components = tuple(debian(f"lib{i}", f"lib{i}", "1") for i in range(6))
    findings = tuple(hole(component, f"CVE-2024-{component.name}", "2") for component in components)
    evidence = msgspec.structs.replace(
        ALLOWED,
        inventory=msgspec.structs.replace(INVENTORY, components=components),
        vulnerabilities=msgspec.structs.replace(VULNERABILITIES, findings=findings),
    )
    page = table(evidence)
    assert page[page.index("What to do") : page.index("\n\nRefused")] == (
        """\
What to do
  1. rebuild on a newer base image, once it has the fixes                            clears 6 of 6
     lowest layer: FROM debian:bookworm
     instead of: upgrade lib0 to 2; upgrade lib1 to 2; upgrade lib2 to 2; upgrade lib3 to 2; and 2
     more"""
    )


HEAVY = ("rich", "httpx", "cryptography", "ssl", "asyncio", "packaging", "importlib.metadata")


def test_showing_a_table_loads_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from sealmark.cli.render import DECISION_FORMATS\n"
        "from sealmark.cli.render.order import version_order\n"
        "import sealmark.cli.render.table, sealmark.cli.render.plan\n"
        "version_order('deb', '1', '2')\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("", "")
