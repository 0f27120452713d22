"""A certificate chain and envelopes signed by it, honest or changed before they are signed."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tests.support.sigstore.authority import p256, usage

from sealmark.artifact.digest import Digest
from sealmark.artifact.manifest import Descriptor
from sealmark.attest.certificate import Certificate
from sealmark.attest.notation.cbor import Tagged, decode_cbor, encode_cbor
from sealmark.attest.notation.trust import Anyone, Stores, Subject, X509Signer

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2024, 7, 1, 12, tzinfo=UTC)
MANIFEST = b'{"schemaVersion":2}'
ARTIFACT = Descriptor(
    "application/vnd.oci.image.manifest.v1+json", Digest.of(MANIFEST), len(MANIFEST)
)
SCHEME = "io.cncf.notary.signingScheme"
TIME = "io.cncf.notary.signingTime"
AUTHENTIC = "io.cncf.notary.authenticSigningTime"
EXPIRY = "io.cncf.notary.expiry"
STAMP = "io.cncf.notary.timestampSignature"
AGENT = "io.cncf.notary.signingAgent"
X5CHAIN = 33


def subject(common: str, organisation: str = "acme") -> x509.Name:
    pairs = (
        (NameOID.COUNTRY_NAME, "US"),
        (NameOID.STATE_OR_PROVINCE_NAME, "WA"),
        (NameOID.ORGANIZATION_NAME, organisation),
        (NameOID.COMMON_NAME, common),
    )
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])


def descriptor(artifact: Descriptor = ARTIFACT) -> dict[str, Any]:
    return {
        "mediaType": artifact.media_type,
        "digest": str(artifact.digest),
        "size": artifact.size,
    }


def payload(**changes: Any) -> bytes:
    return json.dumps({"targetArtifact": {**descriptor(), **changes}}).encode()


class Notary:
    """A root, an intermediate, and a signer, valid for years around NOW."""

    def __init__(self, start: datetime | None = None, end: datetime | None = None) -> None:
        self.start = start or datetime(2024, 1, 1, tzinfo=UTC)
        self.end = end or datetime(2036, 1, 1, tzinfo=UTC)
        self.keys = [p256(), p256(), p256()]
        self.root = self.authority("root", self.keys[2], None, 1)
        self.intermediate = self.authority("intermediate", self.keys[1], self.root, 0)
        self.leaf = self.signer()

    def authority(
        self, common: str, key: Any, issuer: x509.Certificate | None, below: int | None
    ) -> x509.Certificate:
        made = self._builder(subject(common), issuer.subject if issuer else subject(common), key)
        made = made.add_extension(x509.BasicConstraints(True, below), critical=True)
        made = made.add_extension(usage(signs=False, issues=True), critical=True)
        return made.sign(self.keys[2], hashes.SHA256())

    def signer(
        self,
        *extensions: tuple[x509.ExtensionType, bool],
        purpose: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.CODE_SIGNING,
        plain: bool = True,
        name: x509.Name | None = None,
    ) -> x509.Certificate:
        made = self._builder(name or subject("ci"), self.intermediate.subject, self.keys[0])
        if plain:
            made = made.add_extension(usage(signs=True, issues=False), critical=True)
        if purpose:
            made = made.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        for extension, critical in extensions:
            made = made.add_extension(extension, critical)
        return made.sign(self.keys[1], hashes.SHA256())

    @property
    def chain(self) -> list[bytes]:
        return ders(self.leaf, self.intermediate, self.root)

    def trusted(self, who: Anyone | Subject | None = None, **stores: Any) -> X509Signer:
        root = Certificate.parse(self.root.public_bytes(Encoding.DER))
        return X509Signer(Stores(**(stores or {"ca": (root,)})), who or Anyone())

    def sign(self, message: bytes) -> bytes:
        first, second = decode_dss_signature(self.keys[0].sign(message, ec.ECDSA(hashes.SHA256())))
        return first.to_bytes(32) + second.to_bytes(32)

    def jws(self, **given: Any) -> bytes:
        """An envelope of `content`, with `chain` and more in `header`.

        All else are changes of the protected headers; None takes one away.
        """
        content, chain = given.pop("content", payload()), given.pop("chain", self.chain)
        header = given.pop("header", {})
        named = {
            "alg": "ES256",
            "cty": "application/vnd.cncf.notary.payload.v1+json",
            "crit": [SCHEME],
            SCHEME: "notary.x509",
            TIME: "2024-07-01T11:00:00Z",
            **given,
        }
        named = {name: value for name, value in named.items() if value is not None}
        protected, body = _url(json.dumps(named).encode()), _url(content)
        whole = {
            "payload": body,
            "protected": protected,
            "header": {"x5c": [_b64(der) for der in chain], **header},
            "signature": _url(self.sign(f"{protected}.{body}".encode())),
        }
        return json.dumps(whole).encode()

    def cose(self, *, content: bytes | None = None, chain: list[bytes] | None = None,
             unprotected: dict[Any, Any] | None = None, changes: dict[Any, Any] | None = None,
             ) -> bytes:  # fmt: skip
        named = {
            1: -7,
            2: [SCHEME],
            3: "application/vnd.cncf.notary.payload.v1+json",
            SCHEME: "notary.x509",
            TIME: Tagged(1, 1719831600),
            **(changes or {}),
        }
        named = {name: value for name, value in named.items() if value is not None}
        protected, body = encode_cbor(named), content or payload()
        signature = self.sign(encode_cbor(["Signature1", protected, b"", body]))
        beside = {X5CHAIN: chain or self.chain, **(unprotected or {})}
        return encode_cbor(Tagged(18, [protected, beside, body, signature]))

    def _builder(self, name: x509.Name, issuer: x509.Name, key: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.start)
            .not_valid_after(self.end)
        )


def ders(*certificates: x509.Certificate) -> list[bytes]:
    return [certificate.public_bytes(Encoding.DER) for certificate in certificates]


def signature_of(envelope: bytes) -> bytes:
    if envelope[:1] == b"{":
        text = json.loads(envelope)["signature"]
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    found: bytes = decode_cbor(envelope).item[3]
    return found


def token(response: bytes) -> bytes:
    """Take the token out of a time stamp response, as envelopes hold it."""
    at = response.index(b"\x30\x03\x02\x01\x00") + 5
    return response[at:]


def stamped(make: Callable[..., bytes], stamp: Callable[[bytes], bytes]) -> bytes:
    """Put a stamp over the envelope's own signature beside it."""
    envelope = make()
    if envelope[:1] == b"{":
        whole = json.loads(envelope)
        whole["header"][STAMP] = _b64(stamp(signature_of(envelope)))
        return json.dumps(whole).encode()
    tagged = decode_cbor(envelope)
    tagged.item[1][STAMP] = stamp(signature_of(envelope))
    return encode_cbor(tagged)


def later(**span: float) -> datetime:
    return NOW + timedelta(**span)


def _url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
