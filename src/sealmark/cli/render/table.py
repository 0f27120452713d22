"""The answer as a person reads it: the verdict, what to do, why, what is not known, the proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealmark.cli.render.text import Page, Style, cells, clip_middle, pad, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealmark.cli.render.plan import Change, Item, Plan
    from sealmark.cli.render.view import View

MOST_CHANGES = 10
MOST_ITEMS = 20
_MOST_NAMES = 4
_ROOM_FOR_NAME = 30
_STYLES: dict[str, Style] = {"allow": "good", "deny": "bad", "unknown": "doubt"}
_SEVERITY_STYLES: dict[str, Style] = {"critical": "bad", "high": "bad", "medium": "doubt"}


def render(view: View) -> str:
    """Return the page."""
    page = Page(view.terminal)
    _verdict(page, view)
    _changes(page, view.plan)
    _items(page, "Refused", view.plan.refusals)
    _unknowns(page, view.plan.unknowns)
    _items(page, "Warnings", view.plan.warnings)
    _errors(page, view.plan.errors)
    _footer(page, view)
    return page.text()


def _verdict(page: Page, view: View) -> None:
    judgement, found = view.decision.judgement, view.plan
    rest = [short_digest(judgement.subject.digest), judgement.subject.platform or ""]
    counts = [
        counted(len(found.refusals), "refusal"),
        counted(len(found.unknowns), "unknown"),
        counted(len(found.warnings), "warning"),
        counted(len(found.errors), "error"),
    ]
    rest.append(", ".join(filter(None, counts)))
    word = judgement.verdict.upper()
    if cells("  ".join(rest)) > page.width - _ROOM_FOR_NAME:
        rest = rest[-1:]
    tail = "  ".join(filter(None, rest))
    room = max(page.width - len(word) - cells(tail) - 4, 12)
    name = clip_middle(printable(view.image), room)
    page.line((word, _STYLES[judgement.verdict]), "  ", (name, "strong"), "  ", tail)


def _changes(page: Page, found: Plan) -> None:
    if not found.changes:
        return
    page.heading("What to do")
    total = len(found.refusals or found.unknowns)
    for number, change in enumerate(found.changes[:MOST_CHANGES], 1):
        clears = f"clears {len(change.items)} of {total}"
        room = max(page.width - 7 - len(clears), 20)
        text = printable(change.text)
        if cells(text) <= room:
            page.line(f"{number:>3}. {pad(text, room)}", (clears, "faint"))
        else:
            page.paragraph(f"{number:>3}. {text} ({clears})", indent=0)
        _details(page, change)
    _more(page, len(found.changes) - MOST_CHANGES)


def _details(page: Page, change: Change) -> None:
    if change.kind == "rebase" and change.instead_of:
        smaller = "; ".join(part.text for part in change.instead_of[:_MOST_NAMES])
        rest = len(change.instead_of) - _MOST_NAMES
        smaller += f"; and {rest} more" if rest > 0 else ""
        if change.target:
            page.line((f"lowest layer: {change.target}", "faint"), indent=5)
        page.paragraph(f"instead of: {smaller}", indent=5, style="faint")
    elif change.kind in {"upgrade", "remove"}:
        concerned = f"{named(change.labels)}: {named(change.ids)}"
        page.paragraph(concerned, indent=5, style="faint")


def _items(page: Page, title: str, items: Sequence[Item]) -> None:
    if not items:
        return
    page.heading(title)
    shown = items[:MOST_ITEMS]
    widths = (
        min(max(cells(printable(item.id)) for item in shown), 28),
        min(max(cells(printable(item.label)) for item in shown), 36),
    )
    for item in shown:
        _item(page, item, widths)
    _more(page, len(items) - MOST_ITEMS)


def _item(page: Page, item: Item, widths: tuple[int, int]) -> None:
    found = item.finding
    if found is None:
        page.paragraph(item.message, indent=2)
    else:
        fix = f"→ {found.fixed_in}" if found.fixed_in else "no fix"
        severity = pad(found.severity, 8)
        page.line(
            pad(printable(item.id), widths[0]),
            "  ",
            (severity, _SEVERITY_STYLES[found.severity])
            if found.severity in _SEVERITY_STYLES
            else severity,
            "  ",
            pad(printable(item.label), widths[1]),
            "  ",
            fix,
            (flags(item), "bad"),
            indent=2,
        )
    where = item.reasons[0].where
    place = (where.instruction or where.file or "") if where else ""
    page.line((" · ".join(filter(None, [", ".join(item.controls), place])), "faint"), indent=6)


def flags(item: Item) -> str:
    """Return what makes a finding urgent: known exploited, malicious, likely to be exploited."""
    found = item.finding
    if found is None:
        return ""
    marks = "  malicious" if found.kind == "malicious" else ""
    marks += "  KEV" if found.exploited else ""
    if found.exploitability and found.exploitability.probability >= 0.01:
        marks += f"  EPSS {found.exploitability.probability:.0%}"
    return marks


def _unknowns(page: Page, items: Sequence[Item]) -> None:
    if not items:
        return
    page.heading("Not known")
    for item in items[:MOST_ITEMS]:
        page.paragraph(item.message, indent=2)
        step = f"next: {item.remedy.text}" if item.remedy else "next: look into it by hand"
        page.paragraph(f"{', '.join(item.controls)} · {step}", indent=6, style="faint")
    _more(page, len(items) - MOST_ITEMS)


def _errors(page: Page, errors: Sequence[str]) -> None:
    if errors:
        page.heading("Errors, each of which refuses")
        for error in errors[:MOST_ITEMS]:
            page.paragraph(error, indent=2)
        _more(page, len(errors) - MOST_ITEMS)


def _footer(page: Page, view: View) -> None:
    page.line()
    if view.decision.judgement.valid_until:
        page.line((f"Valid until {view.decision.judgement.valid_until}.", "faint"))
    if view.index is not None:
        proof = f"Ledger entry {view.index}; prove it: sealmark ledger prove {view.index}"
        page.line((proof, "faint"))
    explained = next(iter([*view.plan.refusals, *view.plan.unknowns, *view.plan.warnings]), None)
    if explained:
        subject = explained.id if explained.finding else explained.controls[0]
        page.line((f"Learn more: sealmark explain {subject}", "faint"))


def _more(page: Page, count: int) -> None:
    if count > 0:
        page.line((f"… and {count} more (--format json for all)", "faint"), indent=2)


def counted(count: int, noun: str) -> str:
    """Return `3 refusals`, `1 refusal`, or nothing for none."""
    return f"{count} {noun}{'' if count == 1 else 's'}" if count else ""


def named(names: Sequence[str]) -> str:
    """Return the first few names, and how many there are beyond."""
    rest = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def short_digest(digest: str) -> str:
    """Return a digest as people quote it: twelve digits."""
    algorithm, colon, content = digest.partition(":")
    return f"{algorithm}{colon}{content[:12]}"
