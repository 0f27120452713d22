"""Signing with an identity token and a key that lives for one signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealmark.attest.sign import bundle_of, proposed_v1, proposed_v2
from sealmark.attest.signing_config import usable
from sealmark.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sealmark.adapters.sigstore_services import EphemeralKey, SigstoreServices
    from sealmark.attest.sign import Signed
    from sealmark.attest.signing_config import Service, SigningConfig


def sign_keyless(
    services: SigstoreServices,
    config: SigningConfig,
    token: str,
    sign: Callable[[EphemeralKey, bytes], Signed],
    now: datetime,
) -> bytes:
    """Return a bundle. `sign` is handed the key and its certificate, and says what is signed.

    Raises UsageError where the configuration names no service, ServiceError where one fails.
    """
    from sealmark.adapters.sigstore_services import EphemeralKey

    authority = _some(usable(config.authorities, (1,), now), 1, "certificate authority")[0]
    logs = _some(usable(config.logs, (1, 2), now), config.how_many_logs, "log")
    found = usable(config.timestampers, (1,), now)
    stampers = _some(found, config.how_many_timestampers, "time-stamping authority")
    key = EphemeralKey()
    certificate = services.certificate(authority.url, token, key.certificate_request())
    signed = sign(key, certificate)
    stamps = [services.timestamp(item.url, signed.content.signature) for item in stampers]
    entries = [_entry(services, log, signed) for log in logs]
    return bundle_of(signed, entries, stamps)


def _entry(services: SigstoreServices, log: Service, signed: Signed) -> dict[str, Any]:
    if log.version == 1:
        return services.entry_v1(log.url, proposed_v1(signed))
    return services.entry_v2(log.url, proposed_v2(signed))


def _some(found: tuple[Service, ...], count: int, what: str) -> tuple[Service, ...]:
    if len(found) < count:
        raise UsageError(
            f"the signing configuration names {len(found)} usable services of the kind {what}, "
            f"{count} are needed"
        )
    return found[:count]
