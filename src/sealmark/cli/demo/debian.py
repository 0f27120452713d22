"""Turns downloaded Debian packages into layers of an image, without installing them."""

from __future__ import annotations

import io
import subprocess
import tarfile
from typing import TYPE_CHECKING

from sealmark.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# What debootstrap links on a merged-/usr system (https://wiki.debian.org/UsrMerge).
_MERGED = ("bin", "sbin", "lib", "lib64")
_SECONDS = 60


def add_base(archive: tarfile.TarFile, packages: Sequence[Path]) -> None:
    """Write the first layer of a merged-/usr system with `packages` installed."""
    for name in _MERGED:
        entry = tarfile.TarInfo(name)
        entry.type = tarfile.SYMTYPE
        entry.linkname = f"usr/{name}"
        archive.addfile(entry)
    add_packages(archive, packages, packages)


def add_packages(
    archive: tarfile.TarFile, packages: Sequence[Path], installed: Sequence[Path]
) -> None:
    """Write the files of `packages`, and the dpkg database that says what is installed by now."""
    seen = set(_MERGED)
    for package in packages:
        _add_files(archive, package, seen)
    for package in packages:
        _add_checksums(archive, package)
    _add(archive, "var/lib/dpkg/status", _status(installed))


def _status(packages: Sequence[Path]) -> bytes:
    """Return the dpkg status file (deb-control(5) stanzas with a Status field)."""
    stanzas = []
    for package in packages:
        first, _, rest = _dpkg_deb("--field", str(package)).strip().partition(b"\n")
        stanzas.append(first + b"\nStatus: install ok installed\n" + rest + b"\n")
    return b"\n".join(stanzas)


def _add_files(archive: tarfile.TarFile, package: Path, seen: set[str]) -> None:
    content = io.BytesIO(_dpkg_deb("--fsys-tarfile", str(package)))
    with tarfile.open(fileobj=content, mode="r:") as files:
        for member in files:
            path = _merged(member.name.removeprefix("./").rstrip("/"))
            if path in seen or path in ("", "."):
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
    """Write the list of what the package's files hash to, under the name dpkg gives it."""
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
                _add(archive, f"var/lib/dpkg/info/{qualified}.md5sums", content.read())


def _add(archive: tarfile.TarFile, path: str, content: bytes) -> None:
    entry = tarfile.TarInfo(path)
    entry.size = len(content)
    entry.mode = 0o644
    archive.addfile(entry, io.BytesIO(content))


def _dpkg_deb(*arguments: str) -> bytes:
    try:
        done = subprocess.run(
            ["dpkg-deb", *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ServiceError(f"dpkg-deb {arguments[0]} did not do its work") from error
    return done.stdout
