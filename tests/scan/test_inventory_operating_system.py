"""Which distribution an image is, and until when it is supported."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from tests.support.inventory_files import ALPINE, BOOKWORM, take_stock

from sealmark.scan.inventory.operating_system import read_os_release
from sealmark.scan.inventory.support import SUPPORT_ENDS

EOL = Path(__file__).resolve().parents[2].parent / "shared" / "advisories" / "eol.json.zst"


@pytest.mark.parametrize(
    ("id_", "version", "ecosystem", "support"),
    [
        ("debian", "12", "Debian:12", "2028-06-30"),
        ("debian", "", None, None),
        ("ubuntu", "22.04", "Ubuntu:22.04", "2027-04-30"),
        ("alpine", "3.20.3", "Alpine:v3.20", "2026-04-01"),
        ("alpine", "3.21_alpha20240807", None, None),
        ("wolfi", "20230201", "Wolfi", None),
        ("chainguard", "20230214", "Chainguard", None),
        ("rocky", "9.4", "Rocky Linux:9", None),
        ("almalinux", "9.4", "AlmaLinux:9", None),
        ("kali", "2026.1", None, None),
    ],
)
def test_a_release_has_the_ecosystem_name_that_feeds_use(
    id_: str, version: str, ecosystem: str | None, support: str | None
) -> None:
    content = f"ID={id_}\nVERSION_ID='{version}'\n".encode()
    system, _, problems = take_stock({"etc/os-release": content})
    assert system is not None
    assert (system.id, system.version_id) == (id_, version)
    assert (system.ecosystem, system.support_ends) == (ecosystem, support)
    assert problems == ()


def test_etc_is_believed_before_usr_lib_and_both_before_the_hints() -> None:
    files = {
        "etc/debian_version": b"11.9\n",
        "etc/alpine-release": b"3.19.1\n",
        "usr/lib/os-release": ALPINE,
        "etc/os-release": BOOKWORM,
    }
    for expected in ("Debian:12", "Alpine:v3.20", "Alpine:v3.19", "Debian:11"):
        system, _, _ = take_stock(files)
        assert system is not None
        assert system.ecosystem == expected
        files.popitem()


def test_a_debian_without_a_number_stays_without_a_release() -> None:
    assert take_stock({"etc/debian_version": b"trixie/sid\n"})[0] is None


def test_an_unreadable_id_is_a_problem_for_distribution_packages() -> None:
    system, _, problems = take_stock({"etc/os-release": b"ID='not closed\n"})
    assert system is not None
    assert system.ecosystem is None
    assert problems[0].affects == ("deb", "apk", "rpm")
    assert problems[0].location is not None
    assert problems[0].location.path == "/etc/os-release"


WORDS = [
    "plain",
    "'single $HOME `x`'",
    '"double \\$HOME \\"q\\" \\\\ \\` \\n"',
    "back\\ slash\\$",
    "'a'\"b\"c",
    '""',
    "",
    "with-dash_and.dot:colon/slash",
    '"trailing"   ',
    '"semi;colon #no comment"',
]


@pytest.mark.parametrize("word", WORDS)
def test_a_value_is_unquoted_as_the_shell_unquotes_it(word: str) -> None:
    if shutil.which("sh") is None:
        pytest.skip("no sh to compare with")
    script = f'PRETTY_NAME={word}\nprintf %s "$PRETTY_NAME"'
    expected = subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout
    system = read_os_release(f"NAME=fallback\nPRETTY_NAME={word}\n".encode()).operating_system
    assert system is not None
    assert system.name == (expected.decode() or "fallback")


@pytest.mark.parametrize(
    ("content", "affects"),
    [
        (b"ID=debian\nVERSION_ID=12\nNAME='x\n", ()),
        (b"ID=debian\nVERSION_ID='12\n", ("deb", "apk", "rpm")),
        (b"VERSION_ID=12\nI D=debian\n", ("deb", "apk", "rpm")),
    ],
)
def test_a_broken_line_matters_only_where_it_may_hide_the_release(
    content: bytes, affects: tuple[str, ...]
) -> None:
    _, _, problems = take_stock({"etc/os-release": content})
    assert [p.affects for p in problems] == [affects]


def test_a_file_without_a_version_number_is_no_problem_by_itself() -> None:
    system, _, problems = take_stock({"etc/os-release": b"ID=debian\n"})
    assert system is not None
    assert problems == ()


def test_comments_blank_lines_and_a_later_assignment_are_as_in_a_shell() -> None:
    system = read_os_release(b"# c\n\n ID=debian\nID=ubuntu\n#ID=x\n").operating_system
    assert system is not None
    assert system.id == "ubuntu"


@given(st.binary() | st.text().map(lambda t: f"ID={t}\nNAME='{t}\n".encode()))
def test_any_os_release_gives_facts(content: bytes) -> None:
    facts = read_os_release(content)
    system = facts.operating_system
    assert system is None or (system.id + system.name + system.version_id).isprintable()


def test_support_ends_agree_with_the_published_end_of_life_dates() -> None:
    if not EOL.exists():
        pytest.skip("no ../shared/advisories/eol.json.zst to compare with")
    published = json.loads(
        zstandard.ZstdDecompressor().decompressobj().decompress(EOL.read_bytes())
    )
    names = {"debian": "debian", "ubuntu": "ubuntu", "alpine": "alpine-linux"}
    for id_, releases in SUPPORT_ENDS.items():
        cycles = {r["releaseCycle"]: r for r in published[names[id_]]["releases"]}
        for release, ours in releases.items():
            theirs = cycles[release]["eoes" if id_ == "debian" else "eol"]
            apart = abs(date.fromisoformat(ours) - date.fromisoformat(theirs)).days
            assert apart <= 31, f"{id_} {release}: we say {ours}, published is {theirs}"
