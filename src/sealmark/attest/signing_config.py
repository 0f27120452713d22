"""Where to sign: `signing_config.json` v0.2 (sigstore_trustroot.proto, SigningConfig)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealmark.attest.fields import FieldError, Message, decode_json
from sealmark.attest.trust_root import Window, read_window

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

MAX_CONFIG_BYTES = 1_000_000
MAX_SERVICES = 64
MEDIA_TYPE = "application/vnd.dev.sigstore.signingconfig.v0.2+json"

_CONFIG = (
    "mediaType", "caUrls", "oidcUrls", "rekorTlogUrls", "tsaUrls", "rekorTlogConfig", "tsaConfig",
)  # fmt: skip
_SERVICE = ("url", "majorApiVersion", "validFor", "operator")
_SELECTION = ("selector", "count")
_SELECTORS = ("ANY", "ALL", "EXACT")


@dataclass(frozen=True, slots=True)
class Service:
    """One address, the version of its API, and when it may be used."""

    url: str
    version: int
    window: Window
    operator: str


@dataclass(frozen=True, slots=True)
class SigningConfig:
    """Certificate authorities, logs and time-stamping authorities, most recent first."""

    authorities: tuple[Service, ...]
    logs: tuple[Service, ...]
    timestampers: tuple[Service, ...]
    how_many_logs: int
    how_many_timestampers: int


def parse_signing_config(data: bytes) -> SigningConfig:
    """Read a signing configuration. Raises FieldError, naming the field."""
    config = Message(decode_json(data, MAX_CONFIG_BYTES, "signing config"), "", *_CONFIG)
    if config.text("mediaType") != MEDIA_TYPE:
        raise FieldError("mediaType", f"expected {MEDIA_TYPE}")
    logs, timestampers = _services(config, "rekorTlogUrls"), _services(config, "tsaUrls")
    return SigningConfig(
        authorities=_services(config, "caUrls"),
        logs=logs,
        timestampers=timestampers,
        how_many_logs=_count(config, "rekorTlogConfig", len(logs)),
        how_many_timestampers=_count(config, "tsaConfig", len(timestampers)),
    )


def usable(
    services: Iterable[Service], versions: tuple[int, ...], now: datetime
) -> tuple[Service, ...]:
    """Return those that may be used now and speak one of `versions`: newest version first.

    One service an operator, as the definition demands.
    """
    found: dict[str, Service] = {}
    candidates = [s for s in services if s.version in versions and s.window.covers(now)]
    for service in sorted(candidates, key=lambda service: -service.version):
        found.setdefault(service.operator or service.url, service)
    return tuple(found.values())


def _services(config: Message, name: str) -> tuple[Service, ...]:
    return tuple(
        Service(
            url=item.text("url"),
            version=item.integer("majorApiVersion"),
            window=read_window(item),
            operator=item.optional_text("operator"),
        )
        for item in config.messages(name, MAX_SERVICES, *_SERVICE)
    )


def _count(config: Message, name: str, all_of_them: int) -> int:
    if not config.has(name):
        return min(all_of_them, 1)
    selection = config.message(name, *_SELECTION)
    selector = selection.text("selector")
    if selector not in _SELECTORS:
        raise FieldError(selection.at("selector"), f"expected one of {', '.join(_SELECTORS)}")
    if selector == "EXACT":
        return selection.integer("count")
    return all_of_them if selector == "ALL" else min(all_of_them, 1)
