"""cosign's simple-signing payload names a digest and the repository it was signed for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sealmark.attest.fields import FieldError
from sealmark.attest.simple_signing import parse_simple_signing

DIGEST = "sha256:" + "ab" * 32


def payload(**changes: Any) -> bytes:
    critical = {
        "identity": {"docker-reference": "registry.example/team/app"},
        "image": {"docker-manifest-digest": DIGEST},
        "type": "cosign container image signature",
    }
    return json.dumps({"critical": {**critical, **changes}, "optional": None}).encode()


def test_the_payload_is_read_and_its_bytes_are_kept() -> None:
    read = parse_simple_signing(payload())
    assert str(read.digest) == DIGEST
    assert read.repository == "registry.example/team/app"
    assert read.raw == payload()


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "another"},
        {"type": None},
        {"image": {"docker-manifest-digest": "sha256:ab"}},
        {"image": {}},
        {"image": {"docker-manifest-digest": DIGEST, "Docker-manifest-digest": DIGEST}},
        {"identity": None},
        {"more": 1},
    ],
)
def test_another_payload_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(FieldError):
        parse_simple_signing(payload(**changes))
