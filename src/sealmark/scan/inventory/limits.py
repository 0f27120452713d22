"""What readers accept from a file, which may be hostile: lengths, counts, text, JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from sealmark.errors import UnreadableError
from sealmark.scan.inventory.facts import FileFacts, Package, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MAX_PACKAGES = 200_000
"""Most packages that one file may name."""
MAX_ENTRIES = 1_000_000
"""Most entries looked at in one file, blank and unreadable ones included."""
MAX_ENTRY = 1 << 20
"""Longest entry whose fields are looked for, in bytes."""
MAX_JSON_VALUES = 2_000_000
"""Most values in one JSON document, counted by the marks between them."""
MAX_FIELD = 1024
"""Longest name, version or licence, in characters."""
MAX_LICENSES = 64
"""Most licences kept for one package."""
MAX_TROUBLES = 20
"""Most problems reported for one file; the rest is counted."""

E = TypeVar("E")
T = TypeVar("T")


class ReadError(UnreadableError):
    """A file, or one entry of it, does not have the form its place promises."""


def printable(text: str) -> str:
    """Return `text` with control characters and lone surrogates escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def field(raw: bytes | str, what: str) -> str:
    """Return a required field as printable, stripped text. Raises ReadError."""
    text = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw
    text = printable(text.strip())
    if not text:
        raise ReadError(f"{what} is missing")
    if len(text) > MAX_FIELD:
        raise ReadError(f"{what} is longer than {MAX_FIELD} characters: {text[:40]!r}…")
    return text


def optional_field(raw: bytes | str | None) -> str | None:
    """Return a field that nothing depends on, cut at the limit; None where it is empty."""
    if not raw:
        return None
    text = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw
    return printable(text.strip()[:MAX_FIELD]) or None


def licenses(raw: Iterable[bytes | str | None]) -> tuple[str, ...]:
    """Return licences in the order stated, each once, at most MAX_LICENSES."""
    seen = dict.fromkeys(text for text in map(optional_field, raw) if text)
    return tuple(seen)[:MAX_LICENSES]


def decode_json(content: bytes | msgspec.Raw, type_: type[T]) -> T:
    """Decode JSON, a byte order mark allowed. Raises ReadError, also for hostile nesting."""
    if isinstance(content, bytes):
        content = content.removeprefix(b"\xef\xbb\xbf")
        if sum(map(content.count, (b",", b"[", b"{"))) > MAX_JSON_VALUES:
            raise ReadError(f"JSON with more than {MAX_JSON_VALUES} values")
    try:
        return msgspec.json.decode(content, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReadError(f"not the JSON expected: {error}") from None
    except RecursionError:
        raise ReadError("JSON nested too deeply") from None


def blocks(content: bytes) -> Iterator[bytes]:
    """Yield what stands between empty lines, without holding it all twice."""
    start = 0
    while (end := content.find(b"\n\n", start)) >= 0:
        yield content[start:end]
        start = end + 2
    yield content[start:]


class Collector:
    """Gathers the packages and problems of one file, within the limits."""

    def __init__(self, *affects: str) -> None:
        self._affects = affects
        self._packages: list[Package] = []
        self._troubles: list[Trouble] = []
        self._untold = 0

    def gather(self, entries: Iterable[E], read_entry: Callable[[E], Package | None]) -> None:
        """Keep the package each entry describes; an entry that cannot be read is a problem."""
        for number, entry in enumerate(entries):
            if number >= MAX_ENTRIES or len(self._packages) >= MAX_PACKAGES:
                self.trouble(f"too many entries, read as far as number {number}")
                return
            try:
                package = read_entry(entry)
            except ReadError as error:
                self.trouble(str(error))
                continue
            if package is not None:
                self._packages.append(package)

    def trouble(self, what: str) -> None:
        """Keep one problem, or count it."""
        if len(self._troubles) < MAX_TROUBLES:
            self._troubles.append(Trouble(printable(what), self._affects))
        else:
            self._untold += 1

    def facts(self) -> FileFacts:
        """Return what was gathered."""
        troubles = self._troubles
        if self._untold:
            troubles = [*troubles, Trouble(f"and {self._untold} more problems", self._affects)]
        return FileFacts(packages=tuple(self._packages), troubles=tuple(troubles))
