"""sigstore-python as a peer: what we verify it verifies, what it refuses we refuse; offline."""

from __future__ import annotations

import re
import warnings
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.sigstore.authority import ISSUER, NAME
from tests.support.sigstore.bundles import dsse_bundle, message_bundle
from tests.support.sigstore.checking import check, refusal
from tests.support.sigstore.mutants import flipped, flipped_inside, reshaped
from tests.support.sigstore.rekor import b64
from tests.support.sigstore.world import ARTIFACT, WHEN, World, dump, statement

from sealmark.attest.steps import ClaimError

if TYPE_CHECKING:
    from pathlib import Path

MATERIAL = "verificationMaterial"
DSSE_KINDS = (("dsse", "0.0.1"), ("hashedrekord", "0.0.2"))


class Peer:
    """sigstore-python with the world's trust root."""

    def __init__(self, world: World, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from sigstore.models import TrustedRoot
            from sigstore.verify import Verifier
            from sigstore.verify.policy import Identity
        (folder / "root.json").write_bytes(dump(world.trusted_root()))
        trusted = TrustedRoot.from_file(str(folder / "root.json"))
        self.verifier = Verifier(trusted_root=trusted)
        self.policy = Identity(identity=NAME, issuer=ISSUER)

    def objection(self, data: bytes) -> str:
        """Why it refuses, empty if it does not."""
        from cryptography.x509 import InvalidVersion
        from sigstore.errors import Error
        from sigstore.models import Bundle, InvalidBundle

        try:
            read = Bundle.from_json(data)
            if b"dsseEnvelope" in data:
                assert self.verifier.verify_dsse(read, self.policy)[1] == statement()
            else:
                self.verifier.verify_artifact(ARTIFACT, read, self.policy)
        except (Error, InvalidBundle, InvalidVersion, ValueError) as error:
            return str(error) or type(error).__name__
        return ""


def peer_verifies(bundle: dict[str, Any], world: World, folder: Path) -> bool:
    return not Peer(world, folder).objection(dump(bundle))


def bundles(world: World, **changes: Any) -> list[dict[str, Any]]:
    signed = [message_bundle(world, version, **changes) for version in ("0.0.1", "0.0.2")]
    return signed + [dsse_bundle(world, kind, **changes) for kind in DSSE_KINDS]


@pytest.mark.parametrize("number", range(4))
def test_both_accept_honest_bundles(world: World, tmp_path: Path, number: int) -> None:
    bundle = bundles(world)[number]
    assert check(bundle, world).identity
    assert peer_verifies(bundle, world, tmp_path)


def corrupt(bundle: dict[str, Any], how: str, world: World) -> None:
    material = bundle[MATERIAL]
    entry = material["tlogEntries"][0]
    if how == "no entry":
        material["tlogEntries"] = []
    elif how == "a root of nothing":
        entry["inclusionProof"]["rootHash"] = b64(bytes(32))
    elif how == "a checkpoint by another":
        other = World().rekor.checkpoint(6, bytes(32))
        entry["inclusionProof"]["checkpoint"]["envelope"] = other
    elif how == "another certificate":
        material["certificate"] = message_bundle(world)[MATERIAL]["certificate"]
    elif how == "another entry":
        material["tlogEntries"] = message_bundle(world)[MATERIAL]["tlogEntries"]
    elif how == "another signature":
        content = bundle.get("messageSignature") or bundle["dsseEnvelope"]["signatures"][0]
        name = "sig" if "sig" in content else "signature"
        content[name] = b64(world.sign(b"something else"))


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize(
    "how",
    [
        "no entry", "a root of nothing", "a checkpoint by another", "another certificate",
        "another entry", "another signature",
    ],
)  # fmt: skip
def test_both_refuse_a_corrupted_bundle(
    world: World, tmp_path: Path, number: int, how: str
) -> None:
    bundle = bundles(world)[number]
    corrupt(bundle, how, world)
    assert refusal(bundle, world).why
    assert not peer_verifies(bundle, world, tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"when": WHEN + timedelta(hours=1)},
        {"san": "https://git.example/other/app"},
        {"issuer": "https://other.example"},
        {"with_sct": False},
        {"authority": True},
    ],
)
def test_both_refuse_the_wrong_certificate(
    world: World, tmp_path: Path, changes: dict[str, Any]
) -> None:
    late = {"when": changes["when"]} if "when" in changes else {}
    leaf = world.leaf(**{name: value for name, value in changes.items() if name != "when"})
    for bundle in bundles(world, leaf=leaf, **late):
        assert refusal(bundle, world).why
        assert not peer_verifies(bundle, world, tmp_path)


def objection(data: bytes, world: World) -> str:
    try:
        check(data, world)
    except ClaimError as error:
        return str(error)
    return ""


WE_ARE_STRICTER = re.compile(
    "an object has a name twice"  # the last one counts for the peer
    "|checkpoint: no valid signature by the log"  # it asks for the key and not for the name
    "|not base64 in its one spelling"  # bits that nobody reads may be set for the peer
    "|inclusionProof.logIndex: is not the entry's index"  # it reads one of the two
)
PEER_IS_STRICTER = re.compile(
    "expected exactly one log entry"  # we verify each
    "|timestampVerificationData"  # null is absent for us, as ProtoJSON has it
)


@pytest.mark.parametrize("number", range(4))
def test_where_we_and_a_peer_differ_about_a_mutant_it_is_known_why(
    world: World, tmp_path: Path, number: int
) -> None:
    bundle, peer, judged = bundles(world)[number], Peer(world, tmp_path), 0
    wire = flipped(dump(bundle), range(number, number + 1), step=211)
    inside = flipped_inside(bundle, range(number, number + 1), step=97)
    for mutant in chain(reshaped(bundle), wire, inside):
        judged += 1
        ours, theirs = objection(mutant, world), peer.objection(mutant)
        if bool(ours) != bool(theirs):
            known = WE_ARE_STRICTER if ours else PEER_IS_STRICTER
            assert known.search(ours or theirs), (ours, theirs, mutant)
    assert judged > 250
