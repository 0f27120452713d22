"""Sigstore bundles v0.1, v0.2 and v0.3 (sigstore/protobuf-specs, sigstore_bundle.proto).

One bundle, one signature. What a version does not define is refused: a certificate chain in v0.3,
a single certificate before it, an entry without promise in v0.1 or without proof after it.
"""

from __future__ import annotations

from sealmark.attest.claim import Claim, InclusionProof, LogEntry, MessageSignature
from sealmark.attest.dsse import Envelope, read_envelope
from sealmark.attest.fields import FieldError, Message, decode_json
from sealmark.attest.steps import PARSE, MalformedError

MAX_BUNDLE_BYTES = 32_000_000
MAX_ENTRIES = 32
MAX_TIMESTAMPS = 32
MAX_CERTIFICATES = 10
MAX_HASHES = 63
HASH_NAMES = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}
HASH_NUMBERS = {1: "SHA2_256", 2: "SHA2_384", 3: "SHA2_512"}

_VERSIONS = {
    "application/vnd.dev.sigstore.bundle+json;version=0.1": "0.1",
    "application/vnd.dev.sigstore.bundle+json;version=0.2": "0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.3": "0.3",
    "application/vnd.dev.sigstore.bundle.v0.3+json": "0.3",
}
_BUNDLE = ("mediaType", "verificationMaterial", "messageSignature", "dsseEnvelope")
_KEYS = ("publicKey", "x509CertificateChain", "certificate")
_MATERIAL = (*_KEYS, "tlogEntries", "timestampVerificationData")
_ENTRY = (
    "logIndex", "logId", "kindVersion", "integratedTime", "inclusionPromise", "inclusionProof",
    "canonicalizedBody",
)  # fmt: skip
_PROOF = ("logIndex", "rootHash", "treeSize", "hashes", "checkpoint")


def parse_bundle(data: bytes) -> Claim:
    """Read a bundle in JSON. Raises MalformedError (step 0), naming the field."""
    try:
        return _claim(data)
    except FieldError as error:
        raise MalformedError(PARSE, error.field, error.why) from None


def _claim(data: bytes) -> Claim:
    bundle = Message(decode_json(data, MAX_BUNDLE_BYTES, "bundle"), "", *_BUNDLE)
    version = _VERSIONS.get(bundle.text("mediaType"))
    if version is None:
        raise FieldError("mediaType", f"not a bundle known: {bundle.text('mediaType')[:80]!r}")
    material = bundle.message("verificationMaterial", *_MATERIAL)
    certificates = _certificates(material, version)
    return Claim(
        raw=data,
        version=version,
        content=_content(bundle),
        certificate=certificates[0] if certificates else None,
        others=certificates[1:],
        entries=_entries(material, version),
        timestamps=_timestamps(material),
    )


def _content(bundle: Message) -> MessageSignature | Envelope:
    if bundle.one_of("messageSignature", "dsseEnvelope") == "dsseEnvelope":
        return read_envelope(bundle.message("dsseEnvelope", "payload", "payloadType", "signatures"))
    message = bundle.message("messageSignature", "messageDigest", "signature")
    algorithm, digest = "", b""
    if message.has("messageDigest"):
        noted = message.message("messageDigest", "algorithm", "digest")
        algorithm = HASH_NAMES.get(noted.enum("algorithm", HASH_NUMBERS), "")
        digest = noted.data("digest")
        if not algorithm:
            raise FieldError(noted.at("algorithm"), "expected a hash of the SHA-2 family")
    return MessageSignature(algorithm, digest, message.data("signature"))


def _certificates(material: Message, version: str) -> tuple[bytes, ...]:
    kind = material.one_of(*_KEYS)
    if kind == "publicKey":
        # A hint: which key is believed is the verifier's choice alone.
        material.message("publicKey", "hint").optional_text("hint")
        return ()
    if (kind == "certificate") != (version == "0.3"):
        raise FieldError(material.at(kind), f"bundles of version {version} have no such field")
    if kind == "certificate":
        return (material.message("certificate", "rawBytes").data("rawBytes"),)
    chain = material.message(kind, "certificates")
    certificates = chain.messages("certificates", MAX_CERTIFICATES, "rawBytes")
    if not certificates:
        raise FieldError(chain.at("certificates"), "expected a certificate")
    return tuple(item.data("rawBytes") for item in certificates)


def _entries(material: Message, version: str) -> tuple[LogEntry, ...]:
    entries = material.messages("tlogEntries", MAX_ENTRIES, *_ENTRY)
    return tuple(_entry(entry, version) for entry in entries)


def _entry(entry: Message, version: str) -> LogEntry:
    kind, index = entry.message("kindVersion", "kind", "version"), entry.integer("logIndex")
    promise = b""
    if entry.has("inclusionPromise"):
        field = "signedEntryTimestamp"
        promise = entry.message("inclusionPromise", field).optional_data(field)
    if version == "0.1" and not promise:
        raise FieldError(entry.at("inclusionPromise"), "version 0.1 demands a promise")
    proof = _proof(entry, version) if entry.has("inclusionProof") else None
    if version != "0.1" and proof is None:
        raise FieldError(entry.at("inclusionProof"), f"version {version} demands a proof")
    return LogEntry(
        field=entry.path,
        log_id=entry.message("logId", "keyId").data("keyId"),
        index=index,
        kind=kind.text("kind"),
        version=kind.text("version"),
        integrated_time=entry.integer("integratedTime"),
        promise=promise,
        proof=proof,
        body=entry.data("canonicalizedBody"),
    )


def _proof(entry: Message, version: str) -> InclusionProof:
    proof = entry.message("inclusionProof", *_PROOF)
    checkpoint = b""  # v0.1 wrote proofs without one, which prove nothing
    if proof.has("checkpoint") or version != "0.1":
        checkpoint = proof.message("checkpoint", "envelope").text("envelope").encode()
    return InclusionProof(
        index=proof.integer("logIndex"),
        size=proof.integer("treeSize"),
        root=proof.data("rootHash"),
        hashes=proof.datas("hashes", MAX_HASHES),
        checkpoint=checkpoint,
    )


def _timestamps(material: Message) -> tuple[bytes, ...]:
    if not material.has("timestampVerificationData"):
        return ()
    data = material.message("timestampVerificationData", "rfc3161Timestamps")
    stamps = data.messages("rfc3161Timestamps", MAX_TIMESTAMPS, "signedTimestamp")
    found = tuple(stamp.data("signedTimestamp") for stamp in stamps)
    if len(set(found)) != len(found):
        raise FieldError(data.at("rfc3161Timestamps"), "the same time stamp is there twice")
    return found
