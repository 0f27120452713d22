"""The official JSON Schemas, from the packages that ship them; none is kept in this repository."""

from __future__ import annotations

import importlib.resources
import json
from functools import cache
from typing import Any

import jsonschema_rs
import pytest

_FILES = {
    "spdx": "spdx.SNAPSHOT.schema.json",
    "jsf": "jsf-0.82.SNAPSHOT.schema.json",
    "cryptography": "cryptography-defs.SNAPSHOT.schema.json",
}


@cache
def cyclonedx_validator(version: str) -> Any:
    """Return the validator of a CycloneDX version, as cyclonedx-python-lib ships it."""
    pytest.importorskip("cyclonedx", reason="needs cyclonedx-python-lib for the official schemas")
    return jsonschema_rs.validator_for(
        _shipped(f"bom-{version}.SNAPSHOT.schema.json"),
        retriever=lambda uri: next(
            _shipped(name) for start, name in _FILES.items() if f"/{start}" in uri
        ),
    )


def _shipped(name: str) -> Any:
    folder = importlib.resources.files("cyclonedx.schema._res")
    return json.loads(folder.joinpath(name).read_text(encoding="utf-8"))


def errors(validator: Any, document: Any) -> list[str]:
    """Return what is wrong with a document, an empty list where nothing is."""
    return [
        f"{'/'.join(map(str, error.instance_path))}: {error.message[:200]}"
        for error in validator.iter_errors(document)
    ]
