"""A reference is a transport and a name; what is neither is a usage error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmark.artifact.reference import TRANSPORTS, Reference, parse_reference
from sealmark.errors import UsageError

_NAMED = st.builds(lambda t, n: f"{t}:{n}", st.sampled_from(TRANSPORTS), st.text(max_size=50))


@given(st.text(max_size=100) | _NAMED)
def test_any_text_is_a_reference_with_a_name_or_a_usage_error(text: str) -> None:
    try:
        reference = parse_reference(text)
    except UsageError:
        return
    assert reference.transport in TRANSPORTS
    assert reference.name
    assert reference.name in text


@pytest.mark.parametrize(
    ("text", "transport", "name"),
    [
        ("alpine", "docker", "alpine"),
        ("docker:24", "docker", "docker:24"),
        ("docker://docker:24", "docker", "docker:24"),
        ("localhost:5000/x:1", "docker", "localhost:5000/x:1"),
        ("oci:dir:tag", "oci", "dir:tag"),
        ("oci:/a/b@sha256:0", "oci", "/a/b@sha256:0"),
        ("sbom:-", "sbom", "-"),
        ("nothing:known", "docker", "nothing:known"),
    ],
)
def test_the_transport_is_what_containers_transports_says(
    text: str, transport: str, name: str
) -> None:
    assert parse_reference(text) == Reference(transport, name)


@pytest.mark.parametrize(
    "text", ["", "oci:", "sbom:", "docker://", "a\nb", "a\x1b[31m", "a\0", "x" * 5000]
)
def test_what_names_nothing_is_a_usage_error_of_one_short_line(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_reference(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
