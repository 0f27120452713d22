"""A compressed layer comes out whole, or it is refused, in bounded pieces."""

from __future__ import annotations

import gzip
import time

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.forge import TAR, pack

from sealmark.artifact.compression import CompressionError, compression_of, unpack

PIECE = 1 << 20
SOUND = b"".join(b"line %d of the layer\n" % i for i in range(3000))
KINDS = pytest.mark.parametrize("kind", ["gzip", "zstd"])


def pieces(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


def whole(stored: bytes, kind: str, size: int = 1000) -> bytes:
    return b"".join(unpack(pieces(stored, size), f"{TAR}+{kind}"))


@KINDS
@given(content=st.binary(max_size=5000), size=st.integers(1, 700), cut=st.integers(0, 5000))
@settings(deadline=None)
def test_what_was_packed_comes_out_in_whatever_pieces_it_arrives(
    kind: str, content: bytes, size: int, cut: int
) -> None:
    stored = pack(content[:cut], kind) + pack(content[cut:], kind)
    assert whole(stored, kind, size) == content


@KINDS
@given(noise=st.binary(max_size=2000), size=st.integers(1, 700))
@settings(deadline=None)
def test_any_bytes_unpack_or_are_refused(kind: str, noise: bytes, size: int) -> None:
    try:
        whole(noise, kind, size)
    except CompressionError:
        return


@KINDS
@given(where=st.floats(0, 1, exclude_max=True), noise=st.binary(min_size=1, max_size=40))
@settings(deadline=None)
def test_a_damaged_stream_unpacks_or_is_refused_and_never_crashes(
    kind: str, where: float, noise: bytes
) -> None:
    stored = pack(SOUND, kind)
    at = int(where * len(stored))
    try:
        whole(stored[:at] + noise + stored[at + len(noise) :], kind)
    except CompressionError:
        return


@given(st.integers(0, 7000))
@settings(deadline=None)
def test_a_gzip_stream_that_is_cut_off_is_refused(cut: int) -> None:
    stored = gzip.compress(SOUND, mtime=0)
    with pytest.raises(CompressionError):
        whole(stored[: cut % len(stored)], "gzip")


@KINDS
def test_a_bomb_comes_out_in_bounded_pieces(kind: str) -> None:
    stored = pack(bytes(48 << 20), kind)
    assert max(map(len, unpack([stored], f"{TAR}+{kind}"))) <= PIECE


def test_a_zstd_window_beyond_the_limit_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=28)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    stored = packer.compress(bytes(1000)) + packer.flush()
    with pytest.raises(CompressionError, match="zstd"):
        whole(stored, "zstd")


@given(st.text(max_size=200))
def test_an_unknown_media_type_is_refused_in_few_words(name: str) -> None:
    with pytest.raises(CompressionError) as caught:
        compression_of(name)
    assert len(str(caught.value)) < 2000


def test_many_empty_members_in_one_chunk_cost_no_more_than_in_many() -> None:
    stored = gzip.compress(b"") * 100_000

    def cost(size: int) -> float:
        started = time.process_time()
        assert whole(stored, "gzip", size) == b""
        return time.process_time() - started

    assert cost(len(stored)) < 3 * cost(1 << 14) + 0.2
