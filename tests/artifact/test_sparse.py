"""Sparse files come out of every format that GNU tar writes with their holes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.gnu_tar import gnu_tar

from sealmark.artifact.digest import Digest
from sealmark.artifact.layer import read_layer
from sealmark.artifact.limits import Limits
from sealmark.artifact.manifest import Descriptor
from sealmark.artifact.sparse import SparseMap
from sealmark.artifact.tar_fields import TarError
from sealmark.errors import UnreadableError

if TYPE_CHECKING:
    from pathlib import Path

    from sealmark.artifact.file import FileEntry

_SCRIPT = """
truncate -s 1M hole
for i in $(seq 1 2 {regions}); do
  printf "part $i" | dd of=parts bs=64K seek=$i conv=notrunc status=none
done
truncate -s 9M parts
printf begin > small; truncate -s 300K small
"""
_FORMATS = {
    "gnu": ["--format=gnu"],
    "pax 0.0": ["--format=posix", "--sparse-version=0.0"],
    "pax 0.1": ["--format=posix", "--sparse-version=0.1"],
    "pax 1.0": ["--format=posix", "--sparse-version=1.0"],
}


class Contents:
    """Takes every content up to 16 MiB."""

    def __init__(self) -> None:
        self.found: dict[bytes, bytes] = {}

    def wants(self, path: bytes) -> bool:
        return bool(path)

    def size_limit(self, path: bytes) -> int:
        return 16 << 20

    def content(self, entry: FileEntry, content: bytes) -> None:
        assert entry.size == len(content)
        self.found[entry.path] = content

    def linked(self, entry: FileEntry) -> None:
        raise AssertionError(entry)

    def without_content(self, entry: FileEntry, why: str) -> None:
        raise AssertionError(why)


def read(content: bytes, limits: Limits) -> dict[bytes, bytes]:
    digest = Digest.of(content)
    descriptor = Descriptor("application/vnd.oci.image.layer.v1.tar", digest, len(content))
    contents = Contents()
    read_layer([content], descriptor, digest, contents, limits)
    return contents.found


@pytest.mark.parametrize("options", _FORMATS.values(), ids=_FORMATS.keys())
@pytest.mark.parametrize("regions", [3, 121], ids=["few regions", "many regions"])
def test_a_sparse_file_is_read_as_it_was_on_disk(
    options: list[str], regions: int, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    content = gnu_tar(tree, _SCRIPT.format(regions=regions), "--sparse", *options)
    assert len(content) < 2 << 20, "the file system keeps no holes, so nothing is tested"
    expected = {path.name.encode(): path.read_bytes() for path in tree.iterdir()}
    assert read(content, Limits()) == expected


def test_holes_are_bounded_over_a_whole_layer(tmp_path: Path) -> None:
    script = "for i in 1 2 3; do truncate -s 1M $i; done"
    content = gnu_tar(tmp_path / "tree", script, "--sparse", "--format=gnu")
    with pytest.raises(UnreadableError, match="bytes of holes"):
        read(content, Limits(content=2 << 20))


@pytest.mark.parametrize(
    ("regions", "stored"),
    [
        (((0, 2), (1, 2)), b"1234"),
        (((9, 2),), b"12"),
        (((0, 4),), b"12"),
        (((0, 1),), b"12"),
        (None, b"1\n"),
        (None, b"99999999\n0\n1\n"),
        (None, b"-1\n"),
        (None, b"1\n0\nx\n".ljust(512, b"\0") + b"1"),
    ],
)
def test_a_map_that_lies_is_refused(
    regions: tuple[tuple[int, int], ...] | None, stored: bytes
) -> None:
    with pytest.raises(TarError):
        SparseMap(10, regions).expand(stored)


@given(
    noise=st.binary(max_size=2000),
    form=st.sampled_from(sorted(_FORMATS)),
    where=st.integers(0, 4000),
)
def test_any_bytes_in_a_sparse_layer_give_contents_or_an_own_error(
    noise: bytes, form: str, where: int, sparse_layers: dict[str, bytes]
) -> None:
    sound = sparse_layers[form]
    try:
        read(sound[:where] + noise + sound[where + len(noise) :], Limits(content=1 << 22))
    except (UnreadableError, AssertionError):
        return


@pytest.fixture(scope="module")
def sparse_layers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    directory = tmp_path_factory.mktemp("sparse")
    script = "printf begin > f; truncate -s 300K f; printf end >> f"
    return {
        name: gnu_tar(directory / name, script, "--sparse", *options)
        for name, options in _FORMATS.items()
    }
