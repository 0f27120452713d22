"""The feed of `advisories update --for IMAGE`: a Debian image's own signed package index."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sealmark.adapters.advisory_database import AdvisoryDatabase
from sealmark.adapters.debian_mirror import DebianMirror
from sealmark.cli.state import current_state
from sealmark.errors import ServiceError, UnreadableError, UsageError
from sealmark.scan.vulnerabilities.apt_sources import AptSource, choose_source
from sealmark.scan.vulnerabilities.debian_fixes import (
    CODENAMES,
    changelog_records,
    outdated,
    update_record,
)
from sealmark.scan.vulnerabilities.feed import AdvisoryFeed, FeedBuilder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sealmark.evidence.inventory import Inventory
    from sealmark.scan.vulnerabilities.debian_fixes import SourceVersion
    from sealmark.scan.vulnerabilities.debian_index import Release


def debian_feed(inventory: Inventory, now: datetime, sources: Iterable[AptSource]) -> AdvisoryFeed:
    """Ask this machine's Debian mirror what the security suite has that `inventory` lacks.

    `sources` are the machine's (`machine_sources`). Raises UsageError for an inventory that
    is not Debian's, UnreadableError for an index that cannot be verified, ServiceError for a
    mirror that does not answer.
    """
    codename, _ = _debian(inventory)
    known = tuple(sources)
    security = choose_source(known, f"{codename}-security")
    if security is None:
        raise ServiceError(f"apt is configured with no http mirror of {codename}-security")
    architecture = _architecture(inventory)
    with DebianMirror(now) as mirror:
        release = mirror.release(security)
        name = f"debian-index:{security.suite}"
        _refuse_older(name, release.as_of)
        suites = [mirror.sources(security, release, architecture)]
        main = choose_source(known, codename, beside=security)
        if main is not None:
            suites.append(mirror.sources(main, mirror.release(main), architecture))
        builder = FeedBuilder(name, security.shown)
        _add_records(mirror, inventory, suites, builder, release)
        for problem in mirror.problems:
            builder.add_problem(problem)
        return builder.finish(release.as_of, mirror.digest)


def _refuse_older(name: str, as_of: str) -> None:
    """Raise UnreadableError if the database holds a newer word of this archive already.

    Within `Valid-Until` an old answer verifies; that it is old shows only beside a newer one.
    """
    database = current_state().advisories
    if not database.exists():
        return
    try:
        with AdvisoryDatabase(database) as held:
            newest = max((feed.as_of for feed in held.feeds() if feed.name == name), default="")
    except UnreadableError:
        return  # a damaged database is replaced or refused where it is written
    if newest > as_of:
        raise UnreadableError(
            f"{name}: the mirror's index is as of {as_of}, the one held as of {newest}: "
            "the mirror went back, or somebody replays an old answer"
        )


def _debian(inventory: Inventory) -> tuple[str, str]:
    """Return the code name of the release and OSV's name for it."""
    system = inventory.operating_system
    if system is None or system.id != "debian" or system.ecosystem is None:
        raise UsageError("a package index can be asked for Debian images only")
    number = system.version_id.partition(".")[0]
    codename = system.version_codename or CODENAMES.get(number, "")
    if number in CODENAMES and codename != CODENAMES[number]:
        raise UsageError(f"the image says it is Debian {number} and {codename[:40]!a}: not both")
    if not (codename.isascii() and codename.isalnum()):
        raise UsageError(f"which Debian release {system.version_id!r} is, is not known")
    return codename, system.ecosystem


def _architecture(inventory: Inventory) -> str:
    """Return the architecture that most packages name."""
    named = Counter(
        component.architecture
        for component in inventory.components
        if component.type == "deb" and component.architecture not in (None, "all")
    )
    return next((str(name) for name, _ in named.most_common(1)), "amd64")


def _add_records(
    mirror: DebianMirror,
    inventory: Inventory,
    suites: Sequence[Mapping[str, SourceVersion]],
    builder: FeedBuilder,
    release: Release,
) -> None:
    """Add what the changelogs of outdated sources name, and every security version besides."""
    ecosystem = _debian(inventory)[1]
    named: dict[str, dict[str, bool]] = {}
    unread = []
    for update in outdated(inventory.components, suites):
        entries = mirror.changelog(update)
        if not entries:
            builder.add_problem(f"{update.source} {update.version}: no changelog could be read")
            unread.append(update)
        named[update.source] = {entry.version: bool(entry.cves) for entry in entries}
        for record in changelog_records(entries, update.source, ecosystem, release.as_of):
            builder.add(record)
    security = suites[0].values()
    for update in (*security, *(update for update in unread if update not in security)):
        names_cves = named.get(update.source, {}).get(update.version)
        if not names_cves:
            builder.add(
                update_record(update, ecosystem, release.as_of, names_no_cve=names_cves is False)
            )
