"""A digest is one of two algorithms with its own number of lower-case hex digits, or an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmark.artifact.digest import Digest, DigestError, DigestMismatchError


@given(st.text(max_size=200) | st.from_regex(r"sha(256|512):[0-9a-fA-F/.]{60,130}"))
def test_any_text_is_a_digest_that_prints_as_itself_or_an_own_error(text: str) -> None:
    try:
        digest = Digest.parse(text)
    except DigestError:
        return
    assert str(digest) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256",
        "sha256:",
        "sha1:" + "a" * 40,
        "md5:" + "a" * 32,
        "sha256:" + "a" * 63,
        "sha256:" + "a" * 65,
        "sha256:" + "A" * 64,
        "sha256:" + "../" * 21 + "a",
        "sha256:" + "\u0661" * 64,
        "sha256:" + "a" * 63 + "\n",
        "sha512:" + "a" * 64,
        "SHA256:" + "a" * 64,
        "sha256:sha256:" + "a" * 57,
    ],
)
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(DigestError):
        Digest.parse(text)


def test_a_refusal_does_not_repeat_endless_text() -> None:
    with pytest.raises(DigestError) as caught:
        Digest.parse("x" * 1_000_000)
    assert len(str(caught.value)) < 300


@given(st.binary(max_size=100), st.binary(max_size=100), st.sampled_from(["sha256", "sha512"]))
def test_a_digest_takes_its_own_bytes_and_no_others(one: bytes, other: bytes, name: str) -> None:
    digest = Digest.of(one, name)
    digest.check(one, "it")
    if one != other:
        with pytest.raises(DigestMismatchError, match="it: expected"):
            digest.check(other, "it")
