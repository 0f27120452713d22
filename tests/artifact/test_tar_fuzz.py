"""Tars that were bent: an own error or members within the limits, never anything else."""

from __future__ import annotations

import io
import tarfile
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.artifact.test_layer import TAR, read

from sealmark.artifact.file import FileType
from sealmark.artifact.limits import Limits
from sealmark.artifact.table import Layer, LayerError, normal_path
from sealmark.artifact.tar import BLOCK, TarReader
from sealmark.artifact.tar_fields import TarError

LIMITS = Limits(members=200, path=4096, extended_header=4096, content=1 << 16)
FORMS = {"pax": tarfile.PAX_FORMAT, "gnu": tarfile.GNU_FORMAT, "ustar": tarfile.USTAR_FORMAT}


@cache
def sound(form: str) -> bytes:
    """A tar of everything there is: long names, links, devices, times, owners, holes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=FORMS[form]) as archive:
        for name, kind, link, content in (
            ("etc/", tarfile.DIRTYPE, "", b""),
            ("etc/passwd", tarfile.REGTYPE, "", b"root:x:0:0\n" * 70),
            ("d/" * 40 + "long" * 15, tarfile.REGTYPE, "", b"1"),
            ("link", tarfile.SYMTYPE, "../" * 20 + "etc", b""),
            ("hard", tarfile.LNKTYPE, "etc/passwd", b""),
            ("null", tarfile.CHRTYPE, "", b""),
            ("a/.wh.b", tarfile.REGTYPE, "", b""),
            ("fifo", tarfile.FIFOTYPE, "", b""),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.size = kind, link, len(content)
            entry.mode, entry.mtime, entry.uid = 0o4755, 1.5 if form == "pax" else 1, 70_000
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def checksummed(content: bytes) -> bytes:
    """Mend the checksum of whatever is at a header's place, so that damage gets past it."""
    mended = bytearray(content)
    for at in range(0, len(mended) - BLOCK + 1, BLOCK):
        if mended[at + 257 : at + 262] == b"ustar":
            mended[at + 148 : at + 156] = b" " * 8
            mended[at + 148 : at + 156] = b"%06o\0 " % sum(mended[at : at + BLOCK])
    return bytes(mended)


bent = st.builds(
    lambda form, at, noise: sound(form)[:at] + noise + sound(form)[at + len(noise) :],
    st.sampled_from(sorted(FORMS)),
    st.integers(0, 8000),
    st.binary(min_size=1, max_size=30)
    | st.sampled_from([b"\x80" + b"\x7f" * 11, b"\xff" * 12, b"7" * 12, b"99999999999 path="]),
)


@given(bent.map(checksummed) | bent, st.integers(1, 1500))
@settings(deadline=None, max_examples=300)
def test_a_bent_tar_gives_members_within_limits_or_an_own_error(content: bytes, size: int) -> None:
    pieces = (content[at : at + size] for at in range(0, len(content), size))
    reader = TarReader(pieces, LIMITS)
    try:
        for member in reader:
            assert len(member.name) <= LIMITS.path
            assert isinstance(member.type, FileType)
            assert 0 <= member.size < 1 << 61
            if member.type is FileType.REGULAR and member.stored <= len(content):
                assert len(reader.body()) == member.size
    except TarError:
        return


@given(bent.map(checksummed))
@settings(deadline=None)
def test_a_layer_that_was_read_can_be_kept_and_read_again(content: bytes) -> None:
    try:
        layer, seen = read(content, limits=LIMITS)
    except LayerError:
        return
    assert Layer.load(layer.dump()) == layer
    assert all(
        b".." not in path.split(b"/") for path in (*(entry.path for entry in layer), *seen.contents)
    )


@given(where=st.integers(0, 5000), noise=st.binary(min_size=1, max_size=20))
@example(where=86, noise=b"\0")  # two directories of one name
@settings(deadline=None)
def test_a_bent_cache_entry_is_a_layer_or_an_own_error(where: int, noise: bytes) -> None:
    kept = read(sound("pax"))[0].dump()
    at = where % len(kept)
    try:
        layer = Layer.load(kept[:at] + noise + kept[at + len(noise) :])
    except LayerError:
        return
    list(layer)
    list(layer.notable())


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (Limits(members=3), "more than 3 members"),
        (Limits(path=20), "too long"),
        (Limits(extended_header=10), "extended header"),
        (Limits(unpacked=2000), "unpacks to more than 2000"),
        (Limits(ratio=0, ratio_floor=100), "bomb"),
    ],
)
def test_each_limit_has_its_own_refusal(limits: Limits, why: str) -> None:
    with pytest.raises(LayerError, match=why):
        read(sound("pax"), limits=limits)


def test_global_headers_add_up_to_nothing_that_is_not_read() -> None:
    headers = [{f"vendor.{number}": "x" * 1000, "uid": "7"} for number in range(50)]
    written = b"".join(map(tarfile.TarInfo.create_pax_global_header, headers))
    reader = TarReader([written + sound("ustar")], LIMITS)
    assert {member.uid for member in reader} == {7}
    assert reader._global.keys() == {b"uid"}


def test_a_file_beyond_the_limit_is_told_of_and_not_held() -> None:
    _, seen = read(sound("pax"), limits=Limits(content=500))
    assert seen.skipped[b"etc/passwd"] == "770 bytes are too large"
    assert b"etc/passwd" not in seen.contents


@given(st.lists(st.sampled_from([b"..", b".", b"", b"a", b"b.", b".c", b"\xff", b"..."])))
def test_no_sequence_of_parts_leaves_the_root(parts: list[bytes]) -> None:
    depth: list[bytes] = []
    for part in parts:
        if part == b"..":
            del depth[-1:]
        elif part not in (b"", b"."):
            depth.append(part)
    for name in (b"/".join(parts), b"/" + b"/".join(parts), b"./" + b"/".join(parts)):
        assert normal_path(name) == b"/".join(depth)


def test_a_descriptor_that_names_another_kind_of_layer_is_refused() -> None:
    layer, _ = read(sound("gnu"))
    assert len(layer) == 7
    with pytest.raises(LayerError, match="gzip stream is damaged"):
        read(sound("gnu"), media_type=f"{TAR}+gzip")
