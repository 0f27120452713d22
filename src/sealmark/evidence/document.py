"""`evidence/v1`: one document with everything known about one subject."""

from __future__ import annotations

from typing import Literal

import msgspec

from sealmark.evidence.inventory import Inventory
from sealmark.evidence.settings import Settings
from sealmark.evidence.signatures import Signatures
from sealmark.evidence.vulnerability import Vulnerabilities


class Subject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the evidence is about: an image's platform manifest digest, or an inventory's digest.

    No name: the same bytes get the same judgement under whatever name they were asked about.
    """

    kind: Literal["image", "rootfs", "sbom"]
    digest: str
    platform: str | None = None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """The parts, each a body that the ledger names by digest. None means: not looked at."""

    subject: Subject
    schema: Literal["sealmark/evidence/v1"] = "sealmark/evidence/v1"
    inventory: Inventory | None = None
    vulnerabilities: Vulnerabilities | None = None
    settings: Settings | None = None
    signatures: Signatures | None = None


class EvidencePart(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="schema",
    tag="sealmark/evidence/v1",
):
    """One part as the ledger keeps it: named by its schema, and the same under every subject."""

    inventory: Inventory | None = None
    vulnerabilities: Vulnerabilities | None = None
    settings: Settings | None = None
    signatures: Signatures | None = None
