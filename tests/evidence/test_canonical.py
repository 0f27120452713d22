from __future__ import annotations

import contextlib
import json
import math
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.large import large_inventory

from sealmark.errors import SealmarkError
from sealmark.evidence import canonical
from sealmark.evidence.canonical import (
    LARGEST_INTEGER,
    CanonicalError,
    canonical_json,
    digest_of,
    number_text,
)
from sealmark.evidence.vulnerability import Exploitability, Vulnerabilities, Vulnerability

# RFC 8785, appendix B: IEEE 754 bits and the text they must give.
NUMBERS = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"),
    ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]

INTEGERS = st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
SCALARS = (
    st.none()
    | st.booleans()
    | INTEGERS
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


def written_carefully(value: Any) -> bytes:
    return canonical._written(value)


@pytest.mark.parametrize(("bits", "text"), NUMBERS)
def test_numbers_are_spelled_as_the_rfc_lists_them(bits: str, text: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert number_text(number) == text
    assert canonical_json([number]) == f"[{text}]".encode()


def test_the_example_of_the_rfc_gives_the_bytes_of_the_rfc() -> None:
    # RFC 8785, 3.2.2 to 3.2.4.
    source = r"""{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }"""
    expected = (
        r'{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical_json(json.loads(source)) == expected.encode()


def test_keys_are_ordered_by_utf16_code_units() -> None:
    # RFC 8785, 3.2.3: the emoji comes before U+FB33 although its code point is greater.
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    encoded = canonical_json(dict.fromkeys(keys, 0))
    assert list(json.loads(encoded)) == ["\r", "1", "\u0080", "ö", "€", "\U0001f600", "\ufb33"]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [x], lambda x: {"a": {"b": x}}])
def test_what_is_no_json_number_is_refused_and_not_written_as_null(
    number: float, wrap: Any
) -> None:
    with pytest.raises(CanonicalError, match="is no JSON number"):
        canonical_json(wrap(number))


@pytest.mark.parametrize("number", [2**53, -(2**53), 2**63, 10**400])
def test_an_integer_that_a_double_cannot_hold_is_refused(number: int) -> None:
    with pytest.raises(CanonicalError):
        canonical_json({"size": number})
    assert canonical_json({"size": LARGEST_INTEGER}) == b'{"size":9007199254740991}'


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(CanonicalError, match="half a surrogate pair"):
        canonical_json(["\ud800"])
    with pytest.raises(CanonicalError):
        canonical_json({"\ud800": 1.5})


def test_endless_nesting_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(CanonicalError, match="nested too deeply"):
        canonical_json(value)


def test_a_type_that_json_does_not_know_is_refused() -> None:
    with pytest.raises(CanonicalError):
        canonical_json({"a": object()})


def test_the_order_in_which_a_dictionary_was_filled_does_not_matter() -> None:
    assert digest_of({"b": 1, "a": [1.0]}) == digest_of({"a": [1], "b": 1})


def test_a_digest_is_sha256_of_the_canonical_bytes() -> None:
    # printf '{"a":1}' | sha256sum
    expected = "sha256:015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
    assert digest_of({"a": 1}) == expected


@given(VALUES)
@example({"\ue000": 1, "\U0001f600": 2})
@example({"a": -1e21})
@example([[-1.5]])
@example('":1.5')
@example({"a": '":1.5', "b": ",1.5"})
@example(-0.0)
@example([None, {"a": None}])
def test_the_fast_way_and_the_careful_way_give_the_same_bytes(value: Any) -> None:
    assert canonical_json(value) == written_carefully(value)


FINDINGS = st.builds(
    Vulnerability,
    id=st.text(),
    component=st.text(),
    status=st.sampled_from(["affected", "unknown"]),
    feed=st.text(),
    advisory=st.text(),
    score=st.none() | st.floats(0, 10),
    exploitability=st.none()
    | st.builds(Exploitability, probability=st.floats(0, 1), percentile=st.floats(0, 1)),
    because=st.lists(st.text(), max_size=2).map(tuple),
)


@given(st.builds(Vulnerabilities, findings=st.lists(FINDINGS, max_size=3).map(tuple)))
def test_both_ways_agree_about_evidence_too(known: Vulnerabilities) -> None:
    assert canonical_json(known) == written_carefully(known)
    assert msgspec.json.decode(canonical_json(known), type=Vulnerabilities) == known


@given(VALUES)
def test_reading_canonical_bytes_gives_the_value_back(value: Any) -> None:
    encoded = canonical_json(value)
    read = json.loads(encoded, parse_int=float)
    assert read == value
    assert canonical_json(read) == encoded


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_digit_of_a_double_is_lost(number: float) -> None:
    assert float(number_text(number)) == number


@given(
    st.recursive(
        st.floats() | st.integers() | st.text(st.characters(codec=None)) | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_whatever_the_value_the_answer_is_bytes_or_our_own_error(value: Any) -> None:
    with contextlib.suppress(SealmarkError):
        assert isinstance(canonical_json(value), bytes)


def test_a_large_inventory_takes_the_fast_way() -> None:
    inventory = large_inventory(300)
    assert canonical._needs_no_care(inventory, msgspec.json.encode(inventory, order="sorted"))
    assert canonical_json(inventory) == written_carefully(inventory)
