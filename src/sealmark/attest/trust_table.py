"""The trust file, read: a table of signers and one of roles, as TOML or JSON has them.

Everything must be known, of its type, and mean something; a name nobody defined is an error, and
so is a role that can never be fulfilled.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from sealmark.attest.fields import FieldError, parse_time
from sealmark.attest.identity import Exactly, Under
from sealmark.attest.keys import KeyMaterialError, VerificationKey
from sealmark.attest.trust import Role, Signer, Trust
from sealmark.attest.trust_root import TrustRoot, Window, parse_trust_root
from sealmark.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sealmark.attest.identity import IdentityPolicy

    Read = Callable[[str], bytes]

MOST_SIGNERS = 256
MOST_ROLES = 64
_TOP = ("signers", "roles", "trusted-root")
_SIGNER = (
    "key", "identity", "identity-prefix", "issuer", "from", "until", "without-log", "without-sct",
)  # fmt: skip
_ROLE = ("signers", "threshold", "repositories", "predicate-type")


def parse_trust(table: Mapping[str, Any], read: Read, root: TrustRoot) -> Trust:
    """Read a table; `read` hands out the files it names, `root` is trusted if it names none.

    Raises UsageError, saying which entry is wrong and why.
    """
    _known(table, _TOP, "the trust file")
    signers = tuple(
        _signer(name, entry, read)
        for name, entry in _tables(table, "signers", MOST_SIGNERS).items()
    )
    _distinct(signers)
    names = {signer.name for signer in signers}
    roles = tuple(
        _role(name, entry, names) for name, entry in _tables(table, "roles", MOST_ROLES).items()
    )
    if not roles:
        raise UsageError("the trust file names no role, so that nobody would be asked for anything")
    path = _text(table, "trusted-root", "trusted-root")
    return Trust(signers, roles, *_root(path, read, root))


def _root(path: str, read: Read, given: TrustRoot) -> tuple[TrustRoot, str]:
    if not path:
        return given, "built-in"
    data = read(path)
    try:
        return parse_trust_root(data), f"sha256:{hashlib.sha256(data).hexdigest()}"
    except FieldError as error:
        raise UsageError(f"trusted-root: {path}: {error}") from None


def _signer(name: str, entry: Mapping[str, Any], read: Read) -> Signer:
    where = f"signers.{name}"
    _known(entry, _SIGNER, where)
    return Signer(
        name=name,
        by=_by(entry, where, read),
        window=_window(entry, where),
        unsafe_without_log=_flag(entry, "without-log", where),
        unsafe_without_sct=_flag(entry, "without-sct", where),
    )


def _by(entry: Mapping[str, Any], where: str, read: Read) -> VerificationKey | IdentityPolicy:
    key, exact, prefix = (_text(entry, n, where) for n in ("key", "identity", "identity-prefix"))
    issuer = _text(entry, "issuer", where)
    if sum(map(bool, (key, exact, prefix))) != 1:
        raise UsageError(f"{where}: expected one of key, identity and identity-prefix")
    if bool(issuer) == bool(key):
        raise UsageError(f"{where}: an identity has an issuer, a key has none")
    if key:
        try:
            return VerificationKey.load(key.encode() if "-----BEGIN" in key else read(key))
        except KeyMaterialError as error:
            raise UsageError(f"{where}.key: {error}") from None
    if prefix and not prefix.endswith(("/", "@")):
        raise UsageError(f"{where}.identity-prefix: must end in / or @")
    return Exactly(exact, issuer) if exact else Under(prefix, issuer)


def _window(entry: Mapping[str, Any], where: str) -> Window:
    window = Window(_time(entry, "from", where), _time(entry, "until", where))
    if window.start and window.end and window.end < window.start:
        raise UsageError(f"{where}: ends before it starts")
    return window


def _role(name: str, entry: Mapping[str, Any], known: set[str]) -> Role:
    where = f"roles.{name}"
    _known(entry, _ROLE, where)
    signers = _texts(entry, "signers", where)
    unknown = sorted(set(signers) - known)
    if unknown:
        raise UsageError(f"{where}.signers: no signer is called {', '.join(unknown)}")
    threshold = entry.get("threshold", 1)
    if type(threshold) is not int or not 1 <= threshold <= len(set(signers)):
        raise UsageError(f"{where}.threshold: expected 1 to {len(set(signers))}, its signers")
    repositories = _texts(entry, "repositories", where) if "repositories" in entry else ("*",)
    for pattern in repositories:
        if pattern != "*" and ("*" in pattern.removesuffix("/*") or "/" not in pattern):
            why = f"{pattern!r} is not host/name, host/name/* or *"
            raise UsageError(f"{where}.repositories: {why}")
    return Role(
        name=name,
        signers=tuple(dict.fromkeys(signers)),
        threshold=threshold,
        repositories=repositories,
        predicate_type=_text(entry, "predicate-type", where),
    )


def _distinct(signers: tuple[Signer, ...]) -> None:
    seen: dict[str, str] = {}
    for signer in signers:
        other = seen.setdefault(signer.principal, signer.name)
        if other != signer.name:
            raise UsageError(f"signers.{signer.name}: is the same key or identity as {other}")


def _tables(table: Mapping[str, Any], name: str, most: int) -> dict[str, Mapping[str, Any]]:
    found = table.get(name, {})
    if not isinstance(found, dict) or not all(isinstance(e, dict) for e in found.values()):
        raise UsageError(f"{name}: expected a table with a table for each name")
    if len(found) > most:
        raise UsageError(f"{name}: {len(found)} are more than {most}")
    return found


def _known(table: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    for name in table:
        if name not in names:
            raise UsageError(f"{where}: {name!r} is not one of {', '.join(names)}")


def _text(table: Mapping[str, Any], name: str, where: str) -> str:
    value = table.get(name, "")
    if not isinstance(value, str) or (name in table and not value):
        raise UsageError(f"{where}.{name}: expected a text")
    return value


def _texts(table: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
    value = table.get(name)
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise UsageError(f"{where}.{name}: expected a list of texts")
    return tuple(value)


def _flag(table: Mapping[str, Any], name: str, where: str) -> bool:
    value = table.get(name, False)
    if not isinstance(value, bool):
        raise UsageError(f"{where}.{name}: expected true or false")
    return value


def _time(table: Mapping[str, Any], name: str, where: str) -> datetime | None:
    """TOML has times of its own, with or without zone; JSON has texts."""
    value = table.get(name)
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        return parse_time(value if isinstance(value, str) else "", f"{where}.{name}")
    except FieldError as error:
        raise UsageError(str(error)) from None
