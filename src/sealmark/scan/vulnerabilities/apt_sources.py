"""Where this machine's apt fetches Debian from (sources.list(5)), one-line and deb822 form.

Of an entry's options only `signed-by` matters: `trusted`, `allow-*`, `check-valid-until` and the
like ask for less checking than is done here, and change nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LINE = re.compile(r"deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s*(.*)")
_MAX_SOURCES = 1000
_OFF = frozenset({"no", "false", "without", "off", "disable", "0"})


@dataclass(frozen=True, slots=True)
class AptSource:
    """One suite of one mirror, and the keyrings its signature is checked with (none: the default).

    The address may hold a login: `shown` is what may be printed.
    """

    uri: str
    suite: str
    components: tuple[str, ...]
    keyrings: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The address without a login."""
        return without_login(self.uri)


def without_login(url: str) -> str:
    """Return an address as it may be printed; whatever stands before an `@` is left out."""
    return re.sub(r"//.*@", "//", url, flags=re.DOTALL)


def parse_sources(name: str, text: str) -> tuple[AptSource, ...]:
    """Read a file of sources; `name` ends in `.sources` for deb822. Unknown entries are skipped.

    Only http and https mirrors count.
    """
    found = _stanzas(text) if name.endswith(".sources") else _lines(text)
    usable = (source for source in found if re.match(r"https?://[^\s/]", source.uri))
    return tuple(source for source, _ in zip(usable, range(_MAX_SOURCES), strict=False))


def choose_source(
    sources: Iterable[AptSource], suite: str, beside: AptSource | None = None
) -> AptSource | None:
    """Return the source of `suite`; else a mirror that has such a suite for another release.

    Others use Debian's suite names too (`bookworm stable`, `bookworm main`): of several, the one
    with a component `main` that is signed and served like `beside` is Debian's.
    """
    known = tuple(sources)
    kind = suite.partition("-")[2]
    found = [source for source in known if source.suite == suite and _has_main(source)]
    if not found:
        alike = (s for s in known if s.suite.partition("-")[2] == kind and _is_debian(s, known))
        found = [replace(source, suite=suite) for source in alike if _has_main(source)]
    return max(found, key=lambda source: _likeness(source, beside), default=None)


def _has_main(source: AptSource) -> bool:
    return not source.components or "main" in source.components


def _likeness(source: AptSource, beside: AptSource | None) -> tuple[bool, bool]:
    if beside is None:
        return False, False
    return source.keyrings == beside.keyrings, _host(source) == _host(beside)


def _host(source: AptSource) -> str:
    return source.shown.partition("//")[2].partition("/")[0]


def _is_debian(source: AptSource, known: Iterable[AptSource]) -> bool:
    """A release's own archive has its security archive beside it, with the same key."""
    release = source.suite.partition("-")[0]
    return any(
        other.suite == f"{release}-security" and other.keyrings == source.keyrings
        for other in known
    )


def _lines(text: str) -> Iterator[AptSource]:
    for line in text.splitlines():
        found = _LINE.fullmatch(line.partition("#")[0].strip())
        if found is None:
            continue
        options = dict(part.partition("=")[::2] for part in (found[1] or "").split())
        keyrings = _keyrings(options.get("signed-by", ""))
        yield AptSource(found[2], found[3], tuple(found[4].split()), keyrings)


def _stanzas(text: str) -> Iterator[AptSource]:
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        disabled = fields.get("enabled", "yes").lower() in _OFF
        if "deb" not in fields.get("types", "").split() or disabled:
            continue
        keyrings = _keyrings(fields.get("signed-by", ""))
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                components = tuple(fields.get("components", "").split())
                yield AptSource(uri, suite, components, keyrings)


def _keyrings(value: str) -> tuple[str, ...]:
    """Return the paths of keyrings; fingerprints and keys in the entry itself are not read."""
    if "-----" in value:
        return ()
    return tuple(part for part in re.split(r"[\s,]+", value) if part.startswith("/"))


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
