"""What changed between two artifacts: as a table, JSON, or a pull-request comment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealmark.cli.render.json_document import indented
from sealmark.cli.render.markdown_text import code, fitting, prose
from sealmark.cli.render.text import Page
from sealmark.cli.render.words import counted, short_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sealmark.cli.render.text import Terminal
    from sealmark.evidence.component import Component
    from sealmark.evidence.diff import Difference, Replaced
    from sealmark.evidence.vulnerability import Vulnerability

    Names = tuple[str, str]

_MOST_ITEMS = 40


def render_table(found: Difference, names: Names, terminal: Terminal) -> str:
    """Return the page: what is new first."""
    page = Page(terminal)
    page.paragraph(f"{names[0]} → {names[1]}", style="strong")
    page.paragraph(_subjects(found))
    page.heading(f"Vulnerabilities: {_vulnerability_counts(found)}")
    _lines(page, [*_findings("+", found.new), *_findings("-", found.fixed)])
    for doubt in found.doubts:
        page.line(("not certain: ", "doubt"), doubt, indent=2)
    page.heading(f"Components: {_component_counts(found)}")
    _lines(page, list(_components(found)))
    if found.settings:
        page.heading("Settings")
        _lines(
            page, [f"{c.name}: {_quoted(c.before)} → {_quoted(c.after)}" for c in found.settings]
        )
    return page.text()


def render_json(found: Difference, names: Names, _terminal: Terminal) -> str:
    """Return the difference as `Difference` holds it, with the names asked for."""
    document = {
        "schema": "sealmark/difference/v1",
        "names": {"before": names[0], "after": names[1]},
        "difference": found,
    }
    return indented(document)


def render_markdown(found: Difference, names: Names, _terminal: Terminal) -> str:
    """Return the comment: new vulnerabilities in the open, the rest folded away."""
    lines = [
        f"### {code(names[0])} → {code(names[1])}",
        "",
        prose(_subjects(found)),
        "",
        f"**Vulnerabilities:** {_vulnerability_counts(found)}",
        *_listed(_findings("+", found.new)),
        *_listed(f"not certain: {doubt}" for doubt in found.doubts),
        *_folded("Fixed vulnerabilities", list(_findings("-", found.fixed))),
        *_folded(f"Components: {_component_counts(found)}", list(_components(found))),
    ]
    changes = [f"{c.name}: {_quoted(c.before)} → {_quoted(c.after)}" for c in found.settings]
    return "\n".join([*lines, *_folded("Settings", changes)]) + "\n"


def _folded(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from ("", "<details>", f"<summary>{title}</summary>")
        yield from _listed(lines)
        yield from ("", "</details>")


def _listed(lines: Iterable[str]) -> list[str]:
    """Return a list with the blank line it needs before it, nothing where it is empty."""
    listed = list(fitting(f"- {code(line)}" for line in lines))
    return ["", *listed] if listed else []


def _lines(page: Page, lines: Sequence[str]) -> None:
    for line in lines[:_MOST_ITEMS]:
        page.paragraph(line, indent=2)
    rest = len(lines) - _MOST_ITEMS
    if rest > 0:
        page.line((f"… and {rest} more (--format json for all)", "faint"), indent=2)


def _subjects(found: Difference) -> str:
    digests = f"{short_digest(found.before.digest)} → {short_digest(found.after.digest)}"
    if not found.layers_before or not found.layers_after:
        return digests
    layers = counted(found.layers_after, "layer")
    return f"{digests}, {found.layers_shared} of {layers} shared"


def _vulnerability_counts(found: Difference) -> str:
    return f"{len(found.new)} new, {len(found.fixed)} fixed, {len(found.remaining)} unchanged"


def _component_counts(found: Difference) -> str:
    counts = {
        "added": len(found.added),
        "removed": len(found.removed),
        "upgraded": len(found.upgraded),
        "downgraded": len(found.downgraded),
        "changed": len(found.changed),
    }
    told = [f"{count} {word}" for word, count in counts.items() if count]
    return ", ".join([*told, f"{found.unchanged} unchanged"])


def _findings(sign: str, findings: Sequence[Vulnerability]) -> Iterator[str]:
    for finding in findings:
        fix = f", fixed in {finding.fixed_in}" if finding.fixed_in and sign == "+" else ""
        exploited = ", known exploited" if finding.exploited else ""
        component = finding.component.partition("?")[0]
        yield f"{sign} {finding.id} {finding.severity} {component}{fix}{exploited}"


def _components(found: Difference) -> Iterator[str]:
    yield from (f"+ {_label(component)}" for component in found.added)
    yield from (f"- {_label(component)}" for component in found.removed)
    yield from (f"^ {_move(change)}" for change in found.upgraded)
    yield from (f"v {_move(change)}" for change in found.downgraded)
    yield from (f"~ {_move(change)}" for change in found.changed)


def _label(component: Component) -> str:
    return f"{component.type} {component.name} {component.version}"


def _move(change: Replaced) -> str:
    return f"{_label(change.before)} → {change.after.version}"


def _quoted(text: str) -> str:
    return text or "(none)"
