"""A comment for a pull request: verdict, what to do, the details folded away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealmark.cli.render.fixes import dockerfile_lines
from sealmark.cli.render.markdown_text import code, fitting, names, prose
from sealmark.cli.render.words import base_words, counted, flags, short_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealmark.cli.render.plan import Change, Item
    from sealmark.cli.render.view import View

_SIGNS = {"allow": "✅", "deny": "❌", "unknown": "❔"}


def render(view: View) -> str:
    """Return the comment."""
    judgement, found = view.decision.judgement, view.plan
    subject = [code(short_digest(judgement.subject.digest)), code(judgement.subject.platform or "")]
    lines = [
        f"### {_SIGNS[judgement.verdict]} {judgement.verdict.upper()}: {code(view.image)}",
        "",
        " · ".join(
            filter(
                None,
                [
                    *subject,
                    counted(len(found.refusals), "refusal"),
                    counted(len(found.unknowns), "unknown"),
                    counted(len(found.warnings), "warning"),
                ],
            )
        ),
    ]
    lines += _changes(found.changes)
    lines += _base(view)
    lines += _commands(found.changes)
    lines += _items("Refused", found.refusals)
    lines += _items("Not known", found.unknowns)
    lines += _items("Warnings", found.warnings)
    lines += _errors(found.errors)
    lines += _footer(view)
    return "\n".join(lines) + "\n"


def _changes(changes: Sequence[Change]) -> Iterator[str]:
    if changes:
        yield from ("", "| What to do | Clears | |", "|---|---:|---|")
        yield from fitting(_change(change) for change in changes)


def _change(change: Change) -> str:
    concerned = names(change.ids) if change.kind in {"upgrade", "remove", "rebase"} else ""
    return f"| {prose(change.text)} | {len(change.items)} | {concerned} |"


def _base(view: View) -> Iterator[str]:
    known = base_words(view.evidence.inventory)
    if known and any(change.instead_of for change in view.plan.changes):
        smaller = [part.text for c in view.plan.changes for part in c.instead_of]
        yield from ("", f"Base image: {prose(known)}.", "", "Instead of another base:", "")
        yield from fitting(f"- {prose(text)}" for text in smaller)


def _commands(changes: Sequence[Change]) -> Iterator[str]:
    lines = dockerfile_lines(changes)
    if lines:
        yield from ("", "```dockerfile")
        yield from fitting(lines)
        yield "```"


def _items(title: str, items: Sequence[Item]) -> Iterator[str]:
    if not items:
        return
    yield from ("", "<details>", f"<summary>{title}: {len(items)}</summary>", "")
    yield from ("| What | Why | Where |", "|---|---|---|")
    yield from fitting(_item(item) for item in items)
    yield from ("", "</details>")


def _item(item: Item) -> str:
    severity = item.finding.severity if item.finding else ""
    urgent = f"**{', '.join(flags(item))}**" if flags(item) else ""
    what = " ".join(filter(None, [code(item.id), severity, urgent]))
    return f"| {what} | {prose(item.message)} | {_place(item)} |"


def _place(item: Item) -> str:
    found = [reason.where for reason in item.reasons if reason.where]
    parts = [part for where in found for part in (where.file, where.instruction)]
    return "<br>".join(code(part) for part in dict.fromkeys(parts) if part)


def _errors(errors: Sequence[str]) -> Iterator[str]:
    if errors:
        yield from ("", "Errors, each of which refuses:", "")
        yield from fitting(f"- {code(error)}" for error in errors)


def _footer(view: View) -> Iterator[str]:
    known = []
    if view.index is not None:
        known.append(
            f"Ledger entry {view.index}: {code(f'sealmark ledger prove {view.index}{view.home}')}"
        )
    if view.decision.judgement.valid_until:
        known.append(f"valid until {code(view.decision.judgement.valid_until)}")
    if known:
        yield from ("", f"<sub>{' · '.join(known)}</sub>")
