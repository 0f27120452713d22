"""What the cache gives back is what it was given, or nothing; and losing it costs only time."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import time
from typing import TYPE_CHECKING

import pytest
from tests.support.layout import write_image, write_layer
from tests.support.shop import OS_RELEASE, dpkg_status

from sealmark.adapters.layer_cache import DirectoryCache, NoCache, open_cache
from sealmark.adapters.oci_layout import OciLayout
from sealmark.artifact.image import Image, load_image
from sealmark.artifact.platform import Platform
from sealmark.scan.image import Looked, look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sealmark.artifact.manifest import Descriptor

SECRET = bytes(32)
FILES = {
    "etc/os-release": OS_RELEASE,
    "var/lib/dpkg/status": dpkg_status("3.0.8-1"),
    "srv/data": b"1",
}


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def cache(tmp_path: Path, said: list[str]) -> DirectoryCache:
    return DirectoryCache(tmp_path / "cache", SECRET, said.append)


def entry_of(directory: Path) -> Path:
    (entry,) = directory.iterdir()
    return entry


def test_what_was_kept_comes_back_and_belongs_to_its_owner_alone(
    cache: DirectoryCache, said: list[str], tmp_path: Path
) -> None:
    assert cache.get("key") is None
    cache.put("key", b"content")
    assert bytes(cache.get("key") or b"") == b"content"
    assert cache.get("other") is None
    assert said == []
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700
    assert stat.S_IMODE(entry_of(tmp_path / "cache").stat().st_mode) == 0o600


def test_a_key_may_be_longer_than_a_file_name(cache: DirectoryCache) -> None:
    cache.put("k" * 5000, b"content")
    assert bytes(cache.get("k" * 5000) or b"") == b"content"


def test_what_was_not_asked_for_the_longest_goes_first(said: list[str], tmp_path: Path) -> None:
    cache = DirectoryCache(tmp_path / "cache", SECRET, said.append, most_kept=3500)
    for key in ("a", "b", "c"):
        cache.put(key, bytes(1000))
        time.sleep(0.01)
    assert cache.get("a")
    cache.put("d", bytes(1000))
    assert [key for key in "abcd" if cache.get(key)] == ["a", "c", "d"]
    assert said == []


def cut(entry: Path) -> None:
    entry.write_bytes(entry.read_bytes()[:-1])


def cut_to_nothing(entry: Path) -> None:
    entry.write_bytes(b"")


def lengthen(entry: Path) -> None:
    entry.write_bytes(entry.read_bytes() + b"x")


def of_another_version(entry: Path) -> None:
    entry.write_bytes(entry.read_bytes().replace(b"cache-1", b"cache-2"))


def of_another_key(entry: Path) -> None:
    other = entry.with_name("other")
    DirectoryCache(other, SECRET, pytest.fail).put("another key", b"content")
    entry.write_bytes(entry_of(other).read_bytes())


def by_somebody_without_the_secret(entry: Path) -> None:
    DirectoryCache(entry.parent, b"guessed", pytest.fail).put("key", b"forged")


def a_link(entry: Path) -> None:
    entry.rename(entry.with_name("elsewhere"))
    entry.symlink_to("elsewhere")


def a_fifo(entry: Path) -> None:
    entry.unlink()
    os.mkfifo(entry)


def endless(entry: Path) -> None:
    with entry.open("r+b") as file:
        file.truncate(3 << 30)


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        cut_to_nothing,
        lengthen,
        of_another_version,
        of_another_key,
        by_somebody_without_the_secret,
        a_link,
        a_fifo,
        endless,
    ],
    ids=lambda one: str(one.__name__),
)
def test_an_entry_that_is_not_ours_whole_is_not_believed_and_it_is_said(
    damage: Callable[[Path], None], cache: DirectoryCache, said: list[str], tmp_path: Path
) -> None:
    cache.put("key", b"content")
    damage(entry_of(tmp_path / "cache"))
    assert cache.get("key") is None
    assert len(said) == 1
    assert "layer cache" in said[0]


class Blobs(OciLayout):
    """Counts the layers opened."""

    opened = 0

    def blob(self, descriptor: Descriptor) -> AbstractContextManager[Iterator[bytes]]:
        self.opened += 1
        return super().blob(descriptor)


@pytest.fixture
def image(tmp_path: Path) -> tuple[Image, Blobs]:
    def fill(archive: tarfile.TarFile) -> None:
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o4755
            archive.addfile(member, io.BytesIO(content))

    layer = write_layer(tmp_path / "layout", "COPY . /", fill)
    write_image(tmp_path / "layout", "it", [layer], "amd64", "")
    source = Blobs(tmp_path / "layout")
    return load_image(source, Platform("linux", "amd64"), chosen=True), source


def test_whichever_byte_of_an_entry_is_flipped_the_layer_is_read_again(
    image: tuple[Image, Blobs], cache: DirectoryCache, said: list[str], tmp_path: Path
) -> None:
    document, source = image
    first: Looked = look(document, source, cache)
    entry = entry_of(tmp_path / "cache")
    sound = entry.read_bytes()
    places = sorted({*range(0, len(sound), 7), *range(60), len(sound) - 1})
    for count, place in enumerate(places, 1):
        entry.write_bytes(sound[:place] + bytes([sound[place] ^ 0x20]) + sound[place + 1 :])
        source.opened = 0
        assert look(document, source, cache) == first
        assert source.opened == 1
        assert len(said) == count
        assert entry.read_bytes() == sound


def test_a_disk_that_refuses_costs_the_cache_and_not_the_answer(
    image: tuple[Image, Blobs], said: list[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    document, source = image
    look(document, source, DirectoryCache(tmp_path / "file" / "cache", SECRET, said.append))
    assert said[-1].endswith("keeps nothing: Not a directory")


def test_the_secret_is_made_once_and_kept_from_others(said: list[str], tmp_path: Path) -> None:
    secret = tmp_path / "data" / "cache.secret"
    open_cache(tmp_path / "cache", secret, said.append).put("key", b"content")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert [path.name for path in secret.parent.iterdir()] == ["cache.secret"]
    again = open_cache(tmp_path / "cache", secret, said.append)
    assert bytes(again.get("key") or b"") == b"content"
    assert said == []


def test_without_its_secret_nothing_of_a_cache_is_believed(said: list[str], tmp_path: Path) -> None:
    secret = tmp_path / "cache.secret"
    open_cache(tmp_path / "cache", secret, said.append).put("key", b"content")
    secret.unlink()
    assert open_cache(tmp_path / "cache", secret, said.append).get("key") is None
    assert "not ours" in said[0]


@pytest.mark.parametrize("spoil", ["readable", "short", "link", "directory"])
def test_a_secret_that_is_none_means_no_cache(spoil: str, said: list[str], tmp_path: Path) -> None:
    secret = tmp_path / "cache.secret"
    open_cache(tmp_path / "cache", secret, said.append)
    if spoil == "readable":
        secret.chmod(0o640)
    elif spoil == "short":
        secret.write_bytes(b"short")
    else:
        secret.rename(tmp_path / "elsewhere")
        secret.symlink_to("elsewhere") if spoil == "link" else secret.mkdir()
    assert isinstance(open_cache(tmp_path / "cache", secret, said.append), NoCache)
    assert str(secret) in said[0]
