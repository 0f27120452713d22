"""Secrets in an image's configuration: found and named, never returned, printed or stored."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

from sealmark.evidence.settings import Secret
from sealmark.scan.credential_formats import FORMATS, named_kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_VALUE = r"(\"[^\"]{0,4096}\"|'[^']{0,4096}'|[\"']?[^\s\"']+)"
_ASSIGNMENT = re.compile(r"(?<![A-Za-z0-9_.])([A-Za-z_][A-Za-z0-9_.-]{0,100}=)" + _VALUE)
_OPTION = re.compile(r"(?<!\S)(--?[A-Za-z][A-Za-z0-9_.-]{0,100}[ \t]{1,8})" + _VALUE)


def secret_kind(name: str, value: str) -> str | None:
    """Return which kind of credential `value` is or holds ("github-token"), or None.

    Formats that issuers made recognisable are found under any name; anything else needs a name
    that says what it is, `name` or one assigned to inside the value, and a value that is no
    placeholder.
    """
    known = next((form.kind for form in FORMATS if form.is_in(value)), None)
    return known or named_kind(name, value) or _assigned_kind(value)


def _assigned_kind(text: str) -> str | None:
    matches = chain(_ASSIGNMENT.finditer(text), _OPTION.finditer(text))
    return next(filter(None, (named_kind(match[1], match[2]) for match in matches)), None)


def argument_kinds(words: Sequence[str]) -> list[str | None]:
    """Return, for each word of a command, the kind of secret it is or holds.

    An option gives its name to the word after it: `--password`, then the password.
    """
    options = ["", *(w.lstrip("-") if w.startswith("-") and "=" not in w else "" for w in words)]
    return [secret_kind(name, word) for name, word in zip(options, words, strict=False)]


def find_secrets(
    environment: Iterable[str],
    labels: Mapping[str, str],
    arguments: Mapping[str, Sequence[str]],
) -> tuple[Secret, ...]:
    """Return where secrets are, and of which kind.

    `environment` holds NAME=value entries; `arguments` maps "entrypoint" and "command" to theirs.
    Places read `environment:NAME`, `label:KEY`, `command:2` (counted from 0).
    """
    found: list[tuple[str, str | None]] = []
    for entry in environment:
        name, _, value = entry.partition("=")
        found.append((f"environment:{redact(name)}", secret_kind(name, value)))
    found += [(f"label:{redact(key)}", secret_kind(key, text)) for key, text in labels.items()]
    for what, words in arguments.items():
        found += [(f"{what}:{n}", kind) for n, kind in enumerate(argument_kinds(words))]
    return tuple(Secret(where=where, kind=kind) for where, kind in found if kind)


def redact(text: str) -> str:
    """Return `text` with every credential replaced by `[redacted KIND]`.

    For whatever is stored or shown and may quote a secret: labels, arguments, history lines.
    """
    for form in FORMATS:
        text = form.redact(text)
    text = _ASSIGNMENT.sub(_redacted_assignment, text)
    return _OPTION.sub(_redacted_assignment, text)


def _redacted_assignment(match: re.Match[str]) -> str:
    kind = named_kind(match[1], match[2])
    return f"{match[1]}[redacted {kind}]" if kind else match[0]
