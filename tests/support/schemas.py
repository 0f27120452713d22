"""The official JSON Schemas, from the packages that ship them; none is kept in this repository."""

from __future__ import annotations

import importlib.resources
import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
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


@cache
def sarif_validator() -> Any:
    """Return the validator of SARIF 2.1.0; `make peers` fetches the Go module that carries it."""
    if shutil.which("go") is None:
        pytest.skip("needs Go and `make peers` for the official SARIF schema")
    listed = subprocess.run(
        ["go", "list", "-m", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3"],
        cwd=Path(__file__).resolve().parents[1] / "peers" / "go-sarif",
        env={**os.environ, "GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
    )
    source = Path(listed.stdout.strip()) / "pkg/report/v210/sarif/schema.go"
    if listed.returncode or not listed.stdout.strip() or not source.exists():
        pytest.skip("the official SARIF schema is not fetched: run `make peers`")
    text = source.read_text(encoding="utf-8")
    schema = text[text.index("`") + 1 : text.rindex("`")]
    return jsonschema_rs.validator_for(json.loads(schema))


def errors(validator: Any, document: Any) -> list[str]:
    """Return what is wrong with a document, an empty list where nothing is."""
    return [
        f"{'/'.join(map(str, error.instance_path))}: {error.message[:200]}"
        for error in validator.iter_errors(document)
    ]
