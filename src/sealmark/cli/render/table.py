"""The answer as a person reads it: the verdict, what to do, why, what is not known, the proof.

It fits one screen: what clears most and what is worst are shown, the rest is counted. `--all`
shows everything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sealmark.cli.render.fixes import dockerfile_lines
from sealmark.cli.render.text import Page, Style, cells, clip_middle, pad, printable
from sealmark.cli.render.words import (
    base_words,
    concerned,
    counted,
    flags,
    named,
    origin,
    short_digest,
    summary,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealmark.cli.render.plan import Change, Item
    from sealmark.cli.render.view import View

MOST_CHANGES = 5
MOST_ITEMS = 5
MOST_UNKNOWNS = 3
_PLAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,99}", re.ASCII)
_EVERYTHING = 1_000_000
_ROOM_FOR_NAME = 30
_STYLES: dict[str, Style] = {"allow": "good", "deny": "bad", "unknown": "doubt"}
_SEVERITY_STYLES: dict[str, Style] = {"critical": "bad", "high": "bad", "medium": "doubt"}


def render(view: View) -> str:
    """Return the page."""
    page = Page(view.terminal)
    _verdict(page, view)
    _changes(page, view)
    _items(page, "Refused", view.plan.refusals, view)
    _unknowns(page, view)
    _items(page, "Warnings", view.plan.warnings, view)
    _errors(page, view)
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


def _changes(page: Page, view: View) -> None:
    changes = view.plan.changes
    if not changes:
        return
    page.heading("What to do")
    total = len(view.plan.refusals or view.plan.unknowns)
    most = _EVERYTHING if view.everything else MOST_CHANGES
    for number, change in enumerate(changes[:most], 1):
        clears = f"clears {len(change.items)} of {total}"
        room = max(page.width - 7 - len(clears), 20)
        text = printable(change.text)
        if cells(text) <= room:
            page.line(f"{number:>3}. {pad(text, room)}", (clears, "faint"))
        else:
            page.item(f"{number:>3}. ", f"{text} ({clears})")
        _details(page, change, view)
    left = changes[most:]
    _more(page, len(left), f", which clear {sum(len(change.items) for change in left)}")
    _commands(page, changes)


def _details(page: Page, change: Change, view: View) -> None:
    if change.instead_of:
        known = base_words(view.evidence.inventory)
        if known:
            page.paragraph(f"base: {known}", indent=5, style="faint")
        upgrades = counted(len(change.instead_of), "upgrade")
        smaller = [part.target.partition(":")[2] for part in change.instead_of]
        listed = ", ".join(smaller) if view.everything else named(smaller)
        page.paragraph(f"instead of {upgrades}: {listed}", indent=5, style="faint")
    elif change.kind in {"upgrade", "remove"}:
        about = " · ".join(filter(None, [concerned(change), origin(change)]))
        page.line((about or named(change.ids), "faint"), indent=5)


def _commands(page: Page, changes: Sequence[Change]) -> None:
    lines = dockerfile_lines(changes)
    if lines:
        waiting = any(change.instead_of for change in changes)
        page.heading("Until there is such a base, in the Dockerfile" if waiting else "Dockerfile")
    for line in lines:
        page.command(line, indent=2)


def _items(page: Page, title: str, items: Sequence[Item], view: View) -> None:
    if not items:
        return
    page.heading(": ".join(filter(None, [title, summary(items)])))
    shown = items[: _EVERYTHING if view.everything else MOST_ITEMS]
    widths = (
        min(max(cells(printable(item.id)) for item in shown), 28),
        min(max(cells(printable(item.label)) for item in shown), 36),
    )
    for item in shown:
        _item(page, item, widths)
        if view.everything:
            _because(page, item)
    _more(page, len(items) - len(shown))
    if not view.everything:
        controls = dict.fromkeys(control for item in items for control in item.controls)
        page.paragraph(f"by {', '.join(controls)}", indent=6, style="faint")


def _item(page: Page, item: Item, widths: tuple[int, int]) -> None:
    found = item.finding
    if found is None:
        page.paragraph(item.message, indent=2)
        return
    severity = pad(found.severity, 8)
    style = _SEVERITY_STYLES.get(found.severity)
    page.line(
        pad(printable(item.id), widths[0]),
        "  ",
        (severity, style) if style else severity,
        "  ",
        pad(printable(item.label), widths[1]),
        "  ",
        f"→ {found.fixed_in}" if found.fixed_in else "no fix",
        ("".join(f"  {mark}" for mark in flags(item)), "bad"),
        indent=2,
    )


def _because(page: Page, item: Item) -> None:
    """Add who refused, which packages, and where they came from."""
    places = [r.where.instruction or r.where.file or "" for r in item.reasons if r.where]
    packages = named(item.labels) if len(item.labels) > 1 else ""
    told = [", ".join(item.controls), packages, named(list(dict.fromkeys(places)))]
    page.line((" · ".join(filter(None, told)), "faint"), indent=6)


def _unknowns(page: Page, view: View) -> None:
    items = view.plan.unknowns
    if not items:
        return
    page.heading("Not known")
    shown = items[: _EVERYTHING if view.everything else MOST_UNKNOWNS]
    for item in shown:
        page.paragraph(item.message, indent=2)
    _more(page, len(items) - len(shown))
    steps: dict[str, list[str]] = {}
    for item in shown:
        step = item.remedy.text if item.remedy else "look into it by hand"
        steps.setdefault(step, []).extend(item.controls)
    for step, controls in steps.items():
        page.paragraph(
            f"{', '.join(dict.fromkeys(controls))} · next: {step}", indent=6, style="faint"
        )


def _errors(page: Page, view: View) -> None:
    errors = view.plan.errors
    if errors:
        page.heading("Errors, each of which refuses")
        shown = errors[: _EVERYTHING if view.everything else MOST_ITEMS]
        for error in shown:
            page.paragraph(error, indent=2)
        _more(page, len(errors) - len(shown))


def _footer(page: Page, view: View) -> None:
    page.line()
    page.line((_signed(view), "faint"))
    if view.decision.judgement.valid_until:
        page.line((f"Valid until {view.decision.judgement.valid_until}.", "faint"))
    if view.index is not None:
        proof = f"Ledger entry {view.index}; prove it: sealmark ledger prove {view.index}"
        _command(page, proof, view)
    explained = next(iter([*view.plan.refusals, *view.plan.unknowns, *view.plan.warnings]), None)
    if explained:
        is_plain = explained.finding and _PLAIN_ID.fullmatch(explained.id)
        subject = explained.id if is_plain else explained.controls[0]
        _command(page, f"Learn more: sealmark explain {subject}", view)


def _command(page: Page, text: str, view: View) -> None:
    """Name a command, with the home it needs, however long that is."""
    if view.home:
        page.whole(text + view.home, "faint")
    else:
        page.line((text, "faint"))


def _signed(view: View) -> str:
    signatures = view.evidence.signatures
    if signatures is None:
        return "Signatures were not asked for: no signer is configured."
    by = sorted({name for one in signatures.verified for name in one.signers})
    refused = counted(len(signatures.refused), "claim")
    told = f"Signed by {', '.join(by)}." if by else "No signature is trusted."
    return f"{told} {refused} refused." if refused else told


def _more(page: Page, count: int, what: str = "") -> None:
    if count > 0:
        page.line((f"… and {count} more{what} (--all shows everything)", "faint"), indent=2)
