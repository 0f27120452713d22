"""Feeds' formats: real records are read whole, anything else is refused in the parser's words."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import islice
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.advisories import real_lines, record, shared, unpacked

from sealmark.evidence.vulnerability import Exploitability, Exploited
from sealmark.scan.vulnerabilities.cvss import CvssError, base_score, rating
from sealmark.scan.vulnerabilities.end_of_life import EndOfLifeError, parse_end_of_life
from sealmark.scan.vulnerabilities.exploitability import ScoresError, parse_exploitability
from sealmark.scan.vulnerabilities.exploited import CatalogueError, parse_exploited
from sealmark.scan.vulnerabilities.not_affected import parse_not_affected
from sealmark.scan.vulnerabilities.osv import RecordError, parse_record
from sealmark.scan.vulnerabilities.salvage import salvage

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(list(record("X", aliases=[], severity=[], withdrawn="", upstream=[])))
EPSS = b"#model_version:v2025.03.14,score_date:2026-11-24T00:00:00+0000\ncve,epss,percentile\n"


@pytest.mark.parametrize(
    "name",
    ["debian-12", "debian-12-dsa-dla", "alpine", "pypi", "npm", "go", "crates-io", "almalinux"],
)
def test_real_records_are_read_and_say_which_package_and_vulnerability(name: str) -> None:
    for line in islice(real_lines(f"{name}.jsonl.zst"), 0, None, 20):
        read = parse_record(line)
        assert read.vulnerabilities
        assert read.advisory.modified
        assert read.affected


def test_real_statements_that_nothing_is_affected_are_read() -> None:
    for line in real_lines("alpine-not-affected.jsonl.zst"):
        read = parse_not_affected(line, "2026-01-01T00:00:00Z")
        assert read.vulnerabilities[0].startswith(("CVE-", "XSA-", "GHSA-", "ALPINE-"))


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_record_or_refused(content: bytes) -> None:
    with suppress(RecordError):
        parse_record(content)


@given(KEYS, JSON)
def test_any_value_in_a_known_place_is_read_or_refused(key: str, value: Any) -> None:
    content = json.dumps({**record("CVE-2024-1"), key: value}).encode()
    with suppress(RecordError):
        parse_record(content)


@given(st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_a_damaged_record_is_read_or_refused(at: int, junk: bytes) -> None:
    content = json.dumps(record("CVE-2024-1", aliases=["GHSA-1"])).encode()
    with suppress(RecordError):
        parse_record(content[:at] + junk + content[at + len(junk) :])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": "a b"}, "the id is no printable text"),
        ({"id": "\x1b[2J"}, "the id is no printable text"),
        ({"modified": "yesterday"}, "modified is no RFC 3339 time"),
        ({"withdrawn": "no"}, "withdrawn is no RFC 3339 time"),
        ({"aliases": ["\u202e"]}, "an alias is no printable id"),
        ({"affected": [{"package": {"ecosystem": "", "name": "x"}}]}, "without a name"),
    ],
)
def test_what_is_wrong_with_a_record_is_said_in_printable_words(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(RecordError, match=said) as caught:
        parse_record(json.dumps({**record("CVE-2024-1"), **changes}).encode())
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "events",
    [
        [{"fixed": "1"}],
        [{"introduced": "0", "fixed": "1"}],
        [{"introduced": "0"}, {"mended": "1"}],
        [],
    ],
)
def test_a_range_that_means_nothing_leaves_the_package_unknown(
    events: list[dict[str, str]],
) -> None:
    content = record("CVE-2024-1", ranges=({"type": "ECOSYSTEM", "events": events},))
    (package,) = parse_record(json.dumps(content).encode()).affected
    assert "advisory CVE-2024-1: " in package.versions.unreadable


def test_a_type_of_range_nobody_knows_leaves_the_package_unknown() -> None:
    content = record("CVE-2024-1", ranges=({"type": "LUNAR", "events": []},), versions=["1"])
    (package,) = parse_record(json.dumps(content).encode()).affected
    assert "unknown type of range 'LUNAR'" in package.versions.unreadable


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(RecordError):
        parse_record(b'{"id":"A","modified":' + b"[" * 100_000)


def test_the_real_catalogue_of_exploited_vulnerabilities_is_read() -> None:
    exploited, as_of = parse_exploited(unpacked(shared("kev.json.zst")))
    assert len(exploited) == 1500
    assert as_of == "2026-01-27T20:51:50Z"
    assert exploited["CVE-2021-44228"] == Exploited(
        date_added="2021-12-10", due_date="2021-12-24", ransomware=True
    )


def test_a_catalogue_that_lists_fewer_than_it_announces_was_cut_short() -> None:
    short = {"dateReleased": "2026-01-01", "count": 2, "vulnerabilities": []}
    with pytest.raises(CatalogueError, match="announces 2 entries and lists 0"):
        parse_exploited(json.dumps(short).encode())


@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_refused_by_every_other_parser(content: bytes) -> None:
    with suppress(CatalogueError):
        parse_exploited(content)
    with suppress(EndOfLifeError):
        parse_end_of_life(content)
    with suppress(ScoresError):
        parse_exploitability([EPSS, content])
    with suppress(RecordError):
        parse_not_affected(content, "2026-01-01T00:00:00Z")


def test_probabilities_are_read_however_small_they_are_written() -> None:
    rows = [*EPSS.splitlines(), b"CVE-2021-44228,0.94358,0.9996", b"CVE-2024-0001,1e-05,0.00123"]
    scores, as_of = parse_exploitability(rows)
    assert as_of == "2026-11-24T00:00:00Z"
    assert scores == {
        "CVE-2021-44228": Exploitability(probability=0.94358, percentile=0.9996),
        "CVE-2024-0001": Exploitability(probability=0.00001, percentile=0.00123),
    }


@pytest.mark.parametrize("row", [b"CVE-2024-1,1.5,0", b"CVE-2024-0001,nan,0", b"CVE-2024-0001,2"])
def test_a_score_that_is_no_probability_is_refused_with_its_line(row: bytes) -> None:
    with pytest.raises(ScoresError, match="line 3"):
        parse_exploitability([*EPSS.splitlines(), row])


def test_the_real_ends_of_life_are_read() -> None:
    ends, _ = parse_end_of_life(unpacked(shared("eol.json.zst")))
    known = {(end.product, end.release): end.ends for end in ends}
    assert known["debian", "12"] == "2028-06-30"
    assert known["alpine-linux", "3.18"] == "2025-05-09"


@pytest.mark.parametrize(
    ("vector", "score"),
    [
        # Scores as the National Vulnerability Database publishes them.
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", 7.5),
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
        ("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ("AV:N/AC:L/Au:N/C:P/I:P/A:P", 7.5),
        ("AV:N/AC:M/Au:N/C:N/I:P/A:N", 4.3),
    ],
)
def test_scores_are_what_their_publishers_computed(vector: str, score: float) -> None:
    assert base_score(vector) == score


@given(st.text(max_size=60) | st.text("CVSS:3.1/AVNLPRUIHO", max_size=60))
def test_any_text_is_a_score_or_refused(text: str) -> None:
    with suppress(CvssError):
        assert 0 <= base_score(text) <= 10


def test_ratings_change_where_the_specification_says() -> None:
    scores = (0.0, 0.1, 3.9, 4.0, 6.9, 7.0, 8.9, 9.0, 10.0)
    assert [rating(score)[0] for score in scores] == list("nllmmhhcc")


def test_a_record_survives_the_way_into_the_database() -> None:
    advisory = parse_record(json.dumps(record("CVE-2024-1")).encode()).advisory
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(advisory), type=type(advisory)) == advisory


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_of_any_bytes_no_more_is_told_than_is_there(content: bytes) -> None:
    assert salvage(content).packages == ()


@given(KEYS, JSON)
def test_whatever_else_is_broken_the_packages_of_a_record_are_told(key: str, value: Any) -> None:
    remains = salvage(msgspec.json.encode({**record("CVE-2024-1"), key: value}))
    if key != "affected":
        assert (remains.packages, remains.whole) == ((("Debian:12", "openssl"),), True)
