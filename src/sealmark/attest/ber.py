"""Time stamps whose content is an octet string in pieces, put in one piece (X.690, 8.7.3 and 10.2).

CMS (RFC 5652, section 5.2) allows BER for the content that is signed, and some authorities write
it so; the reader of time stamps wants DER. What is signed is the content's octets (5.4), which
stay as they are, so nothing is believed that was not signed.
"""

from __future__ import annotations

_PIECES, _PIECE = 0x24, 0x04
_TO_CONTENT = (1, 1, 0, 2, 1, 0)
"""From a TimeStampResp: token, content, its value, encapContentInfo, eContent, its value."""


def in_one_piece(response: bytes) -> bytes:
    """Return the response with its content in one piece; as it is if it is anything else."""
    try:
        return _rebuilt(response, _TO_CONTENT)
    except (ValueError, IndexError):
        return response


def _rebuilt(value: bytes, path: tuple[int, ...]) -> bytes:
    ((tag, content),) = _values(value)
    if not path:
        if tag != _PIECES:
            raise ValueError("not in pieces")
        pieces = _values(content)
        if any(kind != _PIECE for kind, _ in pieces):
            raise ValueError("not pieces of octets")
        return _encoded(_PIECE, b"".join(piece for _, piece in pieces))
    children = [_encoded(*child) for child in _values(content)]
    children[path[0]] = _rebuilt(children[path[0]], path[1:])
    return _encoded(tag, b"".join(children))


def _values(data: bytes) -> list[tuple[int, bytes]]:
    """Split into values, by tag and content: short tags and definite lengths only."""
    found, place = [], 0
    while place < len(data):
        tag, length, start = data[place], data[place + 1], place + 2
        if length > 0x84 or length == 0x80 or tag & 0x1F == 0x1F:
            raise ValueError("not a definite length")
        if length > 0x80:
            start += length - 0x80
            length = int.from_bytes(data[place + 2 : start])
        place = start + length
        if place > len(data):
            raise ValueError("cut short")
        found.append((tag, data[start:place]))
    return found


def _encoded(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size) + content
