"""Advisories are there and fresh, the distribution still gets them, everything was readable."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, ClassVar

from sealmark.decision import Because, Remedy
from sealmark.policy.control import About, Finding
from sealmark.policy.controls.locate import at
from sealmark.policy.expiry import day_after, staleness

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealmark.evidence.document import Evidence
    from sealmark.evidence.vulnerability import Coverage
    from sealmark.policy.control import Context

_UPDATE = Remedy(
    kind="update-advisories",
    text="run `sealmark advisories update`, then check again",
    target="advisories",
)
_REVIEW = Remedy(
    kind="update-advisories",
    text="update the advisories; `sealmark advisories status` names the records if it remains",
    target="advisories",
)


class AdvisoriesFresh:
    """A feed that is missing or old cannot say that nothing is wrong."""

    about: ClassVar[About] = About(
        id="advisories-fresh",
        title="Every component is covered by advisories that are fresh and could be read",
        rationale="No news from a feed that is missing, old or garbled is not good news.",
        remedy="Update the advisory database; add a feed for the ecosystem that has none.",
    )

    def judge(self, evidence: Evidence, context: Context) -> Iterator[Finding]:
        """Yield an unknown per ecosystem that no fresh feed speaks for."""
        if evidence.vulnerabilities is None:
            yield Finding(effect="unknown", message="no advisories were asked", remedy=_UPDATE)
            return
        for index, line in enumerate(evidence.vulnerabilities.coverage):
            gap = _gap(line, context)
            if gap is None:
                continue
            path = f"vulnerabilities.coverage[{index}]"
            yield Finding(
                effect="unknown",
                message=f"{_counted(line)}: {gap}",
                subject_id=line.ecosystem,
                because=(
                    Because(path=f"{path}.feed", value=line.feed),
                    Because(path=f"{path}.as_of", value=line.as_of),
                    *_nameless(path, line),
                ),
                remedy=_remedy(line, context),
            )


def _remedy(line: Coverage, context: Context) -> Remedy:
    if line.feed is not None and staleness(line.as_of, context):
        name = shlex.quote(line.feed)
        return Remedy(
            kind="update-advisories",
            text=f"bring {name} up to date (`sealmark advisories update`), or do without it "
            f"(`sealmark advisories drop {name}`)",
            target="advisories",
        )
    return _REVIEW if line.nameless else _UPDATE


def _nameless(path: str, line: Coverage) -> Iterator[Because]:
    if line.nameless:
        yield Because(path=f"{path}.nameless", value=str(line.nameless))


def _gap(line: Coverage, context: Context) -> str | None:
    if line.feed is None:
        return line.why or "no feed covers them"
    stale = staleness(line.as_of, context)
    if stale is not None:
        return f"the feed {line.feed} {stale}"
    if line.nameless:
        noun = "record" if line.nameless == 1 else "records"
        return (
            f"{line.nameless} {noun} of the feed {line.feed} may be about any of them, unreadable"
        )
    return None


def _counted(line: Coverage) -> str:
    noun = "component" if line.components == 1 else "components"
    return f"{line.components} {line.ecosystem} {noun} cannot be judged"


class NotEndOfLife:
    """A distribution nobody fixes any more has no vulnerabilities on paper only."""

    about: ClassVar[About] = About(
        id="not-end-of-life",
        title="The distribution still gets security updates",
        rationale="After the end of support nobody publishes advisories: silence is not safety.",
        remedy="Rebuild on a supported release of the distribution.",
    )

    def judge(self, evidence: Evidence, context: Context) -> Iterator[Finding]:
        """Yield one finding when support has ended or its end is not known."""
        system = evidence.inventory.operating_system if evidence.inventory else None
        if system is None:
            return
        label = system.name or f"{system.id} {system.version_id}".strip()
        because = (
            Because(path="inventory.operating_system.support_ends", value=system.support_ends),
        )
        ends = day_after(system.support_ends) if system.support_ends else None
        if ends is None:
            yield Finding(
                effect="unknown",
                message=f"when security support of {label} ends is not known",
                subject_id=system.id,
                because=because,
                remedy=_UPDATE,
            )
        elif ends <= context.now:
            yield Finding(
                effect=context.parameters.end_of_life,
                message=f"{label} has had no security support since {system.support_ends}",
                subject_id=f"{system.id} {system.version_id}".strip(),
                because=because,
                remedy=Remedy(
                    kind="rebase",
                    text=f"rebuild on a supported release of {system.id}",
                    target=system.id,
                ),
            )


class InventoryComplete:
    """What could not be read is not known to be harmless."""

    about: ClassVar[About] = About(
        id="inventory-complete",
        title="Everything that lists software could be read",
        rationale="A package database that cannot be parsed hides what it lists.",
        remedy="Repair or remove the file that is named; rebuild the image if it is damaged.",
    )

    def judge(self, evidence: Evidence, context: Context) -> Iterator[Finding]:
        """Yield an unknown per unreadable file, and one when nothing at all was recognised.

        An image whose layers hold no file is empty, and known to be. A root directory and a bill
        of materials without packages do not say that much.
        """
        inventory = evidence.inventory
        if inventory is None:
            yield Finding(effect="unknown", message="nobody looked inside")
            return
        for index, problem in enumerate(inventory.errors):
            place = problem.location
            yield Finding(
                effect="unknown",
                message=f"{place.path}: {problem.what}" if place else problem.what,
                subject_id=place.path if place else None,
                because=(Because(path=f"inventory.errors[{index}].what", value=problem.what),),
                where=at(inventory, place) if place else None,
                remedy=Remedy(kind="none", text="repair or remove the file, and rebuild"),
            )
        is_image = evidence.subject.kind == "image"
        is_empty = is_image and not any(layer.added for layer in inventory.layers)
        if not inventory.components and not is_empty:
            listed = evidence.subject.kind == "sbom"
            files = "there are files, but no package was recognised in them"
            yield Finding(
                effect="unknown",
                message="the bill of materials lists no package" if listed else files,
                because=(Because(path="inventory.components", value=None),),
                remedy=Remedy(kind="none", text="attach an SBOM from the build"),
            )
