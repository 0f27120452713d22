"""The files of a folder or archive, one after the other, with what a manifest says of each."""

from __future__ import annotations

import io
import tarfile
import zipfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from sealmark.adapters.advisory_streams import (
    FeedFileError,
    Limits,
    own_errors,
    printable,
    unpacked,
)
from sealmark.scan.vulnerabilities.manifest import NAME as MANIFEST
from sealmark.scan.vulnerabilities.manifest import ManifestFile, parse_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class Input:
    """One file to read: its name without folders, what to call it in messages, its bytes."""

    name: str
    label: str
    open: Callable[[], IO[bytes]]
    stated: ManifestFile | None = None


def stem(name: str) -> str:
    """Return a file's name without what says how it is packed; a feed is named so."""
    for suffix in (".zst", ".gz", ".tgz", ".tar", ".zip", ".jsonl", ".ndjson", ".json", ".csv"):
        name = name.removesuffix(suffix)
    return name or "feed"


def single(path: Path) -> Input:
    """Return a file by itself, and what a manifest beside it says."""
    stated = _manifest(path.parent / MANIFEST).get(path.name)
    return Input(path.name, str(path), partial(_opened, path), stated)


def is_archive(path: Path) -> bool:
    """Say whether a file is a zip archive, by its content, or a tar archive, by its name."""
    return zipfile.is_zipfile(path) or _is_tar(path.name)


def in_folder(path: Path, limits: Limits) -> Iterator[Input]:
    """Yield the files below a folder in order; links are not followed."""
    with own_errors(str(path)):
        manifest = _manifest(path / MANIFEST)
        files = sorted(path.rglob("*"))
    for number, file in enumerate(files):
        if number > limits.members:
            raise FeedFileError(f"{path}: more than {limits.members} files")
        if file.is_file() and not file.is_symlink() and file.name != MANIFEST:
            stated = manifest.get(file.relative_to(path).as_posix())
            yield Input(file.name, str(file), partial(_opened, file), stated)


@contextmanager
def in_archive(path: Path, limits: Limits) -> Iterator[Iterator[Input]]:
    """Open an archive and hand out its members, which are read while it is open."""
    if zipfile.is_zipfile(path):
        with _Guarded(path, limits) as file, zipfile.ZipFile(file) as archive:
            yield _zip_members(archive, path, limits)
        return
    stream = unpacked(path.open("rb"), path.name, limits)
    with closing(stream), tarfile.open(fileobj=stream, mode="r|") as tar:
        yield _tar_members(tar, path, limits)


class _Guarded(io.BufferedReader):
    """Refuses to be read in absurdly large pieces: a zip archive's directory is read as one."""

    def __init__(self, path: Path, limits: Limits) -> None:
        super().__init__(io.FileIO(path))
        self._limit = limits.directory
        self._label = path.name

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to `size` bytes."""
        if size is not None and size > self._limit:
            raise FeedFileError(f"{self._label}: a directory of more than {self._limit} bytes")
        return super().read(size)


def _zip_members(archive: zipfile.ZipFile, path: Path, limits: Limits) -> Iterator[Input]:
    infos = archive.infolist()
    if len(infos) > limits.members:
        raise FeedFileError(f"{path}: more than {limits.members} members")
    if sum(info.file_size for info in infos) > limits.stream:
        raise FeedFileError(f"{path}: unpacks to more than {limits.stream} bytes")
    for info in infos:
        if not info.is_dir():
            name = PurePosixPath(info.filename).name
            yield Input(name, _label(path, name), partial(archive.open, info))


def _tar_members(archive: tarfile.TarFile, path: Path, limits: Limits) -> Iterator[Input]:
    for number, member in enumerate(archive):
        if number > limits.members:
            raise FeedFileError(f"{path}: more than {limits.members} members")
        content = archive.extractfile(member) if member.isreg() else None
        if content is not None:
            name = PurePosixPath(member.name).name
            yield Input(name, _label(path, name), partial(_same, content))


def _opened(path: Path) -> IO[bytes]:
    return path.open("rb")


def _same(content: IO[bytes]) -> IO[bytes]:
    return content


def _label(path: Path, member: str) -> str:
    return f"{path.name}!{printable(member)}"


def _is_tar(name: str) -> bool:
    return name.endswith((".tar", ".tar.gz", ".tgz", ".tar.zst"))


def _manifest(path: Path) -> dict[str, ManifestFile]:
    return parse_manifest(path.read_bytes()) if path.is_file() else {}
