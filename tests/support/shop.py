"""A small shop for examples: two images in an OCI layout, and advisories about the older one.

`shop:1.0` has an old OpenSSL, an old lodash, and runs as root; `shop:1.1` has mended all three.
`feeds/` holds OSV records and a catalogue of exploited vulnerabilities, an hour old.
"""

from __future__ import annotations

import io
import json
import tarfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.support.layout import write_image, write_layer

if TYPE_CHECKING:
    from pathlib import Path

OS_RELEASE = b"""PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION_CODENAME=bookworm
ID=debian
"""
PASSWD = b"root:x:0:0:root:/root:/bin/sh\nshop:x:65532:65532::/srv:/bin/false\n"


def dpkg_status(openssl: str) -> bytes:
    """Return the stanzas of two installed packages."""
    packages = [("base-files", "12.4+deb12u5", ""), ("libssl3", openssl, "Source: openssl\n")]
    return "\n".join(
        f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\n"
        f"{source}Version: {version}\nDescription: {name}\n"
        for name, version, source in packages
    ).encode()


def build_shop(directory: Path) -> None:
    """Write `shop` (an OCI layout) and `feeds` into `directory`."""
    _image(directory / "shop", "1.0", openssl="3.0.8-1", lodash="4.17.20", user="")
    _image(directory / "shop", "1.1", openssl="3.0.9-1", lodash="4.17.21", user="65532")
    feeds = directory / "feeds"
    feeds.mkdir()
    for name, content in _feeds().items():
        (feeds / name).write_text(content)


def _image(layout: Path, tag: str, *, openssl: str, lodash: str, user: str) -> None:
    base = {
        "etc/os-release": OS_RELEASE,
        "etc/passwd": PASSWD,
        "var/lib/dpkg/status": dpkg_status(openssl),
    }
    package = {"name": "lodash", "version": lodash, "license": "MIT"}
    application = {"srv/node_modules/lodash/package.json": json.dumps(package).encode()}
    layers = [
        write_layer(layout, "FROM debian:bookworm", lambda archive: _fill(archive, base)),
        write_layer(layout, f"RUN npm install lodash@{lodash}", lambda a: _fill(a, application)),
    ]
    write_image(layout, tag, layers, "amd64", user)


def _fill(archive: tarfile.TarFile, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        entry = tarfile.TarInfo(path)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))


def _feeds() -> dict[str, str]:
    spoken = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    openssl = _advisory("DEBIAN-CVE-2023-0464", "Debian:12", "openssl", "3.0.9-1", spoken)
    openssl["upstream"] = ["CVE-2023-0464"]
    lodash = _advisory("GHSA-35jh-r3h4-6jhm", "npm", "lodash", "4.17.21", spoken)
    lodash["aliases"] = ["CVE-2021-23337"]
    catalogue = {
        "title": "Known Exploited Vulnerabilities Catalog",
        "catalogVersion": "1",
        "dateReleased": spoken,
        "count": 1,
        "vulnerabilities": [{"cveID": "CVE-2021-44228", "dateAdded": "2021-12-10"}],
    }
    return {
        "debian-12.jsonl": json.dumps(openssl) + "\n",
        "npm.jsonl": json.dumps(lodash) + "\n",
        "kev.json": json.dumps(catalogue),
    }


def _advisory(name: str, ecosystem: str, package: str, fixed: str, spoken: str) -> dict[str, Any]:
    return {
        "id": name,
        "modified": spoken,
        "published": spoken,
        "summary": f"A hole in {package}",
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}],
        "affected": [
            {
                "package": {"ecosystem": ecosystem, "name": package},
                "ranges": [
                    {
                        "type": "SEMVER" if ecosystem == "npm" else "ECOSYSTEM",
                        "events": [{"introduced": "0"}, {"fixed": fixed}],
                    }
                ],
            }
        ],
    }
