"""Packs: named sets of controls with a version and an owner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sealmark.decision import PolicyIdentity
from sealmark.evidence.canonical import digest_of
from sealmark.policy.control import Parameters
from sealmark.policy.controls.freshness import AdvisoriesFresh, InventoryComplete, NotEndOfLife
from sealmark.policy.controls.settings import NoSecretsInConfiguration, NotRoot
from sealmark.policy.controls.signatures import SignedBy
from sealmark.policy.controls.vulnerabilities import (
    NoFixableVulnerabilities,
    NoKnownExploited,
    NoMaliciousPackages,
)

if TYPE_CHECKING:
    from sealmark.policy.control import Control

DEFAULT_PARAMETERS = Parameters(severity="high", max_advisory_age=timedelta(days=7))


@dataclass(frozen=True, slots=True)
class Pack:
    """Controls that are judged together. All must be content; an empty pack denies."""

    id: str
    version: str
    owner: str
    controls: tuple[Control, ...]
    parameters: Parameters

    @property
    def identity(self) -> PolicyIdentity:
        """Return id, version and owner, with a digest over the controls and the parameters."""
        content = {
            "id": self.id,
            "version": self.version,
            "owner": self.owner,
            "controls": [control.about.id for control in self.controls],
            "parameters": {
                "severity": self.parameters.severity,
                "max_advisory_age_seconds": int(self.parameters.max_advisory_age.total_seconds()),
                "end_of_life": self.parameters.end_of_life,
                "trust": self.parameters.trust,
            },
        }
        return PolicyIdentity(
            id=self.id, version=self.version, digest=digest_of(content), owner=self.owner
        )


BASE_CONTROLS: tuple[Control, ...] = (
    NoMaliciousPackages(),
    NoKnownExploited(),
    NoFixableVulnerabilities(),
    NotRoot(),
    NoSecretsInConfiguration(),
    NotEndOfLife(),
    AdvisoriesFresh(),
    InventoryComplete(),
)
SIGNED_CONTROLS: tuple[Control, ...] = (SignedBy(),)
"""What is asked as well where a trust file names signers."""
KNOWN_CONTROLS = (*BASE_CONTROLS, *SIGNED_CONTROLS)


def base_pack(parameters: Parameters = DEFAULT_PARAMETERS, owner: str = "unassigned") -> Pack:
    """Return the pack that holds unless somebody says otherwise."""
    controls = KNOWN_CONTROLS if parameters.trust else BASE_CONTROLS
    return Pack("base", "1", owner, controls, parameters)
