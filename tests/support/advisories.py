"""Advisories as tests need them: records, a database of them, and the real ones if here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from sealmark.adapters.advisory_database import AdvisoryDatabase
from sealmark.adapters.advisory_writer import write_database
from sealmark.evidence.component import Component, Source
from sealmark.scan.vulnerabilities.feed import FeedBuilder
from sealmark.scan.vulnerabilities.match import match

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealmark.evidence.vulnerability import Vulnerabilities, Vulnerability
    from sealmark.scan.vulnerabilities.feed import AdvisoryFeed, AnyFeed

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "advisories"
SPOKEN = "2026-11-24T06:00:00Z"
HIGH = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"


def shared(name: str) -> Path:
    """Return a file of real advisories, or skip the test."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"no ../shared/advisories/{name} to compare with")
    return path


def real_lines(name: str) -> Iterator[bytes]:
    """Yield the records of a file of real advisories."""
    yield from unpacked(shared(name)).splitlines()


def unpacked(path: Path) -> bytes:
    """Return the content of a zstd file."""
    with path.open("rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        return stream.read()


def fixed_in(*versions: str, introduced: str = "0") -> dict[str, Any]:
    """Return an OSV range that ends at each of `versions`."""
    events = [{"introduced": introduced}, *({"fixed": version} for version in versions)]
    return {"type": "ECOSYSTEM", "events": events}


def record(
    name: str,
    ecosystem: str = "Debian:12",
    package: str = "openssl",
    ranges: tuple[dict[str, Any], ...] = (fixed_in("3.0.9-1"),),
    **changes: Any,
) -> dict[str, Any]:
    """Return an OSV record about one package; `changes` are further keys."""
    affected = {"package": {"ecosystem": ecosystem, "name": package}, "ranges": list(ranges)}
    if "versions" in changes:
        affected["versions"] = changes.pop("versions")
    if "specific" in changes:
        affected["ecosystem_specific"] = changes.pop("specific")
    return {"id": name, "modified": SPOKEN, "affected": [affected], **changes}


def feed(*records: dict[str, Any], name: str = "test", as_of: str = SPOKEN) -> AdvisoryFeed:
    """Return a feed of these records."""
    builder = FeedBuilder(name, f"{name}.jsonl")
    for item in records:
        builder.add_json(json.dumps(item).encode())
    return builder.finish(as_of, "sha256:" + "d" * 64)


def component(name: str, version: str, ecosystem: str | None, source: str = "") -> Component:
    """Return a component, built from the source package `source` of the same version if given."""
    return Component(
        type=(ecosystem or "deb").partition(":")[0].lower(),
        name=name,
        version=version,
        purl=f"pkg:generic/{name}@{version}",
        ecosystem=ecosystem,
        source=Source(source, version) if source else None,
    )


LIBSSL = component("libssl3", "3.0.8-1", "Debian:12", "openssl")


def ask(directory: Path, feeds: Sequence[AnyFeed], *components: Component) -> Vulnerabilities:
    """Match components against a database of these feeds, as `check` does."""
    path = directory / "advisories.db"
    write_database(path, feeds)
    with AdvisoryDatabase(path) as database:
        return match(components, database, database, str(database.digest))


def found(directory: Path, *records: dict[str, Any], at: Component = LIBSSL) -> list[Vulnerability]:
    """Return the findings of one component and one feed."""
    return list(ask(directory, [feed(*records)], at).findings)
