"""Where this machine's apt fetches Debian from (sources.list(5)), one-line and deb822 form."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LINE = re.compile(r"deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s*(.*)")
_MAX_SOURCES = 1000


@dataclass(frozen=True, slots=True)
class AptSource:
    """One suite of one mirror, and the keyring its signature is checked with ("": the default)."""

    uri: str
    suite: str
    components: tuple[str, ...]
    keyring: str = ""


def parse_sources(name: str, text: str) -> tuple[AptSource, ...]:
    """Read a file of sources; `name` ends in `.sources` for deb822. Unknown entries are skipped.

    Only http and https mirrors count; `trusted=yes` changes nothing here.
    """
    found = _stanzas(text) if name.endswith(".sources") else _lines(text)
    usable = (source for source in found if re.match(r"https?://[^\s/]", source.uri))
    return tuple(source for source, _ in zip(usable, range(_MAX_SOURCES), strict=False))


def choose_source(sources: Iterable[AptSource], suite: str) -> AptSource | None:
    """Return the source of `suite`; else a mirror that has such a suite for another release."""
    known = tuple(sources)
    exact = [source for source in known if source.suite == suite]
    if exact:
        return exact[0]
    kind = suite.partition("-")[2]
    alike = (s for s in known if s.suite.partition("-")[2] == kind and _is_debian(s, known))
    chosen = next(alike, None)
    return replace(chosen, suite=suite) if chosen is not None else None


def _is_debian(source: AptSource, known: Iterable[AptSource]) -> bool:
    """A release's own archive has its security archive beside it, with the same key."""
    release = source.suite.partition("-")[0]
    return any(
        other.suite == f"{release}-security" and other.keyring == source.keyring for other in known
    )


def _lines(text: str) -> Iterator[AptSource]:
    for line in text.splitlines():
        found = _LINE.fullmatch(line.partition("#")[0].strip())
        if found is None:
            continue
        options = dict(part.partition("=")[::2] for part in (found[1] or "").split())
        yield AptSource(found[2], found[3], tuple(found[4].split()), _key(options, "signed-by"))


def _stanzas(text: str) -> Iterator[AptSource]:
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes") == "no":
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                components = tuple(fields.get("components", "").split())
                yield AptSource(uri, suite, components, _key(fields, "signed-by"))


def _key(fields: dict[str, str], name: str) -> str:
    """Return the path of a keyring; keys written into the entry itself are not read."""
    value = fields.get(name, "")
    return value if value.startswith("/") and len(value.split()) == 1 else ""


def _fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    last = ""
    for line in stanza.split("\n"):
        if line.startswith("#") or not line.strip():
            continue
        if line[0] in " \t":
            fields[last] = f"{fields.get(last, '')} {line.strip()}".strip()
            continue
        name, _, value = line.partition(":")
        last = name.strip().lower()
        fields[last] = value.strip()
    return fields
