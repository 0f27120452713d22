"""End-of-life dates (endoflife.date): when a distribution's security support ends.

Two forms are read: the API's `/products/full`, and its release data as one object keyed by
product. "Extended" support counts only where its updates are public: Debian's long-term support
is, the paid programmes of Ubuntu, RHEL and others are not.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from sealmark.errors import UnreadableError
from sealmark.scan.vulnerabilities.times import TimeError, latest, normalised

_PUBLIC_EXTENDED = frozenset({"debian"})
_MAX_PRODUCTS = 10_000
_MAX_RELEASES = 2_000
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)

# os-release(5) ID to the product's name at endoflife.date, where they differ.
_PRODUCTS = {
    "alpine": "alpine-linux",
    "amzn": "amazon-linux",
    "rocky": "rocky-linux",
    "ol": "oracle-linux",
    "opensuse-leap": "opensuse",
    "pop": "pop-os",
    "photon": "photon",
}


class SupportEnd(msgspec.Struct, frozen=True):
    """The last day of public security support of one release; None while no end is known."""

    product: str
    release: str
    ends: str | None


class EndOfLifeError(UnreadableError):
    """Bytes are no end-of-life data."""


def product_of(os_id: str) -> str:
    """Return the product name for an os-release ID."""
    return _PRODUCTS.get(os_id, os_id)


def release_candidates(version: str) -> tuple[str, ...]:
    """Return the releases a VERSION_ID may belong to, most specific first: 3.20.1, 3.20, 3."""
    parts = version.split(".")[:4]
    return tuple(".".join(parts[:n]) for n in range(len(parts), 0, -1))


def parse_end_of_life(content: bytes) -> tuple[tuple[SupportEnd, ...], str]:
    """Return the ends of every operating system release, and the data's own date.

    The date is the publisher's where given, else the newest release it knows of. Raises
    EndOfLifeError.
    """
    try:
        data = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EndOfLifeError(f"end-of-life data: {error}") from None
    if not isinstance(data, dict):
        raise EndOfLifeError("end-of-life data: expected a JSON object")
    products = _products(data)
    if len(products) > _MAX_PRODUCTS:
        raise EndOfLifeError(f"end-of-life data: more than {_MAX_PRODUCTS} products")
    ends = [
        _support_end(name, release)
        for name, product in sorted(products.items())
        if product.get("category") == "os"
        for release in _releases(name, product)
    ]
    if not ends:
        raise EndOfLifeError("end-of-life data: it names no operating system")
    return tuple(ends), _as_of(data, products)


def _products(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    listed = data.get("result")
    if isinstance(listed, list):
        return {
            p["name"]: p for p in listed if isinstance(p, dict) and isinstance(p.get("name"), str)
        }
    return {name: product for name, product in data.items() if isinstance(product, dict)}


def _releases(name: str, product: dict[str, Any]) -> list[dict[str, Any]]:
    releases = product.get("releases")
    if not isinstance(releases, list) or len(releases) > _MAX_RELEASES:
        raise EndOfLifeError(f"end-of-life data: {name[:60]!a} has no list of releases")
    return [release for release in releases if isinstance(release, dict)]


def _support_end(product: str, release: dict[str, Any]) -> SupportEnd:
    name = release.get("releaseCycle", release.get("name"))
    if not isinstance(name, str) or not 0 < len(name) <= 100:
        raise EndOfLifeError(f"end-of-life data: a release of {product[:60]!a} has no name")
    ends = _date(release, "eol", "eolFrom", "isEol")
    if product in _PUBLIC_EXTENDED:
        extended = _date(release, "eoes", "eoesFrom", "isEoes")
        ends = max(ends, extended) if ends and extended else ends
    return SupportEnd(product, name, ends)


def _date(release: dict[str, Any], *keys: str) -> str | None:
    """Return the date; a bare "yes, ended" is the release day, the latest that is surely past."""
    for key in keys:
        value = release.get(key)
        if isinstance(value, str) and _DATE.fullmatch(value):
            return value
        if value is True:
            started = release.get("releaseDate")
            return (
                started if isinstance(started, str) and _DATE.fullmatch(started) else "0001-01-01"
            )
    return None


def _as_of(data: dict[str, Any], products: dict[str, dict[str, Any]]) -> str:
    for key in ("last_modified", "generated_at"):
        if isinstance(data.get(key), str):
            return normalised(data[key])
    newest = ""
    for product in products.values():
        releases = product.get("releases")
        for release in releases if isinstance(releases, list) else []:
            date = release.get("latestReleaseDate") if isinstance(release, dict) else None
            if isinstance(date, str):
                newest = latest(newest, date)
    try:
        return normalised(newest)
    except TimeError:
        raise EndOfLifeError("end-of-life data: no date that says how old it is") from None
