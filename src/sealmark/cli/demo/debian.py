"""Turns downloaded Debian packages into the base layer of an image, without installing them."""

from __future__ import annotations

import io
import subprocess
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# What debootstrap links on a merged-/usr system (https://wiki.debian.org/UsrMerge).
_MERGED = ("bin", "sbin", "lib", "lib64")


def add_packages(archive: tarfile.TarFile, packages: Sequence[Path]) -> None:
    """Write the files of all packages, and the dpkg database that says they are installed."""
    seen: set[str] = set()
    for name in _MERGED:
        _add_link(archive, name, f"usr/{name}")
        seen.add(name)
    for package in packages:
        _add_files(archive, package, seen)
    for package in packages:
        _add_checksums(archive, package)
    _add_text(archive, "var/lib/dpkg/status", status(packages))


def status(packages: Sequence[Path]) -> bytes:
    """Return the dpkg status file (deb-control(5) stanzas with a Status field)."""
    stanzas = []
    for package in packages:
        control = _dpkg_deb("--field", str(package)).strip()
        first, _, rest = control.partition(b"\n")
        stanzas.append(first + b"\nStatus: install ok installed\n" + rest + b"\n")
    return b"\n".join(stanzas)


def _add_files(archive: tarfile.TarFile, package: Path, seen: set[str]) -> None:
    content = io.BytesIO(_dpkg_deb("--fsys-tarfile", str(package)))
    with tarfile.open(fileobj=content, mode="r:") as files:
        for member in files:
            path = _merged(member.name.removeprefix("./").rstrip("/"))
            if not path or path in seen:
                continue
            seen.add(path)
            body = files.extractfile(member) if member.isreg() else None
            member.name = path
            if member.islnk():
                member.linkname = _merged(member.linkname.removeprefix("./"))
            member.mtime = 0
            member.pax_headers = {}
            archive.addfile(member, body)


def _merged(path: str) -> str:
    top = path.partition("/")[0]
    return f"usr/{path}" if top in _MERGED and path != top else path


def _add_checksums(archive: tarfile.TarFile, package: Path) -> None:
    name, architecture, multi = (
        _dpkg_deb("--field", str(package), field).decode().strip()
        for field in ("Package", "Architecture", "Multi-Arch")
    )
    qualified = f"{name}:{architecture}" if multi == "same" else name
    control = io.BytesIO(_dpkg_deb("--ctrl-tarfile", str(package)))
    with tarfile.open(fileobj=control, mode="r:") as files:
        for member in files:
            content = files.extractfile(member)
            if content is not None and member.name.removeprefix("./") == "md5sums":
                _add_text(archive, f"var/lib/dpkg/info/{qualified}.md5sums", content.read())


def _add_text(archive: tarfile.TarFile, path: str, content: bytes) -> None:
    entry = tarfile.TarInfo(path)
    entry.size = len(content)
    entry.mode = 0o644
    archive.addfile(entry, io.BytesIO(content))


def _add_link(archive: tarfile.TarFile, path: str, target: str) -> None:
    entry = tarfile.TarInfo(path)
    entry.type = tarfile.SYMTYPE
    entry.linkname = target
    archive.addfile(entry)


def _dpkg_deb(*arguments: str) -> bytes:
    done = subprocess.run(
        ["dpkg-deb", *arguments],
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    return done.stdout
