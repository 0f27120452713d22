"""An image repository in memory, and what cosign puts beside an image, as a store of manifests."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import Encoding
from tests.support.sigstore.rekor import b64
from tests.support.sigstore.world import PAYLOAD_TYPE, WHEN, World, dump, pae, pem

from sealmark.artifact.digest import Digest
from sealmark.artifact.manifest import RawManifest
from sealmark.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealmark.artifact.manifest import Descriptor

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
ENVELOPE = "application/vnd.dsse.envelope.v1+json"
REPOSITORY = "registry.example/team/app"
SIGN = "https://sigstore.dev/cosign/sign/v1"

Layer = tuple[str, bytes, dict[str, str]]


@dataclass
class Store:
    """A ReferrerSource whose content is public, and which counts what it is asked for."""

    manifests: dict[Digest, RawManifest] = field(default_factory=dict)
    blobs: dict[Digest, bytes] = field(default_factory=dict)
    tags: dict[str, RawManifest] = field(default_factory=dict)
    listed: dict[Digest, list[dict[str, Any]]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    named: RawManifest = field(default_factory=lambda: RawManifest(b"", ""))

    def manifest(self, descriptor: Descriptor | None) -> RawManifest:
        if descriptor is None:
            return self.named
        self.asked[str(descriptor.digest)] += 1
        if descriptor.digest not in self.manifests:
            raise UnreadableError(f"manifest {descriptor.digest} is not here")
        return self.manifests[descriptor.digest]

    @contextmanager
    def blob(self, descriptor: Descriptor) -> Iterator[Iterator[bytes]]:
        self.asked[str(descriptor.digest)] += 1
        if descriptor.digest not in self.blobs:
            raise UnreadableError(f"blob {descriptor.digest} is not here")
        yield iter([self.blobs[descriptor.digest]])

    def referrers(self, digest: Digest) -> tuple[RawManifest, ...]:
        self.asked[f"referrers {digest}"] += 1
        entries = self.listed.get(digest, [])
        return (RawManifest(dump({"schemaVersion": 2, "manifests": entries}), INDEX),)

    def tagged(self, tag: str) -> RawManifest | None:
        self.asked[tag] += 1
        return self.tags.get(tag)

    def put(self, document: dict[str, Any]) -> RawManifest:
        raw = RawManifest(json.dumps(document).encode(), document["mediaType"])
        self.manifests[raw.digest] = raw
        return raw

    def image(self, name: str = "app") -> RawManifest:
        self.named = self.put(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": self.part("application/vnd.oci.image.config.v1+json", name.encode()),
                "layers": [],
            }
        )
        return self.named

    def part(self, kind: str, content: bytes, **more: Any) -> dict[str, Any]:
        digest = Digest.of(content)
        self.blobs[digest] = content
        return {"mediaType": kind, "digest": str(digest), "size": len(content), **more}

    def layers(self, *layers: Layer) -> RawManifest:
        """A manifest as cosign's older layout has them."""
        return self.put(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": self.part("application/vnd.oci.image.config.v1+json", b"{}"),
                "layers": [
                    self.part(kind, data, annotations=notes) for kind, data, notes in layers
                ],
            }
        )

    def sign(self, image: RawManifest, *layers: Layer) -> None:
        """Put layers under `sha256-….sig`, envelopes under `.att`."""
        for kind, suffix in ((SIMPLE, "sig"), (ENVELOPE, "att")):
            those = [layer for layer in layers if layer[0] == kind]
            if those:
                self.tags[f"sha256-{image.digest.hex}.{suffix}"] = self.layers(*those)

    def refer(
        self, image: RawManifest, content: bytes, kind: str = BUNDLE, said: str | None = None
    ) -> RawManifest:
        """Put a referrer with one layer; `said` is what the list calls its kind."""
        raw = self.put(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "artifactType": kind,
                "config": self.part("application/vnd.oci.empty.v1+json", b"{}"),
                "layers": [self.part(kind, content)],
                "subject": {
                    "mediaType": image.media_type,
                    "digest": str(image.digest),
                    "size": len(image.content),
                },
            }
        )
        entry = {"mediaType": MANIFEST, "digest": str(raw.digest), "size": len(raw.content)}
        said = kind if said is None else said
        self.listed.setdefault(image.digest, []).append(
            {**entry, "artifactType": said} if said else entry
        )
        return raw


