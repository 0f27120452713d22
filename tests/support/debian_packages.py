"""Installable packages of a made-up Debian, and indexes of two languages, for the demonstration."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest
from tests.support.debian_archive import changelog

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.debian_archive import Archive

OS_RELEASE = b'PRETTY_NAME="Debian 12"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'
LOG = (
    ("openssl", "3.0.9-1", "bookworm-security", "CVE-2023-0464"),
    ("openssl", "3.0.8-1", "unstable", "New upstream release."),
)


def needed_programs() -> None:
    """Skip where a package cannot be built or apt is not there."""
    missing = [name for name in ("apt-get", "apt-cache", "dpkg-deb") if not shutil.which(name)]
    if missing:
        pytest.skip(f"{', '.join(missing)} needed to make packages and to fetch them")
    asked = ["dpkg", "--print-architecture"]
    native = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    if native != "amd64":
        pytest.skip(f"the packages are made for amd64, and apt here fetches {native}")


def release_stanzas(archive: Archive, place: Path) -> list[str]:
    """Store what the release has; return its stanzas."""
    return [
        _package(archive, place, "base-files", "12.4", {"usr/lib/os-release": OS_RELEASE}),
        _package(archive, place, "libc6", "2.36-9", {"usr/lib/libc.so.6": b"libc"}),
        _package(archive, place, "ca-certificates", "20230311", {"etc/ca.conf": b"ca"}),
        _openssl(archive, place, "3.0.8-1"),
    ]


def security_stanzas(archive: Archive, place: Path) -> list[str]:
    """Store what the security suite has; return its stanzas."""
    return [_openssl(archive, place, "3.0.9-1")]


def _openssl(archive: Archive, place: Path, version: str) -> str:
    entries = [entry for entry in LOG if entry[1] <= version]
    log = gzip.compress(changelog(*entries))
    files = {"usr/share/doc/openssl/changelog.Debian.gz": log, "usr/bin/openssl": version.encode()}
    return _package(archive, place, "openssl", version, files)


def _package(
    archive: Archive, place: Path, name: str, version: str, files: dict[str, bytes]
) -> str:
    tree = place / f"{name}_{version}"
    control = (
        f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nSection: main\n"
        "Maintainer: Somebody <somebody@test.invalid>\nDescription: made for a test\n"
    )
    sums = "".join(f"{hashlib.md5(body).hexdigest()}  {path}\n" for path, body in files.items())
    described = {"DEBIAN/control": control.encode(), "DEBIAN/md5sums": sums.encode()}
    for path, body in {**described, **files}.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(body)
    built = place / f"{name}.deb"
    command = ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(built)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return archive.package(name, name, version, built.read_bytes())


def write_python_index(root: Path, name: str, versions: list[str]) -> None:
    """Write wheels below `root`/simple, as an index serves them (PEP 503)."""
    place = root / "simple" / name
    place.mkdir(parents=True)
    links = []
    for version in versions:
        wheel = f"{name}-{version}-py3-none-any.whl"
        inside = f"{name}-{version}.dist-info"
        with zipfile.ZipFile(place / wheel, "w") as packed:
            packed.writestr(f"{name}/__init__.py", f"__version__ = {version!r}\n")
            packed.writestr(
                f"{inside}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            )
            packed.writestr(f"{inside}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            packed.writestr(f"{inside}/RECORD", "")
        digest = hashlib.sha256((place / wheel).read_bytes()).hexdigest()
        links.append(f'<a href="{wheel}#sha256={digest}">{wheel}</a>')
    (place / "index.html").write_text(f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>")


def write_npm_index(root: Path, address: str, name: str, versions: list[str]) -> None:
    """Write tarballs below `root`/npm-files, and what a registry says of them as `root`/npm."""
    (root / "npm").mkdir()
    (root / "npm-files").mkdir()
    stated = {}
    for version in versions:
        manifest = {"name": name, "version": version}
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as archive:
            body = json.dumps(manifest).encode()
            entry = tarfile.TarInfo("package/package.json")
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
        content = stream.getvalue()
        (root / "npm-files" / f"{name}-{version}.tgz").write_bytes(content)
        integrity = base64.b64encode(hashlib.sha512(content).digest()).decode()
        tarball = f"{address}/npm-files/{name}-{version}.tgz"
        stated[version] = manifest | {
            "dist": {"tarball": tarball, "integrity": f"sha512-{integrity}"}
        }
    document = {"name": name, "dist-tags": {"latest": versions[-1]}, "versions": stated}
    (root / "npm" / name).write_text(json.dumps(document))
