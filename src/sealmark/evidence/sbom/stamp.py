"""What a bill of materials says about itself."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sealmark.evidence.document import Subject

TOOL = "sealmark"


@dataclass(frozen=True, slots=True)
class Stamp:
    """The subject's name as asked for, the time of making (RFC 3339, UTC), our version."""

    name: str
    made_at: str
    tool_version: str


def document_id(subject: Subject, format_: str) -> uuid.UUID:
    """Return the same UUID for the same subject and format every time (RFC 9562, version 5)."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{TOOL}:{format_}:{subject.kind}:{subject.digest}")
