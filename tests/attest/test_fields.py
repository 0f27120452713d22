"""JSON read as protobuf messages: what the mapping allows, and nothing more."""

from __future__ import annotations

import contextlib
import json
from base64 import b64encode, encodebytes, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmark.attest.fields import FieldError, Message, base64_bytes, decode_json, parse_time


def read(text: bytes, *known: str) -> Message:
    return Message(decode_json(text, 10_000, "it"), "", *known)


@pytest.mark.parametrize("name", ["logIndex", "log_index"])
def test_both_spellings_of_a_name_are_the_field(name: str) -> None:
    assert read(b'{"%s": "7"}' % name.encode(), "logIndex").integer("logIndex") == 7


@pytest.mark.parametrize(
    "text",
    [
        b'{"logIndex": 1, "log_index": 1}',
        b'{"logIndex": 1, "logIndex": 1}',
        b'{"logIndex": null, "logIndex": 1}',
        b'{"other": 1}',
        b'{"LogIndex": 1}',
        b'{"log_Index": 1}',
        b"[]",
        b"1",
        b"{} {}",
        b"\xff",
        b'{"logIndex": NaN}',
        b'{"logIndex": "\\ud800"}',
        b"[" * 100_000,
        b"[" * 3_000 + b"]" * 3_000,
        b'{"logIndex": ' + b"[" * 70 + b"]" * 70 + b"}",
        b'{"logIndex": ' + b"9" * 9_000 + b"}",
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_not_one_message_with_known_fields_is_refused(text: bytes) -> None:
    with pytest.raises(FieldError):
        read(text, "logIndex").integer("logIndex")


@pytest.mark.parametrize("value", ["1.0", "-1", "01", "1e3", "\uff19", str(2**63), "true", '""'])
def test_numbers_have_one_spelling(value: str) -> None:
    for text in (value, f'"{value}"' if not value.startswith('"') else value):
        with pytest.raises(FieldError):
            read(b'{"n": %s}' % text.encode(), "n").integer("n")


def test_null_is_absent() -> None:
    message = read(b'{"n": null}', "n")
    assert not message.has("n")
    assert message.integer("n") == 0
    with pytest.raises(FieldError):
        message.text("n")


def test_a_oneof_has_one() -> None:
    assert read(b'{"a": "x", "b": null}', "a", "b").one_of("a", "b") == "a"
    for text in (b"{}", b'{"a": "", "b": ""}'):
        with pytest.raises(FieldError):
            read(text, "a", "b").one_of("a", "b")


@given(st.binary(max_size=80))
def test_base64_is_read_in_its_four_spellings(data: bytes) -> None:
    for encode in (b64encode, urlsafe_b64encode):
        text = encode(data).decode()
        assert base64_bytes(text, "f") == base64_bytes(text.rstrip("="), "f") == data


@given(st.text(alphabet="AQgw=-_+/ \nZ\u00e9", max_size=12))
def test_base64_is_read_or_refused_and_says_what_it_read(text: str) -> None:
    try:
        data = base64_bytes(text, "f")
    except FieldError:
        return
    standard = text.replace("\n", "").replace("-", "+").replace("_", "/").rstrip("=")
    assert b64encode(data).decode().rstrip("=") == standard


@pytest.mark.parametrize("text", ["QR==", "QQ===", "Q", "QQ==QQ==", "Q Q=", "QQ\t==", "===="])
def test_other_spellings_of_base64_are_refused(text: str) -> None:
    with pytest.raises(FieldError):
        base64_bytes(text, "f")


def test_base64_in_lines_is_read_as_base64_writes_it() -> None:
    data = bytes(range(200))
    assert base64_bytes(encodebytes(data).decode(), "f") == data
    assert base64_bytes(encodebytes(data).decode().replace("\n", "\r\n"), "f") == data


def test_a_choice_is_a_name_or_its_number() -> None:
    choices = {1: "ONE"}
    assert read(b'{"n": 1}', "n").enum("n", choices) == "ONE"
    assert read(b'{"n": "ONE"}', "n").enum("n", choices) == "ONE"
    assert read(b"{}", "n").enum("n", choices) == ""
    for text in (b'{"n": 0}', b'{"n": true}', b'{"n": 1.0}', b'{"n": []}'):
        with pytest.raises(FieldError):
            read(text, "n").enum("n", choices)


def test_times() -> None:
    expected = datetime(2024, 2, 29, 23, 59, 59, 999_000, tzinfo=UTC)
    assert parse_time("2024-02-29T23:59:59.999Z", "t") == expected
    assert parse_time("2024-03-01T01:59:59.999+02:00", "t") == expected
    for text in ("2024-02-30T00:00:00Z", "2024-02-29 00:00:00Z", "2024-02-29T00:00:00", "", "x"):
        with pytest.raises(FieldError):
            parse_time(text, "t")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=20))
def test_a_message_is_read_or_refused_with_a_field_error(value: Any) -> None:
    message = read(json.dumps({"a": value}).encode(), "a")
    for ask in (message.text, message.data, message.integer, message.time, message.message):
        with contextlib.suppress(FieldError):
            ask("a")
