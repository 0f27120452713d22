"""No fixable vulnerability at or above the threshold; none known exploited; nothing malicious."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from sealmark.decision import Because, Remedy, Where
from sealmark.policy.control import About, Finding, reaches
from sealmark.policy.controls.locate import components_by_purl, where
from sealmark.policy.expiry import staleness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealmark.evidence.component import Component
    from sealmark.evidence.document import Evidence
    from sealmark.evidence.vulnerability import Vulnerability
    from sealmark.policy.control import Context

_UPDATE = Remedy(
    kind="update-advisories",
    text="run `sealmark advisories update`, then check again",
    target="advisories",
)


class NoFixableVulnerabilities:
    """Denies what an upgrade would clear."""

    about: ClassVar[About] = About(
        id="no-fixable-vulnerabilities",
        title="No vulnerability at or above the threshold that has a fix",
        rationale="A fix that exists and is not installed is a risk taken for no gain.",
        remedy="Upgrade the package to the fixed version, or rebuild on a base image that has it.",
    )

    def judge(self, evidence: Evidence, context: Context) -> Iterator[Finding]:
        """Yield a denial per fixable finding, an unknown per finding that could not be decided."""
        threshold = context.parameters.severity
        located = _Locator(evidence)
        for index, found in _findings(evidence):
            if found.kind == "malicious" or not reaches(found.severity, threshold):
                continue
            if found.status == "unknown":
                yield located.finding(index, found, "unknown", _undecided)
            elif found.status == "affected" and found.fixed_in:
                yield located.finding(index, found, "deny", _fixable)


class NoKnownExploited:
    """Denies what attackers already use, fix or no fix."""

    about: ClassVar[About] = About(
        id="no-known-exploited",
        title="No vulnerability that is known to be exploited",
        rationale="CISA lists what attackers use today; such a hole is not a matter of likelihood.",
        remedy="Upgrade or remove the component; where no fix exists, do not run it.",
    )

    def judge(self, evidence: Evidence, context: Context) -> Iterator[Finding]:
        """Yield a denial per exploited finding; unknown when the catalogue cannot say."""
        located = _Locator(evidence)
        affected = [(i, found) for i, found in _findings(evidence) if found.status == "affected"]
        for index, found in affected:
            if found.exploited:
                yield located.finding(index, found, "deny", _exploited)
        missing = _catalogue_gap(evidence, context)
        if affected and missing:
            yield Finding(
                effect="unknown",
                message=f"whether any of {len(affected)} vulnerabilities is exploited: {missing}",
                subject_id="kev",
                remedy=_UPDATE,
            )


class NoMaliciousPackages:
    """Denies packages that were published to do harm."""

    about: ClassVar[About] = About(
        id="no-malicious-packages",
        title="No package that was published to do harm",
        rationale="A malicious package is not vulnerable: it is the attack.",
        remedy="Remove the package, and treat every secret the build or image saw as stolen.",
        waivable_by="nobody",
    )

    def judge(self, evidence: Evidence, context: Context) -> Iterator[Finding]:
        """Yield a denial per malicious package."""
        located = _Locator(evidence)
        for index, found in _findings(evidence):
            if found.kind == "malicious" and found.status != "not_affected":
                yield located.finding(index, found, "deny", _malicious)


def _findings(evidence: Evidence) -> Iterator[tuple[int, Vulnerability]]:
    if evidence.vulnerabilities:
        yield from enumerate(evidence.vulnerabilities.findings)


def _catalogue_gap(evidence: Evidence, context: Context) -> str | None:
    feeds = evidence.vulnerabilities.feeds if evidence.vulnerabilities else ()
    catalogue = next((feed for feed in feeds if "kev" in feed.ecosystems), None)
    if catalogue is None:
        return "there is no catalogue of known exploited vulnerabilities"
    stale = staleness(catalogue.as_of, context)
    return f"the catalogue {catalogue.name} {stale}" if stale else None


class _Locator:
    """Turns findings into reasons that point at component, layer and instruction."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._components = components_by_purl(evidence)

    def finding(
        self,
        index: int,
        found: Vulnerability,
        effect: str,
        words: Callable[[Vulnerability, str], tuple[str, str, Remedy]],
    ) -> Finding:
        component = self._components.get(found.component)
        label = f"{component.name} {component.version}" if component else found.component
        fact, message, remedy = words(found, label)
        path = f"vulnerabilities.findings[{index}]"
        return Finding(
            effect="unknown" if effect == "unknown" else "deny",
            message=message,
            subject_id=found.id,
            because=(
                Because(path=f"{path}.status", value=found.status),
                Because(path=f"{path}.{fact}", value=_fact(found, fact)),
            ),
            where=where(self._evidence, component)
            if component
            else Where(component=found.component),
            remedy=_retarget(remedy, component),
        )


def _fact(found: Vulnerability, name: str) -> str | None:
    if name == "exploited.date_added":
        return found.exploited.date_added if found.exploited else None
    value = getattr(found, name)
    return value if isinstance(value, str) else None


def _retarget(remedy: Remedy, component: Component | None) -> Remedy:
    """Name the package that people upgrade: the source package where there is one."""
    if component is None or remedy.kind not in {"upgrade", "remove"}:
        return remedy
    name = component.source.name if component.source else component.name
    return Remedy(
        kind=remedy.kind,
        text=remedy.text,
        target=f"{component.type}:{name}",
        to=remedy.to,
        clears=remedy.clears,
    )


def _upgrade(found: Vulnerability, label: str) -> Remedy:
    if found.fixed_in is None:
        return Remedy(kind="remove", text=f"remove {label}: no fix exists", clears=(found.id,))
    to = found.upgrade_to or found.fixed_in
    return Remedy(kind="upgrade", text=f"upgrade {label} to {to}", to=to, clears=(found.id,))


def _fixable(found: Vulnerability, label: str) -> tuple[str, str, Remedy]:
    message = f"{label} is affected by {found.id}, fixed in {found.fixed_in}"
    return "severity", message, _upgrade(found, label)


def _exploited(found: Vulnerability, label: str) -> tuple[str, str, Remedy]:
    fix = f"fixed in {found.fixed_in}" if found.fixed_in else "no fix exists"
    message = f"{label} is affected by {found.id}, which is known to be exploited; {fix}"
    return "exploited.date_added", message, _upgrade(found, label)


def _malicious(found: Vulnerability, label: str) -> tuple[str, str, Remedy]:
    remedy = Remedy(kind="remove", text=f"remove {label}", clears=(found.id,))
    return "kind", f"{label} is malicious ({found.id}): {found.summary or 'no summary'}", remedy


def _undecided(found: Vulnerability, label: str) -> tuple[str, str, Remedy]:
    why = found.because[-1] if found.because else "the feed does not say"
    remedy = Remedy(kind="none", text="look at the advisory and decide by hand", clears=(found.id,))
    return "severity", f"whether {label} is affected by {found.id} is not known: {why}", remedy
