"""Package databases are found where links lead, as they are in the running container."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.gnu_tar import gnu_tar, store_layer
from tests.support.layout import write_image

from sealmark.adapters.layer_cache import DirectoryCache, NoCache
from sealmark.adapters.oci_layout import OciLayout
from sealmark.artifact.file import FileEntry, FileType
from sealmark.artifact.image import Image, load_image
from sealmark.artifact.layer import read_layer
from sealmark.artifact.limits import DEFAULT_LIMITS
from sealmark.artifact.platform import Platform
from sealmark.artifact.rootfs import RootFs
from sealmark.errors import UnreadableError
from sealmark.scan.image import Looked, look

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealmark.artifact.manifest import Descriptor
    from sealmark.scan.cache import LayerCache

AMD64 = Platform("linux", "amd64")
APK = "P:musl\\nV:1.2.4-r0\\nA:x86_64\\n\\n"
DEB = "Package: zlib1g\\nStatus: install ok installed\\nVersion: 1:1.2\\nArchitecture: amd64\\n"
FORMATS = ["--format=gnu", "--format=posix"]


class CountingLayout(OciLayout):
    """A layout that remembers which blobs were opened."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.opened: list[str] = []

    @contextmanager
    def blob(self, descriptor: Descriptor) -> Iterator[Iterator[bytes]]:
        self.opened.append(descriptor.media_type.rpartition(".")[2])
        with super().blob(descriptor) as chunks:
            yield chunks


def image_of(layout: Path, layers: Sequence[bytes]) -> CountingLayout:
    built = [store_layer(layout, content) for content in layers]
    write_image(layout, "it", built, "amd64", "")
    return CountingLayout(layout)


def looked(source: CountingLayout, cache: LayerCache | None = None) -> Looked:
    return look(load_image(source, AMD64, chosen=True), source, cache or NoCache())


def names(found: Looked) -> list[str]:
    return [component.name for component in found.inventory.components]


def written(*members: tuple[str, str, str]) -> bytes:
    """Return a tar of (name, kind, text or target), for what GNU tar would not write."""
    kinds = {"file": tarfile.REGTYPE, "symlink": tarfile.SYMTYPE, "link": tarfile.LNKTYPE}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind, what in members:
            entry = tarfile.TarInfo(name)
            content = what.replace("\\n", "\n").encode() if kind == "file" else b""
            entry.type, entry.size = kinds[kind], len(content)
            entry.linkname = "" if kind == "file" else what
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


# Each script, and the package that its tree holds.
BEHIND_LINKS = {
    "hard link": ("mkdir -p a lib/apk/db; apk a/x; ln a/x lib/apk/db/installed", "musl"),
    "hard link to a hard link": (
        "mkdir -p a lib/apk/db; apk a/x; ln a/x a/y; ln a/y lib/apk/db/installed",
        "musl",
    ),
    "link": ("mkdir -p a lib/apk/db; apk a/x; ln -s /a/x lib/apk/db/installed", "musl"),
    "linked directory": (
        "mkdir -p usr/lib/apk/db; ln -s usr/lib lib; apk lib/apk/db/installed",
        "musl",
    ),
    "linked directory that climbs": (
        "mkdir -p lib/apk db; ln -s ../../../db lib/apk/db; apk db/installed",
        "musl",
    ),
    "linked dpkg": ("mkdir -p srv var/lib; ln -s ../../srv var/lib/dpkg; deb srv/status", "zlib1g"),
    "linked dpkg of distroless": (
        "mkdir -p srv/status.d var/lib; ln -s /srv var/lib/dpkg; deb srv/status.d/z",
        "zlib1g",
    ),
    "python": (
        "d=usr/lib/python3/dist-packages/a.dist-info; mkdir -p x $d; wheel x/m; ln x/m $d/METADATA",
        "a",
    ),
}
WRITERS = (
    f"apk() {{ printf '{APK}' >$1; }}; deb() {{ printf '{DEB}' >$1; }};"
    "wheel() { printf 'Metadata-Version: 2.1\\nName: a\\nVersion: 1\\n' >$1; };"
)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(("script", "expected"), BEHIND_LINKS.values(), ids=list(BEHIND_LINKS))
def test_a_database_behind_a_link_is_read(
    script: str, expected: str, form: str, tmp_path: Path
) -> None:
    content = gnu_tar(tmp_path / "tree", WRITERS + script, form)
    found = looked(image_of(tmp_path / "layout", [content]))
    assert names(found) == [expected]
    assert not [problem for problem in found.inventory.errors if "not read" in problem.what]


