"""Images to measure with, made once and kept in `.bench`."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.layout import write_image, write_layer

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT = Path(".bench")


def debian_image() -> Path:
    """Return the layout of a minimal Debian in one gzip layer, tag `bench`."""
    layout = KEPT / "debian"
    if (layout / "index.json").exists():
        return layout
    tree = KEPT / "tree"
    if not (tree / "etc").exists():
        if os.geteuid() != 0 or not shutil.which("debootstrap", path="/usr/sbin:/usr/bin:/sbin"):
            sys.exit("the benchmark image needs debootstrap, and root to run it")
        tree.mkdir(parents=True, exist_ok=True)
        command = ["debootstrap", "--variant=minbase", "bookworm", str(tree.resolve())]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    layer = write_layer(layout, "ADD rootfs.tar /", lambda archive: archive.add(tree, "."))
    write_image(layout, "bench", [layer], "amd64", "65532")
    shutil.rmtree(tree)
    return layout


def many_files_image(count: int) -> Path:
    """Return the layout of `count` small files in one layer, tag `bench`."""
    layout = KEPT / f"files-{count}"
    if (layout / "index.json").exists():
        return layout
    layout.mkdir(parents=True, exist_ok=True)

    def fill(archive: tarfile.TarFile) -> None:
        for number in range(count):
            entry = tarfile.TarInfo(f"srv/data/{number % 1000:03}/{number:08}.json")
            entry.size = 2
            archive.addfile(entry, io.BytesIO(b"{}"))
            archive.getmembers().clear()

    layer = write_layer(layout, f"COPY {count} files", fill)
    write_image(layout, "bench", [layer], "amd64", "65532")
    return layout


def layered_image(layers: int) -> Path:
    """Return the layout of the interpreter's own files, dealt out to layers, tag `bench`."""
    layout = KEPT / f"layers-{layers}"
    if (layout / "index.json").exists():
        return layout
    layout.mkdir(parents=True, exist_ok=True)
    files = sorted(path for path in Path(sys.base_prefix).rglob("*") if path.is_file())

    def deal(number: int) -> Callable[[tarfile.TarFile], None]:
        def fill(archive: tarfile.TarFile) -> None:
            for path in files[number::layers]:
                archive.add(path, f"{number}/{path.relative_to(sys.base_prefix)}")

        return fill

    made = [write_layer(layout, f"COPY part {n}", deal(n)) for n in range(layers)]
    write_image(layout, "bench", made, "amd64", "65532")
    return layout
