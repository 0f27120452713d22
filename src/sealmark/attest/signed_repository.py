"""Step 7, for images: the signed bytes name this image, and no other repository than the asked one.

Whoever signs an image for a staging repository has not released it to production: a signature
that names a repository counts in that one only. cosign writes the name and ignores it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sealmark.artifact.repository import parse_image_name
from sealmark.attest.simple_signing import parse_simple_signing
from sealmark.attest.steps import SUBJECT, RefusedError
from sealmark.errors import UsageError

if TYPE_CHECKING:
    from sealmark.artifact.repository import ImageName
    from sealmark.attest.artifact import Artifact

_REFERENCE = "payload.critical.identity.docker-reference"
_DIGEST = "payload.critical.image.docker-manifest-digest"


def check_payload(payload: bytes, artifact: Artifact, asked: ImageName | None) -> str:
    """Return the repository that a payload of simple signing was signed for, "" if for none.

    Raises RefusedError (step 7) for another image or another repository, FieldError for bytes
    that are no such payload.
    """
    signed = parse_simple_signing(payload)
    if artifact.digests.get(signed.digest.algorithm) != bytes.fromhex(signed.digest.hex):
        why = f"the signature is for {signed.digest}, not for {artifact}"
        raise RefusedError(SUBJECT, _DIGEST, why)
    if not signed.repository:
        return ""
    name = _parsed(signed.repository)
    if name is None:
        why = f"no repository name: {signed.repository[:160]!r}"
        raise RefusedError(SUBJECT, _REFERENCE, why)
    _compare(name, asked, _REFERENCE)
    return signed.repository


def check_name(name: str, asked: ImageName | None) -> str:
    """Return a statement's name for its subject if that is a repository's, "" if it is none.

    Only a name that begins with a registry's host is one: others are names of files, packages, or
    whatever the signer liked. Raises RefusedError (step 7) for another repository.
    """
    host, slash, _ = name.partition("/")
    signed = _parsed(name) if slash and _is_host(host) else None
    if signed is None:
        return ""
    _compare(signed, asked, "subject.name")
    return name


def _is_host(text: str) -> bool:
    return "." in text or ":" in text or text == "localhost"


def _compare(signed: ImageName, asked: ImageName | None, field: str) -> None:
    """A signed tag counts where a tag was asked for: app:1.0 is not to pass for app:2.0."""
    if asked is None:
        return
    same = (signed.registry, signed.repository) == (asked.registry, asked.repository)
    tagged = signed.tag and asked.tag and asked.digest is None
    if not same or (tagged and signed.tag != asked.tag):
        why = f"signed for {signed}, not for {asked}"
        raise RefusedError(SUBJECT, field, why)


def _parsed(text: str) -> ImageName | None:
    """Read the name as it was written: a tag that nobody wrote is none."""
    try:
        name = parse_image_name(text)
    except UsageError:
        return None
    last = text.partition("@")[0].rpartition("/")[2]
    return name if ":" in last else replace(name, tag="")
