"""Step 8: the signed payload names an artifact's manifest (signature-specification.md, Payload)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sealmark.artifact.digest import Digest, DigestError
from sealmark.artifact.manifest import Descriptor
from sealmark.attest.fields import MAX_INTEGER, FieldError, decode_json
from sealmark.attest.notation.steps import SUBJECT
from sealmark.attest.steps import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_PAYLOAD_BYTES: Final = 1_000_000
TARGET: Final = "targetArtifact"

_FIELDS = ("mediaType", "digest", "size", "annotations", "artifactType", "urls", "data", "platform")
_RESERVED = "io.cncf.notary"


@dataclass(frozen=True, slots=True)
class Target:
    """The artifact that was signed, and what its signer noted beside it."""

    descriptor: Descriptor
    annotations: Mapping[str, str]


def parse_payload(payload: bytes) -> Target:
    """Read a payload. Raises FieldError."""
    whole = decode_json(payload, MAX_PAYLOAD_BYTES, "payload")
    if not isinstance(whole, dict) or list(whole) != [TARGET]:
        raise FieldError("payload", f"expected an object with {TARGET} and nothing else")
    target = whole[TARGET]
    path = f"payload.{TARGET}"
    if not isinstance(target, dict):
        raise FieldError(path, "expected an OCI descriptor")
    for name in target:
        if name not in _FIELDS:
            raise FieldError(f"{path}.{name[:80]}", "unknown field")
    size = target.get("size")
    if type(size) is not int or not 0 <= size <= MAX_INTEGER:
        raise FieldError(f"{path}.size", "expected a whole number")
    try:
        digest = Digest.parse(_text(target, "digest", path))
    except DigestError as error:
        raise FieldError(f"{path}.digest", str(error)) from None
    descriptor = Descriptor(_text(target, "mediaType", path), digest, size)
    return Target(descriptor, _annotations(target.get("annotations", {}), path))


def check_target(target: Target, artifact: Descriptor) -> None:
    """Raise RefusedError (step 8) unless the payload is about this manifest and no other."""
    signed = target.descriptor
    for name, got, expected in (
        ("digest", signed.digest, artifact.digest),
        ("size", signed.size, artifact.size),
        ("mediaType", signed.media_type, artifact.media_type),
    ):
        if got != expected:
            why = f"the signature is about {str(got)[:100]}, not about {expected}"
            raise RefusedError(SUBJECT, f"payload.{TARGET}.{name}", why)


def _text(target: dict[str, Any], name: str, path: str) -> str:
    value = target.get(name)
    if not isinstance(value, str) or not value:
        raise FieldError(f"{path}.{name}", "expected a text")
    return value


def _annotations(value: Any, path: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise FieldError(f"{path}.annotations", "expected texts by name")
    for name in value:
        if name.startswith(_RESERVED):
            raise FieldError(f"{path}.annotations.{name[:80]}", "the name is reserved, not known")
    return value