def test_links_may_lead_to_lower_layers(tmp_path: Path) -> None:
    lower = written(("a/x", "file", APK), ("srv/status", "file", DEB))
    upper = written(("lib/apk/db/installed", "link", "a/x"), ("var/lib/dpkg", "symlink", "/srv"))
    found = looked(image_of(tmp_path / "layout", [lower, upper]))
    assert names(found) == ["musl", "zlib1g"]


def test_what_a_hard_link_named_is_kept_though_its_first_name_is_gone(tmp_path: Path) -> None:
    lower = written(("a/x", "file", APK), ("lib/apk/db/installed", "link", "a/x"))
    upper = written(("a/.wh.x", "file", ""))
    assert names(looked(image_of(tmp_path / "layout", [lower, upper]))) == ["musl"]


def test_a_hard_link_keeps_the_content_of_its_time(tmp_path: Path) -> None:
    layer = written(
        ("a/x", "file", APK),
        ("lib/apk/db/installed", "link", "a/x"),
        ("a/x", "file", APK.replace("musl", "later")),
    )
    assert names(looked(image_of(tmp_path / "layout", [layer]))) == ["musl"]


def test_a_hard_link_to_nothing_is_a_problem(tmp_path: Path) -> None:
    found = looked(image_of(tmp_path / "l", [written(("lib/apk/db/installed", "link", "gone"))]))
    assert [p.what for p in found.inventory.errors] == ["not read: it is a hard link to nothing"]
    assert found.inventory.errors[0].affects == ("apk",)


def test_entries_below_a_link_of_their_layer_land_where_it_leads(tmp_path: Path) -> None:
    layer = written(
        ("lib", "symlink", "../../usr/lib"),
        ("lib/apk/db/installed", "file", APK),
        ("up", "symlink", "lib"),
        ("up/os-release", "file", "ID=alpine\\nVERSION_ID=3.18.0\\n"),
    )
    found = looked(image_of(tmp_path / "layout", [layer]))
    assert found.inventory.operating_system is not None
    assert names(found) == ["musl"]


def test_links_in_a_circle_that_something_lies_below_are_refused(tmp_path: Path) -> None:
    layer = written(("a", "symlink", "b"), ("b", "symlink", "a"), ("a/x", "file", ""))
    with pytest.raises(UnreadableError, match="more than 255 links lead to /a"):
        looked(image_of(tmp_path / "layout", [layer]))


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("available", "its links lead in a circle"),
        ("status", "its links lead in a circle"),
        ("/gone", "it is a link to nothing"),
    ],
)
def test_a_database_that_is_a_link_to_nothing_is_a_problem_beside_other_packages(
    target: str, why: str, tmp_path: Path
) -> None:
    layer = written(
        ("srv/node_modules/a/package.json", "file", '{"name":"a","version":"1"}'),
        ("var/lib/dpkg/status", "symlink", target),
        ("var/lib/dpkg/available", "symlink", "status"),
    )
    found = looked(image_of(tmp_path / "layout", [layer]))
    assert names(found) == ["a"]
    (problem,) = found.inventory.errors
    assert (problem.what, problem.affects) == (f"not read: {why}", ("deb",))


def test_a_licence_that_is_a_link_to_nothing_is_no_problem(tmp_path: Path) -> None:
    layer = written(("usr/share/doc/a/copyright", "symlink", "../b/copyright"))
    assert looked(image_of(tmp_path / "layout", [layer])).inventory.errors == ()


