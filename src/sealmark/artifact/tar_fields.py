"""Numbers and records as tar headers write them (POSIX.1-2017 pax, GNU)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from sealmark.errors import UnreadableError

LARGEST: Final = 1 << 60
SPARSE_MAP: Final = b"GNU.sparse.map"
_REPEATED = (b"GNU.sparse.offset", b"GNU.sparse.numbytes")
_SPARSE = (b"name", b"size", b"realsize", b"major", b"minor", b"numblocks", b"map")
_READ = frozenset(
    {b"path", b"linkpath", b"size", b"uid", b"gid", *(b"GNU.sparse." + key for key in _SPARSE)}
)


class TarError(UnreadableError):
    """A tar stream is damaged, cut off or beyond a limit."""


@lru_cache(maxsize=1 << 14)  # modes, owners and small sizes repeat
def number(text: bytes) -> int:
    """Return octal, or GNU's base 256 when the first bit is set. Raises TarError for the absurd."""
    if text[0] & 0x80:
        value = int.from_bytes(text, "big") & ((1 << (len(text) * 8 - 1)) - 1)
        if text[0] & 0x40 or value > LARGEST:
            raise TarError("a header holds a negative or absurd number")
        return value
    digits = text.strip(b" \0")
    if not digits:
        return 0
    try:
        value = int(digits.partition(b"\0")[0], 8)
    except ValueError as error:
        raise TarError(f"a header holds {digits[:16]!r} for a number") from error
    if value < 0:
        raise TarError("a header holds a negative number")
    return value


@lru_cache(maxsize=1 << 12)
def owner(text: bytes) -> tuple[int, int, int]:
    """Return mode, uid and gid of the 24 bytes they take in a header. Raises TarError."""
    return number(text[:8]) & 0o7777, number(text[8:16]), number(text[16:])


def decimal(pax: dict[bytes, bytes], key: bytes, default: int) -> int:
    """Return the number a pax record holds. Raises TarError for what is none."""
    text = pax.get(key)
    if text is None:
        return default
    if not text.isdigit() or len(text) > 19 or int(text) > LARGEST:
        raise TarError(f"a pax header holds {text[:32]!r} for {key.decode()}")
    return int(text)


def records(content: bytes) -> dict[bytes, bytes]:
    """Return the `length key=value` lines (pax, "Extended Header"). Raises TarError.

    Only what is read is kept: global headers add up. Keys of the first sparse format repeat; they
    are gathered as the list its successor writes.
    """
    found: dict[bytes, bytes] = {}
    repeated: list[bytes] = []
    position = 0
    while position < len(content) and content[position]:
        digits, space, _ = content[position : position + 20].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        record = content[position : position + length]
        key, equals, value = record[len(digits) + 1 :].partition(b"=")
        if not space or len(record) < length or not equals or not value.endswith(b"\n"):
            raise TarError("a pax header is damaged")
        if key in _REPEATED:
            repeated.append(value[:-1])
        elif key in _READ:
            found[key] = value[:-1]
        position += length
    if repeated:
        found[SPARSE_MAP] = b",".join(repeated)
    return found
