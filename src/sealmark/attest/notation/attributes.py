"""Step 1: signed attributes, the same in both formats (signature-specification.md).

What must be understood and is not is refused: an unknown critical attribute, a plug-in that would
have to decide. What is neither critical nor known is the signer's own and changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sealmark.attest.fields import FieldError
from sealmark.attest.notation.claim import PAYLOAD_TYPE, SIGNING_AUTHORITY, X509, Attributes
from sealmark.attest.notation.steps import ATTRIBUTES
from sealmark.attest.steps import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

PREFIX: Final = "io.cncf.notary."
SCHEME: Final = f"{PREFIX}signingScheme"
SIGNING_TIME: Final = f"{PREFIX}signingTime"
AUTHENTIC_TIME: Final = f"{PREFIX}authenticSigningTime"
EXPIRY: Final = f"{PREFIX}expiry"
PLUGIN: Final = f"{PREFIX}verificationPlugin"
TIMESTAMP: Final = f"{PREFIX}timestampSignature"
AGENT: Final = f"{PREFIX}signingAgent"
MAX_CRITICAL: Final = 32

_CRITICAL = (SCHEME, AUTHENTIC_TIME, EXPIRY)
_KNOWN = (*_CRITICAL, SIGNING_TIME)


def read_attributes(
    headers: Mapping[str, Any], critical: Any, read_time: Callable[[Any, str], datetime]
) -> Attributes:
    """Read the protected headers that are named by texts; `critical` is the list beside them.

    Raises FieldError where one is not of its type, RefusedError (step 1) where one is not accepted.
    """
    _check_critical(headers, critical)
    for name in headers:
        if name.startswith(PREFIX) and name not in _KNOWN:
            raise _refused(name, _why_not(name))
    scheme = headers.get(SCHEME)
    if scheme not in (X509, SIGNING_AUTHORITY):
        raise _refused(SCHEME, f"expected {X509} or {SIGNING_AUTHORITY}, got {str(scheme)[:60]!r}")
    needed, other = SIGNING_TIME, AUTHENTIC_TIME
    if scheme == SIGNING_AUTHORITY:
        needed, other = other, needed
    if other in headers:
        raise _refused(other, f"signatures of the scheme {scheme} have none")
    when = read_time(headers.get(needed), f"protected.{needed}")
    until = read_time(headers[EXPIRY], f"protected.{EXPIRY}") if EXPIRY in headers else None
    if until is not None and until <= when:
        raise _refused(EXPIRY, "it is not after the time of signing")
    return Attributes(scheme, when, until)


def check_content_type(value: Any) -> None:
    """Raise RefusedError (step 1) unless the payload is said to be Notation's."""
    if value != PAYLOAD_TYPE:
        raise _refused("cty", f"expected {PAYLOAD_TYPE}, got {str(value)[:80]!r}")


def _check_critical(headers: Mapping[str, Any], critical: Any) -> None:
    if not isinstance(critical, list) or not all(isinstance(name, str) for name in critical):
        raise FieldError("protected.crit", "expected a list of names")
    if len(set(critical)) != len(critical) or len(critical) > MAX_CRITICAL:
        raise FieldError("protected.crit", f"expected at most {MAX_CRITICAL} names, each once")
    for name in critical:
        if name not in headers:
            raise FieldError("protected.crit", f"there is no {name[:80]!r} in the header")
        if name not in _KNOWN:
            raise _refused(name, _why_not(name))
    for name in _CRITICAL:
        if name in headers and name not in critical:
            raise _refused("crit", f"{name} is not marked critical")


def _why_not(name: str) -> str:
    if name.startswith(PLUGIN):
        return "it asks for a verification plug-in, and there are none here"
    return "it must be understood, and is not known"


def _refused(name: str, why: str) -> RefusedError:
    return RefusedError(ATTRIBUTES, f"protected.{name[:80]}", why)
