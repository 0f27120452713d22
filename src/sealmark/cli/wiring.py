"""The only place that builds adapters, and the command line's clock."""

from __future__ import annotations

import os
import platform
import pwd
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealmark.adapters.layer_cache import NoCache, open_cache
from sealmark.adapters.side_by_side import SideBySide
from sealmark.artifact.digest import Digest
from sealmark.artifact.image import load_image
from sealmark.artifact.platform import Platform, machine_platform
from sealmark.artifact.reference import parse_reference
from sealmark.cli.progress import watched
from sealmark.cli.transports import open_source
from sealmark.errors import ServiceError, UsageError
from sealmark.evidence.document import Evidence, Subject
from sealmark.gate.ask import rootfs_subject
from sealmark.ledger.errors import LedgerError
from sealmark.ledger.log import Ledger
from sealmark.scan.image import look
from sealmark.scan.vulnerabilities.match import match

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealmark.artifact.image import Image
    from sealmark.artifact.reference import Reference
    from sealmark.artifact.source import ImageSource
    from sealmark.cli.options import SourceOptions, TrustOptions
    from sealmark.cli.state import State
    from sealmark.cli.trusted import Asking
    from sealmark.evidence.inventory import Inventory
    from sealmark.evidence.signatures import Signatures
    from sealmark.evidence.vulnerability import Vulnerabilities

LAYERS_AT_ONCE = 2
"""As many as the smallest machines have cores; more were no faster (docs/benchmarks.md)."""


def clock() -> datetime:
    """Return now, in UTC."""
    return datetime.now(UTC)


def actor() -> str:
    """Return who asks, by the uid of the process: what the environment says, anybody can set."""
    uid = os.getuid()
    try:
        return f"user:{pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"uid:{uid}"


def notes() -> Callable[[str], None]:
    """Return what says on standard error what does not change the answer, each text once.

    What the running command has said already counts, whichever thread said it.
    """
    said: set[str] = click.get_current_context().meta.setdefault("sealmark.notes", set())

    def note(text: str) -> None:
        if text not in said:
            said.add(text)
            click.echo(f"sealmark: note: {text}", err=True)

    return note


def open_ledger(state: State) -> Ledger:
    """Open the ledger, founding it on first use. Raises ServiceError when it cannot be used."""
    try:
        state.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Ledger.open(state.ledger, create=True)
    except (LedgerError, OSError) as error:
        why = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else error
        raise ServiceError(f"the ledger cannot be used, so nothing is answered: {why}") from error


def take_evidence(
    reference: str,
    options: SourceOptions,
    state: State,
    database: Path | None,
    asking: Asking | None = None,
) -> Evidence:
    """Look inside what `reference` names, and ask advisories and signers about it."""
    named = parse_reference(reference)
    if named.transport == "sbom":
        return _from_sbom(Path(named.name), state, database)
    if named.transport == "dir":
        return _from_root(Path(named.name), state, database)
    wanted = Platform.parse(options.platform) if options.platform else _machine()
    cache = NoCache() if options.no_cache else open_cache(state.layers, state.cache_secret, notes())
    with open_source(named, options) as source:
        image = load_image(source, wanted, chosen=options.platform is not None)
        with watched(source, image, sys.stderr) as seen:
            reading = SideBySide(seen, LAYERS_AT_ONCE)
            looked = look(image, reading, cache, reading.each)
        signatures = _signatures(source, named, image, asking) if asking else None
    return Evidence(
        subject=Subject(kind="image", digest=str(image.digest), platform=str(image.platform)),
        inventory=looked.inventory,
        settings=looked.settings,
        vulnerabilities=ask_advisories(looked.inventory, state, database),
        signatures=signatures,
    )


def whom_to_ask(options: TrustOptions, state: State, now: datetime) -> Asking | None:
    """Return what the trust file asks for; None where there is none.

    Raises UsageError for a trust file that makes no sense.
    """
    path = options.trust or (state.trust_file if state.trust_file.exists() else None)
    if path is None:
        if options.repository:
            raise UsageError("--repository says what must be signed, but nobody is asked to sign")
        return None
    # Imported here because cryptography costs start-up time.
    from sealmark.cli.trusted import Asking, load_trust

    return Asking(load_trust(path), options.repository, now)


def _signatures(source: ImageSource, named: Reference, image: Image, asking: Asking) -> Signatures:
    from sealmark.cli.trusted import gather

    return gather(source, named, image.manifests, asking)


def ask_advisories(inventory: Inventory, state: State, database: Path | None) -> Vulnerabilities:
    """Match an inventory against the advisory database; without one, say so in the coverage."""
    path = database or state.advisories
    if database is not None and not database.is_file():
        what = "is no file" if database.exists() else "does not exist"
        raise UsageError(f"{database}: expected an advisory database, but it {what}")
    if not path.exists():
        return match(inventory.components, None)
    from sealmark.adapters.advisory_database import (
        AdvisoryDatabase,
    )

    with AdvisoryDatabase(path) as advisories:
        return match(inventory.components, advisories, advisories, str(advisories.digest))


def _machine() -> Platform:
    return machine_platform(platform.machine())


def _from_root(path: Path, state: State, database: Path | None) -> Evidence:
    from sealmark.adapters.root_directory import open_root
    from sealmark.scan.root_directory import look_at_root

    with open_root(path) as root:
        inventory = look_at_root(root)
    return Evidence(
        subject=rootfs_subject(inventory),
        inventory=inventory,
        vulnerabilities=ask_advisories(inventory, state, database),
    )


def _from_sbom(path: Path, state: State, database: Path | None) -> Evidence:
    from sealmark.scan.sbom.read import MAX_BYTES, parse_sbom

    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    inventory = parse_sbom(content)
    return Evidence(
        subject=Subject(kind="sbom", digest=str(Digest.of(content))),
        inventory=inventory,
        vulnerabilities=ask_advisories(inventory, state, database),
    )
