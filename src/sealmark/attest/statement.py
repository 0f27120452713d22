"""in-toto statements (in-toto/attestation, Statement v1): a predicate about subjects by digest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sealmark.attest.artifact import ALGORITHMS
from sealmark.attest.fields import FieldError, Message, decode_json
from sealmark.attest.steps import SUBJECT, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealmark.attest.artifact import Artifact

PAYLOAD_TYPE = "application/vnd.in-toto+json"
TYPES = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
MAX_STATEMENT_BYTES = 16_000_000
MAX_SUBJECTS = 10_000

_HEX = re.compile(r"(?:[0-9a-f]{2}){1,128}", re.ASCII)
_DESCRIPTOR = ("name", "digest", "uri", "content", "downloadLocation", "mediaType", "annotations")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a statement is about: a name for people, digests (algorithm, hex) for the rest."""

    name: str
    digests: tuple[tuple[str, str], ...]

    def is_about(self, artifact: Artifact) -> bool:
        """Tell whether a digest is the artifact's, and none known of it is another's."""
        known = [(a, value) for a, value in self.digests if a in artifact.digests]
        return bool(known) and all(artifact.digests[a].hex() == value for a, value in known)


@dataclass(frozen=True, slots=True)
class Statement:
    """A parsed statement beside the bytes that were signed."""

    raw: bytes
    type: str
    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Mapping[str, Any]


def parse_statement(payload_type: str, payload: bytes) -> Statement:
    """Read a DSSE payload. FieldError unless it is an in-toto statement, v1 or v0.1."""
    if payload_type != PAYLOAD_TYPE:
        raise FieldError("payloadType", f"expected {PAYLOAD_TYPE}, got {payload_type[:80]!r}")
    value = decode_json(payload, MAX_STATEMENT_BYTES, "payload")
    if not isinstance(value, dict):
        raise FieldError("payload", "expected a JSON object")
    # Unknown fields are ignored, as the in-toto parsing rules demand.
    message = Message(_only(value, "_type", "subject", "predicateType", "predicate"), "",
                      "_type", "subject", "predicateType", "predicate")  # fmt: skip
    if message.text("_type") not in TYPES:
        raise FieldError("_type", f"expected one of {', '.join(TYPES)}")
    predicate = value.get("predicate")
    if not isinstance(predicate, dict | None):
        raise FieldError("predicate", "expected a JSON object")
    return Statement(
        raw=payload,
        type=message.text("_type"),
        subjects=_subjects(message),
        predicate_type=message.text("predicateType"),
        predicate=predicate or {},
    )


def check_subject(statement: Statement, artifact: Artifact) -> Subject:
    """Return the subject that is the artifact. Raises RefusedError (step 7)."""
    for subject in statement.subjects:
        if subject.is_about(artifact):
            return subject
    named = ", ".join(f"{a}:{v[:16]}…" for s in statement.subjects[:3] for a, v in s.digests[:2])
    raise RefusedError(SUBJECT, "subject", f"the statement is about {named}, not about {artifact}")


def _subjects(message: Message) -> tuple[Subject, ...]:
    items = message.items("subject", MAX_SUBJECTS)
    if not items:
        raise FieldError("subject", "a statement has at least one subject")
    return tuple(_subject(item, f"subject[{index}]") for index, item in enumerate(items))


def _subject(value: Any, path: str) -> Subject:
    if not isinstance(value, dict):
        raise FieldError(path, "expected a JSON object")
    message = Message(_only(value, *_DESCRIPTOR), path, *_DESCRIPTOR)
    digests = value.get("digest")
    if not isinstance(digests, dict) or not digests:
        raise FieldError(f"{path}.digest", "expected digests")
    for algorithm, digest in digests.items():
        # Only some algorithms spell their digests in hex (in-toto, DigestSet).
        if not isinstance(digest, str) or (algorithm in ALGORITHMS and not _HEX.fullmatch(digest)):
            raise FieldError(f"{path}.digest.{algorithm[:40]}", "expected lower-case hex")
    return Subject(message.optional_text("name"), tuple(digests.items()))


def _only(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value[name] for name in names if name in value}
