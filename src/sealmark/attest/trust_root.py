"""Trust roots: which authorities and logs are believed, and when (sigstore_trustroot.proto).

Everything that a verification believes comes from here or from a key named by the verifier.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sealmark.attest.certificate import Certificate, CertificateError, check_authority
from sealmark.attest.fields import FieldError, Message, decode_json
from sealmark.attest.keys import SCHEME_NUMBERS, SCHEMES, KeyMaterialError, VerificationKey

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

MAX_TRUST_ROOT_BYTES = 4_000_000
MAX_MEMBERS = 256
MAX_CHAIN = 8
MEDIA_TYPES = (
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot+json;version=0.2",
    "application/vnd.dev.sigstore.trustedroot.v0.1+json",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
)

_ROOT = ("mediaType", "tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities")
_LOG = ("baseUrl", "hashAlgorithm", "publicKey", "logId", "checkpointKeyId", "operator")
_AUTHORITY = ("subject", "uri", "certChain", "validFor", "operator")


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time, both ends included; without an end it is still open."""

    start: datetime | None = None
    end: datetime | None = None

    def covers(self, when: datetime) -> bool:
        """Tell whether `when` lies within."""
        return (self.start is None or self.start <= when) and (self.end is None or when <= self.end)


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """A transparency or certificate log: its id, key, and when the key spoke for it."""

    log_id: bytes
    checkpoint_id: bytes
    host: str
    key: VerificationKey
    window: Window

    @property
    def key_hint(self) -> bytes:
        """What stands before its signatures in signed notes."""
        return self.checkpoint_id[:4]


@dataclass(frozen=True, slots=True)
class Authority:
    """Who issues certificates or time stamps: a chain, lowest first, and when it did so.

    An authority without certificates is named and vouches for nothing.
    """

    uri: str
    chain: tuple[Certificate, ...]
    window: Window


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """All that is believed. An empty member means that nobody of that kind is."""

    logs: tuple[TrustedLog, ...] = ()
    certificate_logs: tuple[TrustedLog, ...] = ()
    certificate_authorities: tuple[Authority, ...] = ()
    timestamp_authorities: tuple[Authority, ...] = ()


def parse_trust_root(data: bytes) -> TrustRoot:
    """Read a `trusted_root.json`. Raises FieldError, naming the field."""
    root = Message(decode_json(data, MAX_TRUST_ROOT_BYTES, "trust root"), "", *_ROOT)
    if root.text("mediaType") not in MEDIA_TYPES:
        raise FieldError("mediaType", f"no trust root known: {root.text('mediaType')[:80]!r}")
    return TrustRoot(
        logs=tuple(_log(item) for item in root.messages("tlogs", MAX_MEMBERS, *_LOG)),
        certificate_logs=tuple(
            _certificate_log(item) for item in root.messages("ctlogs", MAX_MEMBERS, *_LOG)
        ),
        certificate_authorities=tuple(_authorities(root, "certificateAuthorities", 0)),
        timestamp_authorities=tuple(_authorities(root, "timestampAuthorities", 1)),
    )


def _log(log: Message) -> TrustedLog:
    key = log.message("publicKey", "rawBytes", "keyDetails", "validFor")
    log_id = log.message("logId", "keyId").data("keyId")
    named = log.has("checkpointKeyId")
    return TrustedLog(
        log_id=log_id,
        checkpoint_id=log.message("checkpointKeyId", "keyId").data("keyId") if named else log_id,
        host=_host(log),
        key=_key(key),
        window=optional_window(key),
    )


def _key(key: Message) -> VerificationKey:
    """A kind of key that is not understood leaves the log named and without a word that holds."""
    data, scheme = key.data("rawBytes"), key.enum("keyDetails", SCHEME_NUMBERS)
    if not scheme:
        raise FieldError(key.at("keyDetails"), "expected a text")
    if scheme not in SCHEMES:
        return VerificationKey.of_unknown_scheme(data, scheme)
    try:
        return VerificationKey.load(data, scheme)
    except KeyMaterialError as error:
        raise FieldError(key.path, str(error)) from None


def _certificate_log(log: Message) -> TrustedLog:
    trusted = _log(log)
    if trusted.key.scheme.startswith("PKIX") and trusted.log_id != log_id_of(trusted.key):
        raise FieldError(log.at("logId"), "is not the SHA-256 of the key (RFC 6962, 3.2)")
    return trusted


def log_id_of(key: VerificationKey) -> bytes:
    """Return the id of a certificate log (RFC 6962, 3.2) and of a Rekor v1 log."""
    return hashlib.sha256(key.spki).digest()


def _host(log: Message) -> str:
    url = log.optional_text("baseUrl")
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname or ""
    except ValueError:
        raise FieldError(log.at("baseUrl"), "not a URL") from None


def _authorities(root: Message, name: str, leaves: int) -> Iterable[Authority]:
    for item in root.messages(name, MAX_MEMBERS, *_AUTHORITY):
        chain = _chain(item.message("certChain", "certificates"))
        _check_chain(item.at("certChain"), chain, leaves)
        yield Authority(item.optional_text("uri"), chain, optional_window(item))


def _chain(message: Message) -> tuple[Certificate, ...]:
    found = []
    for item in message.messages("certificates", MAX_CHAIN, "rawBytes"):
        try:
            found.append(Certificate.parse(item.data("rawBytes")))
        except CertificateError as error:
            raise FieldError(item.path, str(error)) from None
    return tuple(found)


def _check_chain(path: str, chain: tuple[Certificate, ...], leaves: int) -> None:
    """Each certificate must have issued the one before it; all but `leaves` are authorities."""
    for index, (child, issuer) in enumerate(itertools.pairwise(chain)):
        if not issuer.issued(child):
            raise FieldError(f"{path}.certificates[{index}]", "the next one did not issue it")
    for index, certificate in enumerate(chain[leaves:] if len(chain) > leaves else ()):
        try:
            check_authority(certificate, index)
        except CertificateError as error:
            raise FieldError(f"{path}.certificates[{index + leaves}]", str(error)) from None


def optional_window(message: Message) -> Window:
    """Read a `validFor`; without one the span is open at both ends. Raises FieldError."""
    return read_window(message) if message.has("validFor") else Window()


def read_window(message: Message) -> Window:
    """Read a `validFor`, which must be there and have a start. Raises FieldError."""
    span = message.message("validFor", "start", "end")
    start, end = span.time("start"), span.time("end") if span.has("end") else None
    if end is not None and end < start:
        raise FieldError(span.path, "ends before it starts")
    return Window(start, end)