def test_a_file_that_its_own_layer_replaces_with_its_directory_is_not_evidence(
    tmp_path: Path,
) -> None:
    layer = written(("lib/apk/db/installed", "file", APK), ("lib", "file", ""))
    assert names(looked(image_of(tmp_path / "layout", [layer]))) == []


def test_an_opaque_root_is_a_problem_since_runtimes_differ(tmp_path: Path) -> None:
    lower = written(("lib/apk/db/installed", "file", APK))
    found = looked(image_of(tmp_path / "l", [lower, written((".wh..wh..opq", "file", ""))]))
    (problem,) = found.inventory.errors
    assert "opaque root" in problem.what
    assert {"apk", "deb", "npm", "pypi"} <= set(problem.affects)


def test_links_in_a_circle_that_nothing_lies_below_are_nothing(tmp_path: Path) -> None:
    layer = written(("lib", "symlink", "b"), ("b", "symlink", "lib"))
    found = looked(image_of(tmp_path / "layout", [layer]))
    assert names(found) == []


def test_a_link_to_a_file_that_is_read_anyway_costs_no_second_pass(tmp_path: Path) -> None:
    script = (
        "mkdir -p etc usr/lib; echo ID=debian >usr/lib/os-release; ln -s ../usr/lib/os-release etc"
    )
    source = image_of(tmp_path / "layout", [gnu_tar(tmp_path / "tree", script)])
    assert looked(source).inventory.operating_system is not None
    assert len(source.opened) == 1 + 1


def test_only_the_layer_that_holds_the_content_is_read_twice_and_never_with_a_cache(
    tmp_path: Path,
) -> None:
    layers = [
        written(("a/x", "file", APK)),
        written(("lib/apk/db/installed", "link", "a/x")),
        written(("other", "file", "")),
    ]
    source = image_of(tmp_path / "layout", layers)
    cache = DirectoryCache(tmp_path / "cache", b"secret", pytest.fail)
    first = looked(source, cache)
    assert len(source.opened) == 1 + 3 + 1
    source.opened.clear()
    assert looked(source, cache) == first
    assert len(source.opened) == 1


def test_a_layer_that_is_listed_twice_is_read_once(tmp_path: Path) -> None:
    twice = written(("lib/apk/db/installed", "file", APK))
    source = image_of(tmp_path / "layout", [twice, written(("x", "file", "")), twice])
    found = looked(source)
    assert len(source.opened) == 1 + 2
    assert [layer.modified for layer in found.inventory.layers] == [0, 0, 1]


def test_many_links_to_one_large_file_are_bounded(tmp_path: Path) -> None:
    large = '{"name":"a","version":"1","x":"' + "x" * (3 << 20) + '"}'
    links = [(f"n/node_modules/m{i}/package.json", "link", "big") for i in range(120)]
    found = looked(image_of(tmp_path / "l", [written(("big", "file", large), *links)]))
    assert "not read: too many links" in {problem.what for problem in found.inventory.errors}


class Everything:
    """Takes every content."""

    def __init__(self) -> None:
        self.found: dict[bytes, bytes] = {}

    def wants(self, path: bytes) -> bool:
        return True

    def size_limit(self, path: bytes) -> int:
        return 1 << 24

    def content(self, entry: FileEntry, content: bytes) -> None:
        self.found[entry.path] = content

    def linked(self, entry: FileEntry) -> None:
        self.found.pop(entry.path, None)

    def without_content(self, entry: FileEntry, why: str) -> None:
        self.found.pop(entry.path, None)


def root_of(image: Image, source: CountingLayout) -> tuple[RootFs, list[dict[bytes, bytes]]]:
    tables, contents = [], []
    for layer in image.layers:
        visitor = Everything()
        with source.blob(layer.descriptor) as chunks:
            tables.append(
                read_layer(chunks, layer.descriptor, layer.diff_id, visitor, DEFAULT_LIMITS)
            )
        contents.append(visitor.found)
    return RootFs(tuple(tables)), contents


