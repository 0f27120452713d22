"""Layers are read as a container runtime would see them, and only if they are what they say."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sealmark.artifact.digest import Digest, DigestMismatchError
from sealmark.artifact.file import FileEntry, FileType
from sealmark.artifact.layer import read_layer
from sealmark.artifact.limits import DEFAULT_LIMITS, Limits
from sealmark.artifact.manifest import Descriptor
from sealmark.artifact.rootfs import RootFs
from sealmark.artifact.table import Layer, LayerError, normal_path
from sealmark.errors import UnreadableError

TAR = "application/vnd.oci.image.layer.v1.tar"


class Everything:
    """A visitor that wants every file."""

    def __init__(self) -> None:
        self.contents: dict[bytes, bytes] = {}
        self.skipped: dict[bytes, str] = {}
        self.links: dict[bytes, bytes] = {}

    def wants(self, path: bytes) -> bool:
        return True

    def size_limit(self, path: bytes) -> int:
        return 1 << 20

    def linked(self, entry: FileEntry) -> None:
        self.links[entry.path] = entry.link

    def content(self, entry: FileEntry, content: bytes) -> None:
        self.contents[entry.path] = content

    def without_content(self, entry: FileEntry, why: str) -> None:
        self.skipped[entry.path] = why


def tar(*members: tuple[str, bytes | str], form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return a tar; bytes make a file, `-> x` a symlink, `= x` a hard link, `/` a directory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, what in members:
            entry = tarfile.TarInfo(name)
            if isinstance(what, bytes):
                entry.size = len(what)
                archive.addfile(entry, io.BytesIO(what))
                continue
            kinds = {"->": tarfile.SYMTYPE, "=": tarfile.LNKTYPE, "/": tarfile.DIRTYPE}
            kind, _, target = what.partition(" ")
            entry.type, entry.linkname = kinds[kind], target
            archive.addfile(entry)
    return buffer.getvalue()


def read(
    content: bytes,
    stored: bytes | None = None,
    media_type: str = TAR,
    limits: Limits = DEFAULT_LIMITS,
    chunk: int = 1000,
) -> tuple[Layer, Everything]:
    blob = content if stored is None else stored
    descriptor = Descriptor(media_type, Digest.of(blob), len(blob))
    chunks = (blob[at : at + chunk] for at in range(0, len(blob), chunk))
    visitor = Everything()
    return read_layer(chunks, descriptor, Digest.of(content), visitor, limits), visitor


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT], ids=["pax", "gnu"])
def test_long_and_odd_names_and_contents_come_out_whole(form: int) -> None:
    long = "d/" * 80 + "f" * 150
    content = tar((long, b"x" * 700), ("ä\udcff", b""), ("./a/../b", b"1"), form=form)
    layer, seen = read(content)
    assert seen.contents == {
        long.encode(): b"x" * 700,
        "ä\udcff".encode("utf-8", "surrogateescape"): b"",
        b"b": b"1",
    }
    assert len(layer) == 3


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_compressed_layers_are_read_and_several_frames_in_a_row_too(kind: str) -> None:
    content = tar(("a", b"1" * 5000), ("b", b"2"))
    pack = gzip.compress if kind == "gzip" else zstandard.compress
    stored = pack(content[:700]) + pack(content[700:])
    _, seen = read(content, stored, f"{TAR}+{kind}")
    assert set(seen.contents) == {b"a", b"b"}


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
@pytest.mark.parametrize("cut", [1, 20, 300])
def test_a_truncated_layer_is_refused(kind: str, cut: int) -> None:
    content = tar(*((f"f{i}", bytes([i]) * i * 37) for i in range(40)))
    stored = (gzip.compress if kind == "gzip" else zstandard.compress)(content)[:-cut]
    with pytest.raises(UnreadableError):
        read(content, stored, f"{TAR}+{kind}")


def test_a_wrong_digest_names_layer_expected_and_got() -> None:
    content = tar(("a", b"1"))
    promised, got = Digest.of(b"other"), Digest.of(content)
    descriptor = Descriptor(TAR, promised, len(content))
    with pytest.raises(DigestMismatchError) as caught:
        read_layer([content], descriptor, got, Everything(), DEFAULT_LIMITS)
    assert str(caught.value) == f"layer {promised}: expected {promised}, got {got}"


def test_a_wrong_diff_id_is_refused() -> None:
    content = tar(("a", b"1"))
    descriptor = Descriptor(TAR, Digest.of(content), len(content))
    with pytest.raises(DigestMismatchError, match="diff_id"):
        read_layer([content], descriptor, Digest.of(b"x"), Everything(), DEFAULT_LIMITS)


@pytest.mark.parametrize("claimed", [-1, 1])
def test_a_blob_of_another_length_than_promised_is_refused(claimed: int) -> None:
    content = tar(("a", b"1"))
    descriptor = Descriptor(TAR, Digest.of(content), len(content) + claimed)
    with pytest.raises(LayerError, match=f"expected {len(content) + claimed} bytes"):
        read_layer([content], descriptor, Digest.of(content), Everything(), DEFAULT_LIMITS)


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(kind: str) -> None:
    content = tar(("zeros", bytes(64 << 20)))
    stored = (gzip.compress if kind == "gzip" else zstandard.compress)(content)
    limits = Limits(ratio_floor=4 << 20, ratio=100)
    with pytest.raises(LayerError, match="bomb"):
        read(content, stored, f"{TAR}+{kind}", limits)


def test_an_unknown_media_type_is_refused_by_name() -> None:
    with pytest.raises(UnreadableError, match="application/x-squashfs"):
        read(tar(), media_type="application/x-squashfs")


def test_an_absurd_size_is_refused() -> None:
    content = bytearray(tar(("a", b"1"), form=tarfile.GNU_FORMAT))
    content[124:136] = b"\x80" + b"\x7f" * 11
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    with pytest.raises(UnreadableError, match="absurd"):
        read(bytes(content))


def test_the_last_of_two_equal_paths_counts() -> None:
    _, seen = read(tar(("a", b"first"), ("./a", b"second")))
    assert seen.contents == {b"a": b"second"}


def test_an_empty_layer_is_legal() -> None:
    layer, _ = read(tar())
    assert len(layer) == 0


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (b"/etc/x", b"etc/x"),
        (b"../../etc/x", b"etc/x"),
        (b"a/../../b", b"b"),
        (b"./", b""),
        (b"a//b/", b"a/b"),
        (b"..", b""),
    ],
)
def test_no_name_leaves_the_root(name: bytes, path: bytes) -> None:
    assert normal_path(name) == path


@given(st.binary(max_size=200).filter(lambda b: b"\0" not in b))
def test_every_name_has_a_normal_form_that_stays_itself(name: bytes) -> None:
    path = normal_path(name)
    assert normal_path(path) == path
    assert not path.startswith(b"/")
    assert b".." not in path.split(b"/")


def test_whiteouts_and_opaque_directories_hide_what_is_below_and_only_that() -> None:
    base, _ = read(tar(("a/x", b"1"), ("a/y", b"1"), ("b/x", b"1"), ("c", b"1"), ("d/e/f", b"1")))
    top, _ = read(
        tar(("a/.wh.x", b""), ("b/.wh..wh..opq", b""), ("b/new", b"2"), (".wh.d", b""), ("c", b"2"))
    )
    root = RootFs((base, top))
    assert {(i, e.path) for i, e in root.walk()} == {(0, b"a/y"), (1, b"b/new"), (1, b"c")}
    assert root.history(b"c") == ((0, "added"), (1, "modified"))
    assert root.history(b"a/x") == ((0, "added"), (1, "removed"))
    assert root.counts(1) == (1, 1, 2)


def test_a_file_in_place_of_a_directory_hides_everything_under_it() -> None:
    base, _ = read(tar(("a/x", b"1")))
    top, _ = read(tar(("a", b"now a file")))
    assert [e.path for _, e in RootFs((base, top)).walk()] == [b"a"]


def paths(layer: Layer) -> list[bytes]:
    return sorted(entry.path for entry in layer)


def test_what_is_no_directory_replaces_one_with_all_that_was_in_it() -> None:
    for what in (b"now a file", "-> elsewhere", "= b"):
        layer, _ = read(
            tar(("b", b"1"), ("a/x/y", b"1"), ("a/z", b"1"), ("a-c", b"1"), ("a", what))
        )
        assert paths(layer) == [b"a", b"a-c", b"b"]


def test_a_directory_may_come_back_after_it_was_replaced() -> None:
    layer, _ = read(tar(("a/old", b"1"), ("a", b"file"), ("a", "/ "), ("a/new", b"1")))
    assert paths(layer) == [b"a", b"a/new"]


def test_links_in_a_directory_that_was_replaced_lead_nowhere_any_more() -> None:
    members = ("a/l", "-> /b"), ("a/l/x", b"1"), ("a", b"file"), ("a", "/ "), ("a/l/y", b"1")
    assert paths(read(tar(*members))[0]) == [b"a", b"a/l/y", b"b/x"]


def test_a_hard_link_outlives_the_directory_of_its_first_name() -> None:
    layer, _ = read(tar(("a/x", b"123"), ("l", "= a/x"), ("a", b"file")))
    found = layer.lookup(b"l")
    assert found is not None
    assert (found.type, found.size) == (FileType.REGULAR, 3)


def test_a_hard_link_is_to_the_file_that_was_there_at_its_time() -> None:
    layer, _ = read(tar(("x", b"1"), ("l", "= x"), ("x", b"22"), ("m", "= x"), ("l", "= m")))
    sizes = {entry.path: entry.size for entry in layer}
    assert sizes == {b"x": 2, b"l": 2, b"m": 2}
    first, _ = read(tar(("x", b"1"), ("l", "= x"), ("x", b"22")))
    assert {entry.path: entry.size for entry in first} == {b"x": 2, b"l": 1}


def test_a_member_in_place_of_the_root_is_passed_over_and_hides_nothing() -> None:
    base, _ = read(tar(("a/x", b"1")))
    for name in ("/", "./", "a/.."):
        header = tarfile.TarInfo("root")
        header.type, header.linkname = tarfile.SYMTYPE, "elsewhere"
        header.name = name
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            archive.addfile(header)
        top, _ = read(buffer.getvalue())
        assert [entry.path for _, entry in RootFs((base, top)).walk()] == [b"a/x"]


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (Limits(table=1000), "paths and links take more than 1000 bytes"),
        (Limits(owners=1), "more than 1 different modes and owners"),
        (Limits(depth=2), "more than 2 directories deep"),
    ],
)
def test_what_is_remembered_of_a_layer_is_bounded(limits: Limits, why: str) -> None:
    members = [(f"a{number}", b"") for number in range(20)]
    with pytest.raises(LayerError, match=why):
        read(tar(*members, ("l", "-> x"), ("d/e/f/g", b"")), limits=limits)


def test_what_unpacks_to_a_lot_must_be_worth_it() -> None:
    content = tar(("zeros", bytes(8 << 20)), ("noise", bytes(range(256)) * 100))
    stored = gzip.compress(content, 1)
    assert 60 < len(content) / len(stored) < 250
    read(content, stored, f"{TAR}+gzip", Limits(ratio_floor=1 << 20))
    with pytest.raises(LayerError, match="bomb"):
        read(content, stored, f"{TAR}+gzip", Limits(ratio_floor=1 << 20, large=2 << 20))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "a/b", "a/a", "a/b/a", "a-b", "b/a", "a/b/b"]),
            st.sampled_from([b"", b"1", b"22", "/ ", "= a/b", "= b", "-> b", "-> /a"]),
        ),
        max_size=8,
    )
)
def test_a_table_answers_as_a_tree_would_that_is_written_in_order(
    members: list[tuple[str, bytes | str]],
) -> None:
    try:
        layer, _ = read(tar(*members))
    except LayerError:
        return  # links in a circle
    kinds = {entry.path: entry.type for entry in layer}
    assert sorted(kinds) == sorted(set(kinds))
    assert len(layer) == len(kinds)
    for path, kind in kinds.items():
        assert path in layer
        found = layer.lookup(path)
        assert found is not None
        assert (found.path, found.type) == (path, kind)
    assert Layer.load(layer.dump()) == layer


def test_links_are_followed_inside_the_root_only_and_loops_end() -> None:
    layer, _ = read(
        tar(
            ("lib", "-> usr/lib"),
            ("usr/lib", "/ "),
            ("usr/lib/x", b"1"),
            ("up", "-> ../../../etc"),
            ("etc", "-> /usr/lib"),
            ("loop", "-> loop2"),
            ("loop2", "-> /loop"),
        )
    )
    root = RootFs((layer,))
    assert root.resolve(b"lib/x") == b"usr/lib/x"
    assert root.resolve(b"up/x") == b"usr/lib/x"
    assert root.resolve(b"loop") is None


def test_a_wanted_link_is_reported_not_dropped() -> None:
    _, seen = read(tar(("a", b"1"), ("b", "= a"), ("c", "-> a"), ("d", "= below")))
    assert seen.links == {b"b": b"a", b"c": b"a", b"d": b"below"}


def test_setuid_files_and_devices_are_notable() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind, mode in (
            ("su", tarfile.REGTYPE, 0o4755),
            ("null", tarfile.CHRTYPE, 0o666),
            ("plain", tarfile.REGTYPE, 0o755),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = kind, mode
            archive.addfile(entry)
    layer, _ = read(buffer.getvalue())
    assert {e.path: e.type for e in layer.notable()} == {
        b"su": FileType.REGULAR,
        b"null": FileType.CHARACTER_DEVICE,
    }


def test_a_cached_layer_is_the_layer_and_a_damaged_one_is_refused() -> None:
    layer, _ = read(tar(("a/x", b"1"), ("l", "-> a"), ("d/.wh.x", b""), ("e/.wh..wh..opq", b"")))
    assert Layer.load(layer.dump()) == layer
    for damaged in (b"", b"junk", layer.dump()[:-1], layer.dump()[1:]):
        with pytest.raises(LayerError):
            Layer.load(damaged)


@given(st.binary(max_size=3000), st.integers(0, 2000))
def test_any_bytes_are_a_layer_or_an_own_error(noise: bytes, where: int) -> None:
    sound = tar(("a", b"1" * 600), ("l" * 120, "-> a"))
    content = sound[:where] + noise + sound[where + len(noise) :]
    try:
        read(content)
    except UnreadableError:
        return


_NAMES = st.from_regex(r"(\.\./|\./|/)?[abc]{1,3}(/[abc.]{0,2}[abc]){0,2}", fullmatch=True)


@given(st.lists(st.tuples(_NAMES, st.binary(max_size=1200))))
def test_what_the_standard_library_reads_we_read(members: list[tuple[str, bytes]]) -> None:
    content = tar(*members)
    _, seen = read(content, chunk=511)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        expected = {}
        for member in archive:
            file = archive.extractfile(member)
            path = normal_path(member.name.encode())
            if file is not None and not path.rpartition(b"/")[2].startswith(b".wh."):
                expected[path] = file.read()
    assert seen.contents == expected
