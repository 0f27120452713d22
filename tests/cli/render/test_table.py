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
from sealmark.evidence.component import Location, Origin
from sealmark.evidence.inventory import Base, Problem

if TYPE_CHECKING:
    from sealmark.evidence.document import Evidence


def table(evidence: Evidence, terminal: Terminal | None = None, image: str = IMAGE) -> str:
    return render_decision("table", answer(evidence), image, terminal)


def test_a_refusal_says_the_verdict_then_what_to_do_then_why_then_where_the_proof_is() -> None:
    assert table(REFUSED) == (
        """\
DENY  registry.example/shop:1.0  sha256:aaaaaaaaaaaa  linux/amd64  5 refusals, 1 unknown

What to do
  1. upgrade openssl to 3.0.15-1                                                     clears 2 of 5
     libssl3, openssl 3.0.8-1 · FROM debian:bookworm
  2. upgrade lodash to 4.17.21                                                       clears 1 of 5
     lodash 4.17.20 · RUN apt-get install curl && npm ci
  3. upgrade curl to 7.88.1-10+deb12u4                                               clears 1 of 5
     curl 7.88.1-10 · RUN apt-get install curl && npm ci
  4. set `USER 65532:65532` in the Dockerfile                                        clears 1 of 5

Dockerfile
  RUN apt-get update && apt-get install -y --only-upgrade curl libssl3 openssl
  RUN cd /srv && npm install lodash@4.17.21

Refused: 1 known exploited, 2 critical, 2 high, 1 other
  CVE-2021-23337  high      lodash 4.17.20   → 4.17.21  KEV  EPSS 92%
  CVE-2023-38545  critical  curl 7.88.1-10   → 7.88.1-10+deb12u4
  CVE-2024-5535   critical  libssl3 3.0.8-1  → 3.0.15-1
  CVE-2023-0464   high      openssl 3.0.8-1  → 3.0.9-1
  the image runs as root (no user is set)
      by no-known-exploited, no-fixable-vulnerabilities, not-root

Not known
  1 npm component cannot be judged: the feed osv is 54 days old (2026-10-01T06:00:00Z), more than
  the 7 days allowed
      advisories-fresh · next: bring osv up to date (`sealmark advisories update`), or do without it
      (`sealmark advisories drop osv`)

Signatures were not asked for: no signer is configured.
Valid until 2026-11-30T00:00:00Z.
Ledger entry 41; prove it: sealmark ledger prove 41
Learn more: sealmark explain CVE-2021-23337
"""
    )


def test_an_allowance_is_short() -> None:
    assert table(ALLOWED) == (
        """\
ALLOW  registry.example/shop:1.0  sha256:aaaaaaaaaaaa  linux/amd64

Signatures were not asked for: no signer is configured.
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

Signatures were not asked for: no signer is configured.
Valid until 2026-12-01T06:00:00Z.
Ledger entry 41; prove it: sealmark ledger prove 41
Learn more: sealmark explain inventory-complete
"""
    )


def crowd(count: int) -> Evidence:
    """Return an image refused for many reasons, most of them in its base."""
    components = tuple(debian(f"lib{i}", f"source{i // 2}", "1", i % 7 // 6) for i in range(count))
    findings = tuple(hole(c, f"CVE-2024-{c.name}-{k}", "2") for c in components for k in range(4))
    base = Base(
        layers=1,
        confidence="likely",
        because='CMD ["bash"] closes it in the history',
        name="docker.io/library/debian:12",
        digest="sha256:" + "c" * 64,
        stated_by="annotation",
    )
    return msgspec.structs.replace(
        REFUSED,
        inventory=msgspec.structs.replace(INVENTORY, components=components, base=base),
        vulnerabilities=msgspec.structs.replace(VULNERABILITIES, findings=findings),
    )


def test_a_long_denial_fits_a_screen_and_says_how_to_see_the_rest() -> None:
    for count in (3, 20, 60):
        for width in (80, 100, 120):
            page = table(crowd(count), Terminal(width))
            assert page.count("\n") <= 42, page
    page = table(crowd(20))
    assert "… and 76 more (--all shows everything)" in page
    whole = render_decision("table", answer(crowd(20)), IMAGE, everything=True)
    assert "more (--all" not in whole
    assert whole.count("CVE-2024-lib") == 80 + 1, "each once, and the one to learn more about"


def test_where_nobody_knows_which_layer_brought_a_package_the_page_says_so() -> None:
    curl = msgspec.structs.replace(
        CURL, where=Origin(path="/var/lib/dpkg/status", unknown="a copy could not be read")
    )
    evidence = msgspec.structs.replace(
        REFUSED, inventory=msgspec.structs.replace(INVENTORY, components=(curl,))
    )
    assert "curl 7.88.1-10 · brought by a layer that is not known\n" in table(evidence)


def test_who_refused_and_what_brought_it_stands_in_the_whole_page() -> None:
    page = render_decision("table", answer(REFUSED), IMAGE, everything=True)
    assert (
        """
  CVE-2023-0464   high      openssl 3.0.8-1  → 3.0.9-1
      no-fixable-vulnerabilities · libssl3 3.0.8-1, openssl 3.0.8-1 · FROM debian:bookworm
  the image runs as root (no user is set)
      not-root
"""
        in page
    )


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


def test_another_base_is_offered_with_how_it_was_guessed_and_what_helps_meanwhile() -> None:
    page = table(crowd(6))
    assert page[page.index("What to do") : page.index("\n\nRefused")] == (
        """\
What to do
  1. change the base image docker.io/library/debian:12 to one with the fixes       clears 24 of 25
     base: its annotation names docker.io/library/debian:12 (sha256:cccccccccccc); guessed (likely):
     the lowest layer of 2, as CMD ["bash"] closes it in the history
     instead of 3 upgrades: source0, source1, source2
  2. set `USER 65532:65532` in the Dockerfile                                       clears 1 of 25

Until there is such a base, in the Dockerfile
  RUN apt-get update && apt-get install -y --only-upgrade lib0 lib1 lib2 lib3 lib4 lib5"""
    )


def test_a_command_is_broken_so_that_it_can_be_copied() -> None:
    page = table(crowd(30), Terminal(60))
    block = page[page.index("  RUN apt-get") : page.index("\n\nRefused")]
    script = block.replace("RUN ", "echo ", 1).replace("apt-get update && ", "")
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split()[4:] == sorted(f"lib{i}" for i in range(30))


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
