"""From a component's purl to the place in the artifact that a reason points at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealmark.decision import Where
from sealmark.evidence.component import Location

if TYPE_CHECKING:
    from sealmark.evidence.component import Component
    from sealmark.evidence.document import Evidence
    from sealmark.evidence.inventory import Inventory


def components_by_purl(evidence: Evidence) -> dict[str, Component]:
    """Index the inventory's components."""
    inventory = evidence.inventory
    return {component.purl: component for component in inventory.components} if inventory else {}


def where(evidence: Evidence, component: Component) -> Where:
    """Point at what brought the component, else at the first place that proves it is there."""
    if component.where and evidence.inventory:
        origin = Location(component.where.path, component.where.layer)
        return at(evidence.inventory, origin, component.purl)
    if not component.locations or evidence.inventory is None:
        return Where(component=component.purl)
    return at(evidence.inventory, component.locations[0], component.purl)


def at(inventory: Inventory, location: Location, component: str | None = None) -> Where:
    """Point at a path, with the layer and the instruction that put it there."""
    if location.layer is None or location.layer >= len(inventory.layers):
        return Where(component=component, file=location.path)
    layer = inventory.layers[location.layer]
    return Where(
        component=component,
        file=location.path,
        layer=layer.digest,
        instruction=layer.instruction or None,
    )
