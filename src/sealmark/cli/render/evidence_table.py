"""Evidence without a decision: what is inside, what affects it, what is not known."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sealmark.cli.render.plan import SEVERITIES
from sealmark.cli.render.signatures import signature_lines
from sealmark.cli.render.text import Page, cells, pad, printable
from sealmark.cli.render.words import base_words, counted, short_digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealmark.cli.render.view import EvidenceView
    from sealmark.evidence.inventory import Inventory, Problem
    from sealmark.evidence.settings import Settings
    from sealmark.evidence.vulnerability import Vulnerabilities, Vulnerability

_MOST_ITEMS = 20


def render(view: EvidenceView) -> str:
    """Return the page."""
    evidence = view.evidence
    page = Page(view.terminal)
    subject = [short_digest(evidence.subject.digest), evidence.subject.platform or ""]
    page.line((view.name, "strong"), "  ", "  ".join(filter(None, subject)))
    if evidence.inventory:
        _inventory(page, evidence.inventory)
    else:
        _not_looked_at(page, "the components")
    if evidence.vulnerabilities:
        _vulnerabilities(page, evidence.vulnerabilities)
    else:
        _not_looked_at(page, "vulnerabilities")
    if evidence.settings:
        _settings(page, evidence.settings)
    if evidence.signatures:
        signature_lines(page, evidence.signatures)
    else:
        _not_looked_at(page, "signatures: no signer is configured")
    if evidence.inventory and evidence.inventory.errors:
        _problems(page, evidence.inventory.errors)
    return page.text()


def _not_looked_at(page: Page, what: str) -> None:
    page.line()
    page.line(("Not known: ", "doubt"), f"nobody asked about {what}")


def _inventory(page: Page, inventory: Inventory) -> None:
    system = inventory.operating_system
    if system:
        name = system.name or f"{system.id} {system.version_id}"
        ends = f", security support until {system.support_ends}" if system.support_ends else ""
        page.line(f"{name}{ends}")
    known = base_words(inventory)
    if known:
        page.paragraph(f"Base image: {known}")
    page.heading(f"Components: {len(inventory.components)}")
    kinds = Counter(c.ecosystem or f"{c.type} (no advisories)" for c in inventory.components)
    for kind, count in sorted(kinds.items(), key=lambda pair: (-pair[1], pair[0])):
        page.line(f"{count:>6}  {kind}", indent=2)
    named = sum(not component.installed for component in inventory.components)
    if named:
        page.line(f"{named:>6}  of these only named by a lock file", indent=2)


def _vulnerabilities(page: Page, known: Vulnerabilities) -> None:
    affected = [found for found in known.findings if found.status == "affected"]
    undecided = sum(found.status == "unknown" for found in known.findings)
    counts: Counter[str] = Counter(found.severity for found in affected)
    told = [f"{counts[severity]} {severity}" for severity in SEVERITIES if counts[severity]]
    title = ", ".join(told) or "none found"
    page.heading(f"Vulnerabilities: {title}")
    _findings(page, sorted(affected, key=_badness))
    if undecided:
        findings = counted(undecided, "finding")
        page.line(("not known: ", "doubt"), f"{findings} could not be decided", indent=2)
    page.heading("Coverage")
    for line in known.coverage:
        components = counted(line.components, "component") or "no components"
        if line.nameless:
            said = f"{line.ecosystem}: {components} by {line.feed}, {line.why}"
            page.line(("not known: ", "doubt"), said, indent=2)
        elif line.feed:
            page.line(
                f"{line.ecosystem}: {components} by {line.feed}, as of {line.as_of}", indent=2
            )
        else:
            why = line.why or "no feed covers them"
            page.line(("not known: ", "doubt"), f"{line.ecosystem}: {components}, {why}", indent=2)


def _badness(found: Vulnerability) -> tuple[bool, int, str, str]:
    return (
        found.exploited is None,
        SEVERITIES.index(found.severity),
        found.id,
        found.component,
    )


def _findings(page: Page, findings: Sequence[Vulnerability]) -> None:
    shown = findings[:_MOST_ITEMS]
    width = min(max((cells(printable(found.id)) for found in shown), default=0), 28)
    for found in shown:
        fix = f"  → {found.fixed_in}" if found.fixed_in else "  no fix"
        exploited = "  KEV" if found.exploited else ""
        name = printable(found.component.partition("?")[0])
        page.line(
            f"{pad(printable(found.id), width)}  {pad(found.severity, 8)}  {name}{fix}{exploited}",
            indent=2,
        )
    rest = len(findings) - _MOST_ITEMS
    if rest > 0:
        page.line((f"… and {rest} more (--format json for all)", "faint"), indent=2)


def _settings(page: Page, settings: Settings) -> None:
    root = {True: "root", False: "not root", None: "not known whether root"}[settings.runs_as_root]
    page.heading("Settings")
    page.line(f"user: {settings.user or '(none)'}, {root}", indent=2)
    for secret in settings.secrets:
        page.line(("secret: ", "bad"), f"{secret.where} ({secret.kind})", indent=2)


def _problems(page: Page, problems: Sequence[Problem]) -> None:
    page.heading(f"Could not be read: {len(problems)}")
    for problem in problems[:_MOST_ITEMS]:
        place = f"{problem.location.path}: " if problem.location else ""
        page.paragraph(f"{place}{problem.what}", indent=2)
    rest = len(problems) - _MOST_ITEMS
    if rest > 0:
        page.line((f"… and {rest} more (--format json for all)", "faint"), indent=2)
