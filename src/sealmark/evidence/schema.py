"""The published JSON Schemas, made from the very types that are encoded (JSON Schema 2020-12).

From version 1 on a schema only grows: a reader of an old document, and an old reader of a new
document, both keep working. A test compares with what was published before.
"""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from sealmark.evidence.document import Evidence

DIALECT = "https://json-schema.org/draft/2020-12/schema"
EVIDENCE_ID = "urn:sealmark:schema:evidence:v1"


def evidence_schema() -> dict[str, Any]:
    """Return the schema of `evidence/v1`."""
    return json_schema(Evidence, EVIDENCE_ID, "Evidence about one subject, version 1")


def json_schema(type_: type[msgspec.Struct], id_: str, title: str) -> dict[str, Any]:
    """Return a self-contained schema of a Struct; descriptions are the types' docstrings."""
    (reference,), parts = msgspec.json.schema_components([type_], ref_template="#/$defs/{name}")
    return {
        "$schema": DIALECT,
        "$id": id_,
        "title": title,
        "description": inspect.getdoc(type_) or "",
        **reference,
        "$defs": {name: _flowing(part) for name, part in sorted(parts.items())},
    }


def _flowing(part: dict[str, Any]) -> dict[str, Any]:
    """Return a definition whose description has its paragraphs each on one line."""
    if "description" not in part:
        return part
    paragraphs = inspect.cleandoc(part["description"]).split("\n\n")
    flowing = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    return {**part, "description": flowing}
