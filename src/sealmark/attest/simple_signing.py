"""cosign's simple-signing payload: an image's digest and the repository it was signed for.

https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
"""

from __future__ import annotations

from dataclasses import dataclass

from sealmark.artifact.digest import Digest, DigestError
from sealmark.attest.fields import FieldError, Message, decode_json

TYPES = ("cosign container image signature", "atomic container signature")
MAX_PAYLOAD_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class SimpleSigning:
    """The parsed payload beside the bytes that were signed.

    `repository` is what the signer wrote as docker-reference: a signature for one repository must
    not be passed off in another, so callers compare it.
    """

    raw: bytes
    digest: Digest
    repository: str
    type: str


def parse_simple_signing(payload: bytes) -> SimpleSigning:
    """Read the payload. Raises FieldError."""
    message = Message(
        decode_json(payload, MAX_PAYLOAD_BYTES, "payload"), "", "critical", "optional"
    )
    critical = message.message("critical", "identity", "image", "type")
    identity = critical.message("identity", "docker-reference")
    image = critical.message("image", "docker-manifest-digest", "Docker-manifest-digest")
    name = image.one_of("docker-manifest-digest", "Docker-manifest-digest")
    if critical.text("type") not in TYPES:
        raise FieldError("critical.type", f"expected {TYPES[0]!r}")
    try:
        digest = Digest.parse(image.text(name))
    except DigestError as error:
        raise FieldError(image.at(name), str(error)) from None
    return SimpleSigning(
        raw=payload,
        digest=digest,
        repository=identity.optional_text("docker-reference"),
        type=critical.text("type"),
    )
