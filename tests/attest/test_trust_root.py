"""Trust roots are read whole or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.support.sigstore.checking import changed
from tests.support.sigstore.rekor import b64
from tests.support.sigstore.world import World, dump

from sealmark.adapters.trust_roots import public_good, staging
from sealmark.attest.fields import FieldError
from sealmark.attest.trust_root import parse_trust_root

if TYPE_CHECKING:
    from collections.abc import Callable


def first(root: dict[str, Any], member: str) -> Any:
    return root[member][0]


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "mediaType": lambda root: root.update(mediaType="application/json"),
    "tlogs[0].publicKey.validFor.start": lambda root: first(root, "tlogs")["publicKey"].update(
        validFor={"end": "2030-01-01T00:00:00Z"}
    ),
    "tlogs[0].publicKey.validFor": lambda root: first(root, "tlogs")["publicKey"].update(
        validFor={"start": "2030-01-01T00:00:00Z", "end": "2029-01-01T00:00:00Z"}
    ),
    "tlogs[0].publicKey": lambda root: first(root, "tlogs")["publicKey"].update(
        keyDetails="PKIX_ED25519"
    ),
    "tlogs[0].more": lambda root: first(root, "tlogs").update(more=1),
    "tlogs[0].logId.keyId": lambda root: first(root, "tlogs").update(logId={}),
    "ctlogs[0].logId": lambda root: first(root, "ctlogs").update(logId={"keyId": b64(bytes(32))}),
    "certificateAuthorities[0].validFor.start": lambda root: first(
        root, "certificateAuthorities"
    ).update(validFor={}),
    "certificateAuthorities[0].certChain": lambda root: first(root, "certificateAuthorities").pop(
        "certChain"
    ),
    "certificateAuthorities[0].certChain.certificates[0]": lambda root: first(
        root, "certificateAuthorities"
    )["certChain"]["certificates"].reverse(),
    "timestampAuthorities[0].certChain.certificates[0]": lambda root: first(
        root, "timestampAuthorities"
    )["certChain"]["certificates"][0].update(rawBytes="AAAA"),
}


@pytest.mark.parametrize("field", CHANGES)
def test_a_trust_root_that_is_not_whole_is_refused(world: World, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        parse_trust_root(dump(changed(world.trusted_root(), CHANGES[field])))
    assert caught.value.field == field


def test_a_trust_root_is_read_whole(world: World) -> None:
    trust = parse_trust_root(dump(world.trusted_root()))
    assert [log.host for log in trust.logs] == [world.rekor.host, world.rekor2.host]
    assert trust.certificate_logs[0].log_id == world.ct_log.log_id
    assert [len(a.chain) for a in trust.certificate_authorities] == [2]
    assert [len(a.chain) for a in trust.timestamp_authorities] == [2]


def test_the_trust_roots_that_come_along_are_read() -> None:
    assert {log.host for log in public_good().logs} >= {"rekor.sigstore.dev"}
    assert {log.host for log in staging().logs} >= {"rekor.sigstage.dev"}


@pytest.mark.parametrize("members", [0, 257])
def test_members_are_counted(world: World, members: int) -> None:
    root = world.trusted_root()
    root["tlogs"] = root["tlogs"][:1] * members
    if members:
        with pytest.raises(FieldError):
            parse_trust_root(dump(root))
    else:
        assert parse_trust_root(dump(root)).logs == ()


def test_a_log_may_sign_its_checkpoints_under_another_id(world: World) -> None:
    root = world.trusted_root()
    for log in root["tlogs"]:
        log["checkpointKeyId"] = log["logId"]
        log["logId"] = {"keyId": b64(b"another id, which entries name")}
    trust = parse_trust_root(dump(root))
    assert [log.key_hint for log in trust.logs] == [
        world.rekor.log_id[:4],
        world.rekor2.log_id[:4],
    ]
