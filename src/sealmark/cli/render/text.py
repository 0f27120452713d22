"""Text on a terminal or in a pipe: widths, wrapping, colour, and nothing that commands a terminal.

Every piece of text goes through `Page`, which escapes control characters: file names, labels and
licences come out of images that strangers made.
"""

from __future__ import annotations

import shutil
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


PIPED_WIDTH = 100
_NARROWEST = 40
_WIDEST = 160
# Our own marks for encodings without them; as wide as they are.
_PLAIN = str.maketrans("→…·—", ">~-=")

Style = Literal["good", "bad", "doubt", "strong", "faint"]
Part = str | tuple[str, Style]


class Stream(Protocol):
    """Where output goes."""

    @property
    def encoding(self) -> str | None:
        """Return the name of its encoding."""
        ...

    def isatty(self) -> bool:
        """Tell whether a person reads it."""
        ...


@dataclass(frozen=True, slots=True)
class Terminal:
    """How wide the output is, in cells, whether it takes colour, and which characters."""

    width: int = PIPED_WIDTH
    colour: bool = False
    encoding: str = "utf-8"


def terminal_of(stream: Stream, environment: Mapping[str, str]) -> Terminal:
    """Return what `stream` is: plain unless it is a terminal (NO_COLOR: https://no-color.org)."""
    encoding = stream.encoding or "utf-8"
    if not stream.isatty():
        return Terminal(encoding=encoding)
    columns = shutil.get_terminal_size((PIPED_WIDTH, 24)).columns
    colour = not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
    return Terminal(min(max(columns, _NARROWEST), _WIDEST), colour, encoding)


def printable(text: str) -> str:
    """Return `text` on one line with controls, bidirectional marks and surrogates escaped."""
    if text.isprintable():
        return text
    flowing = " ".join(text.split())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in flowing)


def cells(text: str) -> int:
    """Return how many cells printable `text` takes."""
    if text.isascii():
        return len(text)
    return sum(map(_cells_of, text))


def _cells_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def clip(text: str, width: int) -> str:
    """Return as much of the beginning as fits, with an ellipsis where something is left out."""
    if cells(text) <= width:
        return text
    kept, used = "", 1
    for character in text:
        used += _cells_of(character)
        if used > width:
            break
        kept += character
    return kept + "…" if width > 0 else ""


def clip_middle(text: str, width: int) -> str:
    """Return beginning and end: both ends of a name tell it from others."""
    if cells(text) <= width:
        return text
    head = clip(text, max(width // 2, 1))
    tail = ""
    for character in reversed(text):
        if cells(head) + cells(tail) + _cells_of(character) > width:
            break
        tail = character + tail
    return head + tail


def pad(text: str, width: int) -> str:
    """Return `text` clipped or filled up to exactly `width` cells."""
    clipped = clip(text, width)
    return clipped + " " * (width - cells(clipped))


def wrap(text: str, width: int) -> Iterator[str]:
    """Yield lines of at most `width` cells, broken between words where that is possible."""
    line = ""
    for word in text.split(" "):
        if line and cells(line) + 1 + cells(word) > width:
            yield line
            line = ""
        line = f"{line} {word}" if line else word
        while cells(line) > width:
            head = clip(line, width + 1)[:-1] or line[0]
            yield head
            line = line[len(head) :]
    yield line


class Page:
    """Collects lines; each is escaped, fitted to the width, and coloured at last."""

    def __init__(self, terminal: Terminal) -> None:
        self.width = terminal.width
        self._colour = terminal.colour
        self._encoding = terminal.encoding
        self._lines: list[str] = []

    def line(self, *parts: Part, indent: int = 0) -> None:
        """Add one line, clipped at the right."""
        left = self.width - indent
        line = " " * indent
        for part in parts:
            text, style = part if isinstance(part, tuple) else (part, None)
            fitting = clip(printable(text), left)
            left -= cells(fitting)
            line += self._painted(fitting, style)
        self._lines.append(line.rstrip())

    def paragraph(self, text: str, indent: int = 0, style: Style | None = None) -> None:
        """Add a text, on as many lines as it takes."""
        for line in wrap(printable(text), self.width - indent):
            self._lines.append(" " * indent + self._painted(line, style))

    def item(self, mark: str, text: str) -> None:
        """Add a text with a mark before its first line."""
        lines = wrap(printable(text), self.width - len(mark))
        self._lines.append(mark + next(lines))
        self._lines += [" " * len(mark) + line for line in lines]

    def command(self, text: str, indent: int = 0) -> None:
        """Add a shell command, broken so that it can be copied: no word is cut."""
        line, lead = "", indent
        for word in printable(text).split(" "):
            if line and lead + len(line) + len(word) + 3 > self.width:
                self._lines.append(f"{' ' * lead}{line} \\")
                line, lead = "", indent + 4
            line = f"{line} {word}" if line else word
        self._lines.append(" " * lead + line)

    def whole(self, text: str, style: Style) -> None:
        """Add one line, however long: what is cut cannot be copied."""
        self._lines.append(self._painted(printable(text), style))

    def heading(self, text: str) -> None:
        """Begin a section."""
        self._lines.append("")
        self.line((text, "strong"))

    def text(self) -> str:
        """Return the page, with a newline at its end, in what its encoding can say."""
        page = "\n".join(self._lines) + "\n"
        try:
            page.encode(self._encoding)
        except UnicodeEncodeError:
            plain = page.translate(_PLAIN).encode(self._encoding, "backslashreplace")
            return plain.decode(self._encoding)
        return page

    def _painted(self, text: str, style: Style | None) -> str:
        if not self._colour or style is None or not text:
            return text
        return {
            "good": lambda: click.style(text, fg="green", bold=True),
            "bad": lambda: click.style(text, fg="red", bold=True),
            "doubt": lambda: click.style(text, fg="yellow", bold=True),
            "strong": lambda: click.style(text, bold=True),
            "faint": lambda: click.style(text, dim=True),
        }[style]()
