"""What matching needs from an advisory database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealmark.evidence.vulnerability import Exploitability, Exploited, Feed
    from sealmark.scan.vulnerabilities.advisory import Advisory, PackageAdvisories


class AdvisorySource(Protocol):
    """Advisories by package. Methods raise UnreadableError where the database is damaged."""

    def feeds(self) -> Sequence[Feed]:
        """Return every feed the database holds."""
        ...

    def lookup(self, ecosystem: str, package: str) -> Sequence[PackageAdvisories]:
        """Return what each feed says about a package; the names are canonical."""
        ...

    def advisory(self, feed: str, number: int) -> Advisory:
        """Return the advisory an Entry of `feed` points to."""
        ...


class Priorities(Protocol):
    """What raises or lowers the urgency of a CVE."""

    def exploited(self, cve: str) -> Exploited | None:
        """Return the entry of the Known Exploited Vulnerabilities catalogue, if any."""
        ...

    def exploitability(self, cve: str) -> Exploitability | None:
        """Return the EPSS probability, if any."""
        ...


class SupportDates(Protocol):
    """When distributions end."""

    def support_ends(self, os_id: str, version: str) -> str | None:
        """Return the last day of public security support (ISO 8601), None if nobody said.

        `os_id` and `version` are ID and VERSION_ID of os-release(5).
        """
        ...
