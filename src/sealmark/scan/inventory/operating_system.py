"""Which distribution this is: os-release(5), and what older or smaller images leave instead."""

from __future__ import annotations

import re

from sealmark.evidence.component import OperatingSystem
from sealmark.scan.inventory.facts import FileFacts, Trouble
from sealmark.scan.inventory.limits import MAX_FIELD, printable
from sealmark.scan.inventory.reader import Reader

ETC_OS_RELEASE = b"etc/os-release"
USR_OS_RELEASE = b"usr/lib/os-release"
ALPINE_RELEASE = b"etc/alpine-release"
DEBIAN_VERSION = b"etc/debian_version"

PRECEDENCE = (ETC_OS_RELEASE, USR_OS_RELEASE, ALPINE_RELEASE, DEBIAN_VERSION)
"""Which file is believed where several are visible, first to last."""

AFFECTS = ("deb", "apk", "rpm")

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.ASCII | re.DOTALL)
_ID = re.compile(r"[a-z0-9._-]+", re.ASCII)
_NUMBERED = re.compile(r"[0-9]+(\.[0-9]+)*", re.ASCII)
# One piece of a shell word: 'literal', "with escapes", \x outside quotes, or plain characters.
_PIECE = re.compile(
    r"""'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|\\(?P<escaped>.)|(?P<plain>[^\s'"\\]+)""",
    re.DOTALL,
)
_DOUBLE_QUOTE_ESCAPE = re.compile(r'\\([$"\\`])')


def read_os_release(content: bytes) -> FileFacts:
    """Read an os-release file; os-release(5), values quoted as the shell quotes."""
    values: dict[str, str] = {}
    troubles = []
    for number, line in enumerate(content.decode("utf-8", "backslashreplace").split("\n"), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        assignment = _ASSIGNMENT.fullmatch(text)
        value = _unquote(assignment[2]) if assignment else None
        if assignment is None or value is None or len(value) > MAX_FIELD:
            troubles.append(Trouble(f"line {number} is no NAME=value: {text[:40]!r}", ()))
            continue
        values[assignment[1]] = printable(value)
    return _facts(values, troubles)


def _facts(values: dict[str, str], troubles: list[Trouble]) -> FileFacts:
    id_ = values.get("ID", "linux")
    if not _ID.fullmatch(id_):
        wrong = Trouble(f"ID must be of a-z, 0-9, '.', '_', '-', got {id_[:40]!r}", AFFECTS)
        return FileFacts(troubles=(wrong,))
    if troubles and not {"ID", "VERSION_ID"} <= values.keys():
        # The unreadable line may have been the one that matters.
        troubles = [Trouble(trouble.what, AFFECTS) for trouble in troubles]
    name = values.get("PRETTY_NAME") or values.get("NAME") or "Linux"
    system = OperatingSystem(
        id=id_,
        version_id=values.get("VERSION_ID", ""),
        version_codename=values.get("VERSION_CODENAME", ""),
        name=name,
        id_like=tuple(values.get("ID_LIKE", "").split()),
    )
    return FileFacts(operating_system=system, troubles=tuple(troubles[:20]))


def _unquote(word: str) -> str | None:
    """Return the value of a shell word, None where a quote or an escape is left open."""
    value, position = "", 0
    while position < len(word) and not word[position].isspace():
        piece = _PIECE.match(word, position)
        if piece is None:
            return None
        position = piece.end()
        if piece["double"] is not None:
            value += _DOUBLE_QUOTE_ESCAPE.sub(r"\1", piece["double"])
        else:
            value += piece["single"] or piece["escaped"] or piece["plain"] or ""
    return value


def _read_release_number(content: bytes, id_: str, name: str) -> FileFacts:
    number = content.decode("utf-8", "replace").strip()
    if not _NUMBERED.fullmatch(number) or len(number) > MAX_FIELD:
        return FileFacts()
    return FileFacts(
        operating_system=OperatingSystem(id=id_, version_id=number, name=f"{name} {number}")
    )


def read(path: bytes, content: bytes) -> FileFacts:
    """Read any of the four files. Testing and unstable name no number and give nothing."""
    if path == ALPINE_RELEASE:
        return _read_release_number(content, "alpine", "Alpine Linux")
    if path == DEBIAN_VERSION:
        major = content.strip().split(b".")[0]
        return _read_release_number(major, "debian", "Debian GNU/Linux")
    return read_os_release(content)


READER = Reader(
    name="operating-system",
    version=1,
    affects=AFFECTS,
    read=read,
    paths=frozenset(PRECEDENCE),
    size_limit=1 << 16,
)
