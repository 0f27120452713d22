"""Sparse files in tar: where the stored bytes belong (GNU tar manual, "Sparse Formats")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealmark.artifact.tar_fields import SPARSE_MAP, TarError, decimal, number

if TYPE_CHECKING:
    from collections.abc import Iterable

    Regions = tuple[tuple[int, int], ...]

_BLOCK = 512
_ENTRY = 24
_LONGEST_NUMBER = 20


@dataclass(frozen=True, slots=True)
class SparseMap:
    """Size with holes, and (offset, length) of what is stored; None: the body begins with it."""

    size: int
    regions: Regions | None

    def expand(self, stored: bytes) -> bytes:
        """Return the file with its holes. Raises TarError when map and body do not agree."""
        regions = self.regions
        if regions is None:
            regions, stored = _leading(stored)
        content, at, end = bytearray(self.size), 0, 0
        for offset, length in regions:
            if offset < end or offset + length > self.size:
                raise TarError("a sparse map overlaps itself or leaves the file")
            end = offset + length
            content[offset:end] = stored[at : at + length]
            at += length
        if at != len(stored) or len(content) != self.size:
            raise TarError(f"a sparse map tells of {at} bytes, {len(stored)} are stored")
        return bytes(content)


def pax_map(pax: dict[bytes, bytes], stored: int) -> SparseMap:
    """Return what pax records of the formats 0.0, 0.1 and 1.0 say. Raises TarError."""
    size = decimal(pax, b"GNU.sparse.realsize", decimal(pax, b"GNU.sparse.size", stored))
    if decimal(pax, b"GNU.sparse.major", 0) == 1:
        return SparseMap(size, None)
    text = pax.get(SPARSE_MAP, b"")
    return SparseMap(size, _pairs(text.split(b",") if text else []))


def old_map(size: int, areas: Iterable[bytes]) -> SparseMap:
    """Return what the entries of a GNU header and its continuation blocks say. Raises TarError."""
    regions = []
    for area in areas:
        for at in range(0, len(area) - _ENTRY + 1, _ENTRY):
            entry = area[at : at + _ENTRY]
            if not entry[12]:
                break
            regions.append((number(entry[:12]), number(entry[12:])))
    return SparseMap(size, tuple(regions))


def _pairs(numbers: list[bytes]) -> Regions:
    if len(numbers) % 2 or not all(
        text.isdigit() and len(text) <= _LONGEST_NUMBER for text in numbers
    ):
        raise TarError("a sparse map is damaged")
    values = [int(text) for text in numbers]
    return tuple(zip(values[::2], values[1::2], strict=True))


def _leading(stored: bytes) -> tuple[Regions, bytes]:
    """The map that format 1.0 writes before the body: a count, then a number a line."""
    digits, _, _ = stored[: _LONGEST_NUMBER + 1].partition(b"\n")
    count = int(digits) if digits.isdigit() else -1
    if not 0 <= count <= len(stored) // 4:
        raise TarError("a sparse map is damaged")
    lines, position = [], len(digits) + 1
    for _ in range(2 * count):
        end = stored.find(b"\n", position, position + _LONGEST_NUMBER + 1)
        lines.append(stored[position : max(end, position)])
        position = end + 1
    return _pairs(lines), stored[-(-position // _BLOCK) * _BLOCK :]
