"""A manifest beside feed files says how old they are and what their digests must be.

`MANIFEST.json`: `{"files": [{"file": "npm.jsonl.zst", "sha256": "…", "from": [{"date": "…"}]}]}`.
A file merged from several sources is only as fresh as its oldest one: a newer overlay that is
partial does not make the rest newer. So a file's date is the earliest of its sources' dates.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from sealmark.artifact.digest import Digest
from sealmark.errors import UnreadableError
from sealmark.scan.vulnerabilities.times import parse_time, written

NAME = "MANIFEST.json"


class ManifestError(UnreadableError):
    """Bytes are no feed manifest."""


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """What the manifest says about one file: its date (None where unsaid) and its digest."""

    as_of: str | None
    digest: Digest


class _Source(msgspec.Struct):
    date: str


class _File(msgspec.Struct):
    file: str
    sha256: str
    sources: list[_Source] = msgspec.field(default_factory=list, name="from")


class _Manifest(msgspec.Struct):
    files: list[_File]


def parse_manifest(content: bytes) -> dict[str, ManifestFile]:
    """Return what a manifest says, by file name. Raises ManifestError, TimeError or DigestError."""
    try:
        manifest = msgspec.json.decode(content, type=_Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestError(f"{NAME}: {error}") from None
    return {
        item.file: ManifestFile(_oldest(item.sources), Digest.parse(f"sha256:{item.sha256}"))
        for item in manifest.files
    }


def _oldest(sources: list[_Source]) -> str | None:
    # A bare day is read as its first moment, the earlier and therefore honest reading.
    return written(min(parse_time(source.date) for source in sources)) if sources else None
