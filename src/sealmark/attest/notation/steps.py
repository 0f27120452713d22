"""The steps of a Notation signature's verification, in their order."""

from __future__ import annotations

from sealmark.attest.steps import Step

PARSE = Step(
    0,
    "parse",
    "the envelope is well formed",
    "signature-envelope-jws.md, signature-envelope-cose.md; RFC 7515 7.2.2; RFC 9052 4.2",
)
ATTRIBUTES = Step(
    1,
    "attributes",
    "every signed attribute that must be understood is",
    "signature-specification.md, Signed Attributes",
)
CERTIFICATES = Step(
    2,
    "certificates",
    "the certificates may be used for this and lead to a root in order",
    "signature-specification.md, Certificate Requirements",
)
SIGNATURE = Step(
    3,
    "signature",
    "the first certificate's key signed these bytes",
    "signature-specification.md, Algorithm Selection; RFC 7518 3.4, 3.5; RFC 9053 2.1",
)
AUTHENTICITY = Step(
    4,
    "authenticity",
    "a trust store of the scheme's kind holds a certificate of the chain",
    "trust-store-trust-policy.md, Validate Authenticity; signing-scheme.md, Trust Stores",
)
IDENTITY = Step(
    5,
    "identity",
    "the signer's subject is who was expected",
    "trust-store-trust-policy.md, Trusted Identities Constraints",
)
TIME = Step(
    6,
    "time",
    "all certificates were valid when somebody trusted saw the signature, or else are now",
    "trust-store-trust-policy.md, Validate Trusted Timestamp; RFC 3161 2.4.2",
)
EXPIRY = Step(
    7,
    "expiry",
    "the signer's own best-by date has not come",
    "trust-store-trust-policy.md, Validate Expiry",
)
SUBJECT = Step(
    8,
    "subject",
    "the signed payload is about this artifact",
    "signature-specification.md, Payload",
)

STEPS = (
    PARSE, ATTRIBUTES, CERTIFICATES, SIGNATURE, AUTHENTICITY, IDENTITY, TIME, EXPIRY, SUBJECT,
)  # fmt: skip