@pytest.mark.parametrize("form", FORMATS)
def test_podman_unpacks_what_we_see(form: str, tmp_path: Path) -> None:
    tree = (
        "mkdir -p usr/lib/apk srv/keep srv/gone; ln -s usr/lib lib; printf 1 >usr/lib/apk/x;"
        "ln usr/lib/apk/x srv/y; chmod 4755 usr/lib/apk/x; printf s >srv/z; truncate -s 1M srv/z;"
        "ln -s /lib/apk srv/apk; ln srv/apk srv/apk2; mkfifo srv/pipe; printf 2 >srv/gone/a;"
        "mkdir opaque; printf 3 >opaque/old; printf 4 >srv/file"
    )
    # Podman knows no sparse members of the GNU format.
    sparse = ["--sparse"] if form == "--format=posix" else []
    lower = gnu_tar(tmp_path / "tree", tree, form, *sparse)
    middle = written(("to", "symlink", "../../srv/keep"), ("to/below", "file", "5"))
    middle_too = written(
        ("swap/deep/old", "file", "1"),
        ("swap", "file", "7"),
        ("turn/old", "file", "1"),
        ("turn", "symlink", "srv/keep"),
        ("turn/other", "file", "8"),
        ("early", "file", "1"),
        (".wh.early", "file", ""),
        ("early-too/deep/old", "file", "1"),
        (".wh.early-too", "file", ""),
        (".wh.late", "file", ""),
        ("late", "file", "9"),
    )
    upper = written(
        ("srv/.wh.gone", "file", ""),
        ("opaque/.wh..wh..opq", "file", ""),
        ("opaque/new", "file", "6"),
        ("srv/file", "symlink", "z"),
    )
    source = image_of(tmp_path / "layout", [lower, middle, middle_too, upper])
    root, contents = root_of(load_image(source, AMD64, chosen=True), source)
    ours = {
        entry.path: attributes(entry.type, entry.mode, entry.size)
        for _, entry in root.walk()
        if entry.path
    }
    with mounted(tmp_path / "layout") as mount:
        theirs = dict(on_disk(mount))
        for index, found in enumerate(contents):
            for path, content in found.items():
                if path in root.layers[index] and root.visible(index, path):
                    assert Path(mount, path.decode()).read_bytes() == content
    assert theirs == ours


@contextmanager
def mounted(layout: Path) -> Iterator[Path]:
    """Let podman unpack the image into a store of its own."""
    if shutil.which("podman") is None:
        pytest.skip("podman is not installed")
    # Podman wants a short path.
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="s") as store:
        podman = ["podman", "--root", f"{store}/r", "--runroot", f"{store}/n"]

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [*podman, "--storage-driver", "vfs", *arguments]
            return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

        pulled = run("pull", "-q", f"oci:{layout}:it")
        image = pulled.stdout.strip()
        mount = run("image", "mount", image)
        if mount.returncode != 0:
            why = (pulled.stderr + mount.stderr).strip()
            pytest.skip(f"podman cannot unpack here: {why[-200:]}")
        try:
            yield Path(mount.stdout.strip())
        finally:
            run("image", "unmount", image)
            run("image", "rm", "-f", image)


def attributes(kind: FileType, mode: int, size: int) -> tuple[FileType, int, int]:
    """Return what compares: modes of links mean nothing, nor do sizes of directories."""
    return kind, 0 if kind is FileType.SYMLINK else mode, size if kind is FileType.REGULAR else 0


def on_disk(root: Path) -> Iterator[tuple[bytes, tuple[FileType, int, int]]]:
    kinds = {0o04: FileType.DIRECTORY, 0o12: FileType.SYMLINK, 0o01: FileType.FIFO}
    for path in root.rglob("*"):
        found = path.lstat()
        kind = kinds.get(found.st_mode >> 12, FileType.REGULAR)
        yield bytes(path.relative_to(root)), attributes(kind, found.st_mode & 0o7777, found.st_size)
