"""Who is trusted to sign: the trust file read, and an image's signatures gathered by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sealmark.artifact.repository import parse_image_name
from sealmark.artifact.source import ReferrerSource
from sealmark.attest.artifact import Artifact
from sealmark.attest.discovery import Discovery, Skipped, discover
from sealmark.attest.examine import examine
from sealmark.attest.trust_table import parse_trust
from sealmark.errors import UnreadableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from sealmark.artifact.manifest import RawManifest
    from sealmark.artifact.reference import Reference
    from sealmark.artifact.repository import ImageName
    from sealmark.artifact.source import ImageSource
    from sealmark.attest.trust import Trust
    from sealmark.evidence.signatures import Signatures

MAX_FILE_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class Asking:
    """Who is asked to have signed, the repository that was named, if any, and the time."""

    trust: Trust
    repository: str | None
    now: datetime


def load_trust(path: Path) -> Trust:
    """Read a trust file, TOML or (named *.json) JSON; the files it names lie beside it."""
    from sealmark.adapters.trust_roots import public_good

    def beside(name: str) -> bytes:
        return read_file(path.parent / name)

    try:
        return parse_trust(_table(path), beside, public_good())
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def read_file(path: Path) -> bytes:
    """Return a file's bytes. Raises UnreadableError, also for a very large one."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UnreadableError(f"{path}: {getattr(error, 'strerror', error)}") from None
    if len(data) > MAX_FILE_BYTES:
        raise UnreadableError(f"{path}: expected at most {MAX_FILE_BYTES} bytes")
    return data


def asked_for(named: Reference, repository: str | None) -> ImageName | None:
    """Return the repository that signatures must be for; None if nobody said one."""
    if repository:
        return parse_image_name(repository.removeprefix("docker://"))
    return parse_image_name(named.name) if named.transport == "docker" else None


def gather(
    source: ImageSource, named: Reference, manifests: Iterable[RawManifest], asking: Asking
) -> Signatures:
    """Find and verify the signatures of an image and of the indexes that hold it."""
    discoveries = [_discover(source, named, raw) for raw in manifests]
    asked = asked_for(named, asking.repository)
    return examine(discoveries, asking.trust, asked, asking.now)


def _discover(source: ImageSource, named: Reference, raw: RawManifest) -> Discovery:
    if isinstance(source, ReferrerSource):
        return discover(source, raw)
    skipped = Skipped(str(named), f"a {named.transport} keeps no signatures")
    return Discovery(Artifact.of_bytes(raw.content), raw.digest, (), (skipped,))


def _table(path: Path) -> dict[str, Any]:
    import json
    import tomllib

    data = read_file(path)
    try:
        text = data.decode()
        table = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"cannot be read: {error}") from None
    if not isinstance(table, dict):
        raise UsageError("expected a table")
    return table