def payload(image: RawManifest, repository: str = REPOSITORY, **changes: Any) -> bytes:
    """What cosign signs: the image's digest and the repository."""
    critical = {
        "identity": {"docker-reference": repository},
        "image": {"docker-manifest-digest": str(image.digest)},
        "type": "cosign container image signature",
        **changes,
    }
    return json.dumps({"critical": critical, "optional": None}).encode()


def simple(
    world: World, signed: bytes, *, key: bool = False, logged: bool = True, stamps: bool = False,
    leaf: Any = None,
) -> Layer:  # fmt: skip
    """A layer of `.sig` with its annotations."""
    signature = world.sign(signed)
    digest = hashlib.sha256(signed).hexdigest()
    certificate = None if key else leaf or world.leaf()
    spec = {
        "data": {"hash": {"algorithm": "sha256", "value": digest}},
        "signature": {
            "content": b64(signature),
            "publicKey": {"content": _block(world, certificate)},
        },
    }
    notes = {"dev.cosignproject.cosign/signature": b64(signature)}
    return SIMPLE, signed, notes | _notes(
        world, certificate, {"kind": "hashedrekord", "spec": spec} if logged else None,
        signature if stamps else None,
    )  # fmt: skip


def attested(
    world: World, statement: bytes, *, key: bool = False, logged: bool = True,
    stamps: bool | str = False,
) -> Layer:  # fmt: skip
    """A layer of `.att` with its annotations; cosign 2 stamped the envelope, 3 the signature."""
    signature = world.sign(pae(PAYLOAD_TYPE, statement))
    envelope = dump(
        {
            "payloadType": PAYLOAD_TYPE,
            "payload": b64(statement),
            "signatures": [{"keyid": "", "sig": b64(signature)}],
        }
    )
    certificate = None if key else world.leaf()
    hashed = {"algorithm": "sha256", "value": hashlib.sha256(statement).hexdigest()}
    signatures = [{"signature": b64(signature), "verifier": _block(world, certificate)}]
    spec = {"envelopeHash": hashed, "payloadHash": hashed, "signatures": signatures}
    notes = {"dev.cosignproject.cosign/signature": "", "predicateType": "https://example.org/x"}
    return ENVELOPE, envelope, notes | _notes(
        world, certificate, {"kind": "dsse", "spec": spec} if logged else None,
        (signature if stamps == "signature" else envelope) if stamps else None,
    )  # fmt: skip


def about(image: RawManifest, predicate_type: str = SIGN, name: str = "", **more: Any) -> bytes:
    """A statement about an image."""
    subject = {"digest": {"sha256": image.digest.hex}, **({"name": name} if name else {})}
    return dump(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [subject],
            "predicateType": predicate_type,
            "predicate": {},
            **more,
        }
    )


def _block(world: World, certificate: Any) -> str:
    return b64(
        certificate.public_bytes(Encoding.PEM) if certificate else pem(world.key.public_key())
    )


def _notes(
    world: World, certificate: Any, body: dict[str, Any] | None, stamped: bytes | None
) -> dict[str, str]:
    notes = {}
    if certificate:
        notes["dev.sigstore.cosign/certificate"] = certificate.public_bytes(Encoding.PEM).decode()
        notes["dev.sigstore.cosign/chain"] = "not read"
    if body:
        entry = world.rekor.entry({"apiVersion": "0.0.1", **body}, WHEN)
        promised = {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(entry["integratedTime"]),
            "logIndex": int(entry["logIndex"]),
            "logID": world.rekor.log_id.hex(),
        }
        promise = entry["inclusionPromise"]["signedEntryTimestamp"]
        bundle = {"SignedEntryTimestamp": promise, "Payload": promised}
        notes["dev.sigstore.cosign/bundle"] = json.dumps(bundle)
    if stamped:
        stamp = b64(world.tsa.stamp(stamped, WHEN))
        notes["dev.sigstore.cosign/rfc3161timestamp"] = json.dumps(
            {"SignedRFC3161Timestamp": stamp}
        )
    return notes
