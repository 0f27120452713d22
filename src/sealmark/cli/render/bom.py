"""The inventory as a bill of materials, whether with a decision or alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealmark.cli.render.json_document import indented
from sealmark.cli.render.view import EvidenceView, tool_version
from sealmark.evidence.sbom.cyclonedx import cyclonedx
from sealmark.evidence.sbom.spdx import spdx
from sealmark.evidence.sbom.stamp import Stamp

if TYPE_CHECKING:
    from sealmark.cli.render.view import View


def render_cyclonedx(view: View | EvidenceView) -> str:
    """Return CycloneDX 1.6."""
    return indented(cyclonedx(view.evidence, _stamp(view)))


def render_spdx(view: View | EvidenceView) -> str:
    """Return SPDX 2.3."""
    return indented(spdx(view.evidence, _stamp(view)))


def _stamp(view: View | EvidenceView) -> Stamp:
    if isinstance(view, EvidenceView):
        return Stamp(view.name, view.at, tool_version())
    return Stamp(view.image, view.decision.asked.at, tool_version())
