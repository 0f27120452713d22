"""What entries refer to, kept by digest: `bodies/sha256/ab/abcd…`, uncompressed."""

from __future__ import annotations

import re
from hashlib import sha256

from sealmark.ledger.errors import MalformedError

FOLDER = "bodies"
MAX_BODY_BYTES = 256 * 1024 * 1024

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_NAME = re.compile(r"bodies/sha256/(?P<start>[0-9a-f]{2})/(?P<hex>[0-9a-f]{64})", re.ASCII)


def body_digest(body: bytes) -> str:
    """Return `sha256:…` of a body."""
    return f"sha256:{sha256(body).hexdigest()}"


def body_name(digest: str) -> str:
    """Return where the body with this digest lies; MalformedError if it is no sha256 digest."""
    if not _DIGEST.fullmatch(digest):
        raise MalformedError(f"expected sha256: and 64 lower-case hex digits, got {digest[:80]!r}")
    hexadecimal = digest.removeprefix("sha256:")
    return f"{FOLDER}/sha256/{hexadecimal[:2]}/{hexadecimal}"


def digest_of_name(name: str) -> str:
    """Return the digest a body's name promises; MalformedError if it is no body's name."""
    found = _NAME.fullmatch(name)
    if found is None or not found["hex"].startswith(found["start"]):
        raise MalformedError(f"not the name of a body: {name[:120]!r}")
    return f"sha256:{found['hex']}"
