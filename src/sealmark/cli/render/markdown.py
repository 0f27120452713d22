"""A comment for a pull request: verdict, what to do, the details folded away.

What comes from the image is neither markup nor a mention nor a link: names stand in code spans,
sentences have everything but letters, digits and a few marks as character references (CommonMark,
2.5: a reference never opens or closes a construct).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sealmark.cli.render.table import counted, flags, short_digest
from sealmark.cli.render.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealmark.cli.render.plan import Change, Item
    from sealmark.cli.render.view import View

MOST_ROWS = 100
_MOST_NAMES = 5
_SIGNS = {"allow": "✅", "deny": "❌", "unknown": "❔"}
# What can end a code span or the cell of a table around it, or begins a tag.
_UNSAFE = re.compile(r"[`|\\<>]")
_PROSE = " ,;()-"


def render(view: View) -> str:
    """Return the comment."""
    judgement, found = view.decision.judgement, view.plan
    subject = [code(short_digest(judgement.subject.digest)), judgement.subject.platform or ""]
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
    lines += _items("Refused", found.refusals)
    lines += _items("Not known", found.unknowns)
    lines += _items("Warnings", found.warnings)
    lines += _errors(found.errors)
    lines += _footer(view)
    return "\n".join(lines) + "\n"


def _changes(changes: Sequence[Change]) -> Iterator[str]:
    if changes:
        yield from ("", "| What to do | Clears | |", "|---|---:|---|")
        for change in changes[:MOST_ROWS]:
            concerned = names(change.ids) if change.kind in {"upgrade", "remove", "rebase"} else ""
            yield f"| {prose(change.text)} | {len(change.items)} | {concerned} |"
        yield from _more(len(changes))


def _items(title: str, items: Sequence[Item]) -> Iterator[str]:
    if not items:
        return
    yield from ("", "<details>", f"<summary>{title}: {len(items)}</summary>", "")
    yield from ("| What | Why | Where |", "|---|---|---|")
    for item in items[:MOST_ROWS]:
        severity = item.finding.severity if item.finding else ""
        urgent = f"**{', '.join(flags(item).split('  ')[1:])}**" if flags(item) else ""
        what = " ".join(filter(None, [code(item.id), severity, urgent]))
        yield f"| {what} | {prose(item.message)} | {_place(item)} |"
    yield from _more(len(items))
    yield from ("", "</details>")


def _place(item: Item) -> str:
    where = item.reasons[0].where
    if where is None:
        return ""
    parts = [where.file, where.instruction]
    return "<br>".join(code(part) for part in parts if part)


def _errors(errors: Sequence[str]) -> Iterator[str]:
    if errors:
        yield from ("", "Errors, each of which refuses:", "")
        yield from (f"- {prose(error)}" for error in errors[:MOST_ROWS])


def _footer(view: View) -> Iterator[str]:
    known = []
    if view.index is not None:
        known.append(f"Ledger entry {view.index}: `sealmark ledger prove {view.index}`")
    if view.decision.judgement.valid_until:
        known.append(f"valid until {code(view.decision.judgement.valid_until)}")
    if known:
        yield from ("", f"<sub>{' · '.join(known)}</sub>")


def _more(count: int) -> Iterator[str]:
    if count > MOST_ROWS:
        yield from ("", f"… and {count - MOST_ROWS} more")


def names(values: Sequence[str]) -> str:
    """Return the first few values as code, and how many there are beyond."""
    rest = len(values) - _MOST_NAMES
    listed = ", ".join(code(value) for value in values[:_MOST_NAMES])
    return f"{listed} and {rest} more" if rest > 0 else listed


def code(text: str) -> str:
    """Return `text` as a code span that nothing in it can end.

    Where a backtick, a pipe, a backslash or an angle bracket would make that doubtful, it is an
    HTML element in which everything but letters and digits is a character reference.
    """
    plain = printable(text).strip()
    if not plain:
        return ""
    if not _UNSAFE.search(plain):
        return f"`{plain}`"
    return "<code>" + "".join(c if c.isalnum() else f"&#{ord(c)};" for c in plain) + "</code>"


def prose(text: str) -> str:
    """Return `text` as words and nothing else; an empty comment keeps mentions from pinging."""
    return "".join(
        c if c.isalnum() or c in _PROSE else f"&#{ord(c)};" + ("<!-- -->" if c in "@#" else "")
        for c in printable(text).strip()
    )
