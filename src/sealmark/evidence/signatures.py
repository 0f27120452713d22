"""The signatures part of `evidence/v1`: who was found to have signed what, and what was refused.

It holds facts: whether they suffice is policy's to say.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class SeenAt(msgspec.Struct, frozen=True, kw_only=True):
    """When somebody trusted saw a signature (RFC 3339, UTC): a log, or a time-stamp authority."""

    source: Literal["log", "rfc3161"]
    at: str


class LoggedAt(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a transparency log: the log's id in hex, and the index there."""

    log: str
    index: int


class Signature(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One claim that was verified.

    `subject` is the digest of the manifest that it is about: the image's, or that of an index
    which holds the image. `signers` are the names under which the trust file knows who signed;
    `key` is the fingerprint of the key, `names` and `issuer` are what the certificate says, if
    there is one. `predicate_type` is empty for a plain signature, `repository` is the one that
    the signer wrote down. `claim` is the digest of the claim's bytes, `place` where they lay.
    """

    subject: str
    signers: tuple[str, ...]
    key: str
    claim: str
    place: str
    names: tuple[str, ...] = ()
    issuer: str = ""
    predicate_type: str = ""
    repository: str = ""
    seen: tuple[SeenAt, ...] = ()
    logged: tuple[LoggedAt, ...] = ()


class RefusedClaim(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One claim that no trusted signer makes good, and the step and field at which it failed.

    Where several signers were tried it is the attempt that went furthest.
    """

    subject: str
    place: str
    step: int
    step_name: str
    field: str
    why: str
    claim: str = ""


class LeftAlone(msgspec.Struct, frozen=True, kw_only=True):
    """Something that refers to the image and was not looked into, and why."""

    place: str
    why: str


class Demand(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a role of the trust file asks for, and who was found to have signed it.

    `applies` is None where the image came without the name of a repository and the role is about
    certain ones. `signed` names distinct signers. `until` is when one of them ceases to count.
    """

    role: str
    threshold: int
    signers: tuple[str, ...]
    applies: bool | None = True
    predicate_type: str = ""
    signed: tuple[str, ...] = ()
    until: str | None = None


class Signatures(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that is known about who signed the image.

    `trust` is the digest of the trust file's content, `repository` what was asked for, None if
    the image came without a name.
    """

    trust: str
    repository: str | None = None
    demands: tuple[Demand, ...] = ()
    verified: tuple[Signature, ...] = ()
    refused: tuple[RefusedClaim, ...] = ()
    left_alone: tuple[LeftAlone, ...] = ()
