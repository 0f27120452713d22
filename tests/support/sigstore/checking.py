"""Verify a bundle of the test's world as an honest caller would."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.sigstore.authority import ISSUER, NAME
from tests.support.sigstore.world import ARTIFACT, World, dump

from sealmark.attest.artifact import Artifact
from sealmark.attest.bundle import parse_bundle
from sealmark.attest.identity import Exactly, IdentityPolicy
from sealmark.attest.steps import ClaimError, Step
from sealmark.attest.trust_root import parse_trust_root
from sealmark.attest.verify import Expectation, Verified, verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealmark.attest.keys import VerificationKey

NOW = datetime(2024, 7, 1, tzinfo=UTC)
ANYONE = Exactly(NAME, ISSUER)


def check(
    bundle: dict[str, Any] | bytes,
    world: World,
    *,
    root: dict[str, Any] | None = None,
    content: bytes = ARTIFACT,
    signer: VerificationKey | IdentityPolicy = ANYONE,
    now: datetime = NOW,
) -> Verified:
    data = bundle if isinstance(bundle, bytes) else dump(bundle)
    trust = parse_trust_root(dump(root or world.trusted_root()))
    return verify(parse_bundle(data), trust, Expectation(Artifact.of_bytes(content), signer), now)


def refusal(*arguments: Any, **named: Any) -> ClaimError:
    """Return why the bundle is refused."""
    with pytest.raises(ClaimError) as caught:
        check(*arguments, **named)
    return caught.value


def refused(step: Step, field: str, *arguments: Any, **named: Any) -> str:
    """Assert that the bundle is refused at this step because of this field; return why."""
    error = refusal(*arguments, **named)
    assert (error.step.id, field in error.field) == (step.id, True), str(error)
    return error.why


def changed(value: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Return a copy with a change made to it."""
    copied = copy.deepcopy(value)
    change(copied)
    return copied
