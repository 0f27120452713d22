"""Who signed, as a person reads it: verified claims, refused ones with step and field, the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sealmark.cli.render.json_document import indented
from sealmark.cli.render.text import Page, Terminal
from sealmark.policy.controls.signatures import refusal_text, shortcomings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealmark.evidence.signatures import Signature, Signatures

_MOST = 20
UNLOGGED = "there is none"


@dataclass(frozen=True, slots=True)
class Target:
    """A manifest that was asked about, for which platform, and what is known of it."""

    digest: str
    platform: str
    signatures: Signatures


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer of `sealmark verify`: everything asked for was found, or not."""

    image: str
    targets: tuple[Target, ...]

    @property
    def holds(self) -> bool:
        """Tell whether every target has all the signatures asked for."""
        return all(not list(shortcomings(target.signatures)) for target in self.targets)


def render_table(answer: Verification, terminal: Terminal | None = None) -> str:
    """Return the page: the verdict first, then each target."""
    page = Page(terminal or Terminal())
    word: tuple[str, Any] = ("VERIFIED", "good") if answer.holds else ("REFUSED", "bad")
    page.line(word, "  ", (answer.image, "strong"))
    for target in answer.targets:
        page.line(f"{target.digest}  {target.platform}".rstrip())
        missing = list(shortcomings(target.signatures))
        for one in missing:
            page.paragraph(f"{one.message}", indent=2, style="bad")
        _claims(page, target.signatures)
        for text in dict.fromkeys(_next(one.remedy, target.signatures) for one in missing):
            page.paragraph(f"next: {text}", indent=2)
    return page.text()


def _next(remedy: str, signatures: Signatures) -> str:
    """Say what to do; where claims were refused they are the first thing to look at."""
    if any(one.step_name == "log" and one.why == UNLOGGED for one in signatures.refused):
        return f"{remedy}; what no log holds counts only with --insecure-ignore-tlog"
    return remedy


def render_json(answer: Verification, _: Terminal | None = None) -> str:
    """Return the same for programs; the signatures are those of `evidence/v1`."""
    return indented(
        {
            "schema": "sealmark/verification/v1",
            "image": answer.image,
            "verified": answer.holds,
            "targets": [
                {
                    "digest": target.digest,
                    "platform": target.platform or None,
                    "missing": [one.message for one in shortcomings(target.signatures)],
                    "signatures": target.signatures,
                }
                for target in answer.targets
            ],
        }
    )


RENDERERS = {"table": render_table, "json": render_json}


def signature_lines(page: Page, signatures: Signatures) -> None:
    """Add a section about signatures."""
    page.heading(f"Signatures: {len(signatures.verified)} trusted")
    for missing in shortcomings(signatures):
        page.paragraph(missing.message, indent=2, style="doubt")
    _claims(page, signatures)


def _claims(page: Page, signatures: Signatures) -> None:
    for one in signatures.verified[:_MOST]:
        for name, value in _told(one):
            page.line(f"{name:9} {value}", indent=2)
    for refused in signatures.refused[:_MOST]:
        page.paragraph(f"refused   {refusal_text(refused)}", indent=2)
        page.line((f"          {refused.place}", "faint"), indent=2)
    for alone in signatures.left_alone[:_MOST]:
        page.line((f"left out  {alone.why}", "faint"), indent=2)
        page.line((f"          {alone.place}", "faint"), indent=2)
    groups: Sequence[Sequence[object]] = (
        signatures.verified,
        signatures.refused,
        signatures.left_alone,
    )
    rest = sum(max(len(group) - _MOST, 0) for group in groups)
    if rest:
        page.line((f"… and {rest} more (--format json for all)", "faint"), indent=2)


def _told(one: Signature) -> Iterator[tuple[str, str]]:
    yield "signed by", ", ".join(one.signers)
    if one.names:
        yield "identity", ", ".join(one.names)
        yield "issuer", one.issuer
    else:
        yield "key", one.key
    if one.predicate_type:
        yield "says", one.predicate_type
    if one.repository:
        yield "for", one.repository
    for seen in one.seen:
        yield "seen", f"{seen.at} by {seen.source}"
    for logged in one.logged:
        yield "logged", f"{logged.index} in {logged.log[:16]}"
    yield "found in", one.place
