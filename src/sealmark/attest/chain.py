"""Step 2: a certificate leads to an authority of the trust root (RFC 5280, section 6.1).

An authority's chain stands in the trust root in order, and its links were checked when it was
read. So there is no path to search: the lowest certificate issued the signer's, or it did not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealmark.attest.certificate import CertificateError, allows_code_signing, check_signer
from sealmark.attest.steps import CHAIN, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sealmark.attest.certificate import Certificate
    from sealmark.attest.trust_root import Authority

_FIELD = "certificate"


def find_authority(
    leaf: Certificate, authorities: Iterable[Authority], times: Iterable[datetime]
) -> Authority:
    """Return the authority that issued `leaf` and was valid at all `times`.

    Raises RefusedError (step 2).
    """
    try:
        check_signer(leaf)
    except CertificateError as error:
        raise RefusedError(CHAIN, _FIELD, str(error)) from None
    why = "no certificate authority of the trust root issued it"
    whens = tuple(times)
    for authority in authorities:
        if not authority.chain or not authority.chain[0].issued(leaf):
            continue
        why = _objection(leaf, authority, whens)
        if not why:
            return authority
    raise RefusedError(CHAIN, _FIELD, why)


def _objection(leaf: Certificate, authority: Authority, times: tuple[datetime, ...]) -> str:
    if not times:
        return "no trusted time at which it could have been valid"
    if not all(allows_code_signing(issuer, absent=True) for issuer in authority.chain):
        return "its authority may not issue for code signing"
    for when in times:
        if not authority.window.covers(when):
            return f"its authority {authority.uri} was not trusted at {when:%Y-%m-%dT%H:%M:%SZ}"
        for certificate in (leaf, *authority.chain):
            if not certificate.valid_at(when):
                return f"a certificate of its chain was not valid at {when:%Y-%m-%dT%H:%M:%SZ}"
    return ""
