"""The trust file means what it says, or is refused; roles count distinct signers."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.attest.test_discovery import by_key, examined, refusal
from tests.support.sigstore.authority import ISSUER, NAME
from tests.support.sigstore.bundles import dsse_bundle
from tests.support.sigstore.checking import NOW
from tests.support.sigstore.images import REPOSITORY, Store, about, payload, simple
from tests.support.sigstore.world import WHEN, World, dump, pem

from sealmark.artifact.repository import parse_image_name
from sealmark.attest.discovery import discover
from sealmark.attest.examine import examine
from sealmark.attest.identity import Exactly, Under
from sealmark.attest.trust import Role, Signer, Trust
from sealmark.attest.trust_root import TrustRoot, Window, parse_trust_root
from sealmark.attest.trust_table import parse_trust
from sealmark.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

WHOLE = """
trusted-root = "root.json"

[signers.alice]
key = "alice.pub"
from = 2024-01-01
until = 2026-01-01T00:00:00Z
without-log = true

[signers.ci]
identity = "https://git.example/app"
issuer = "https://issuer.example"

[signers.robots]
identity-prefix = "https://git.example/"
issuer = "https://issuer.example"
without-sct = true

[roles.release]
signers = ["alice", "ci"]
threshold = 2
repositories = ["registry.example/team/*", "registry.example/app"]

[roles.tests]
signers = ["robots"]
predicate-type = "https://example.org/tested/v1"
"""


@pytest.fixture(scope="module")
def files(world: World) -> Mapping[str, bytes]:
    return {
        "alice.pub": pem(world.key.public_key()),
        "other.pub": pem(World().key.public_key()),
        "root.json": dump(world.trusted_root()),
        "bad.json": b"{}",
    }


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def parsed(text: str, files: Mapping[str, bytes]) -> Trust:
    return parse_trust(tomllib.loads(text), files.__getitem__, TrustRoot())


def test_a_whole_trust_file_is_read(files: Mapping[str, bytes]) -> None:
    trust = parsed(WHOLE, files)
    alice, ci, robots = trust.signers
    start, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    assert (alice.window, alice.unsafe_without_log) == (Window(start, end), True)
    assert ci.by == Exactly("https://git.example/app", "https://issuer.example")
    assert robots.by == Under("https://git.example/", "https://issuer.example")
    assert (robots.unsafe_without_sct, robots.unsafe_without_log) == (True, False)
    release, tests = trust.roles
    assert (release.threshold, release.predicate_type) == (2, "")
    assert tests == Role("tests", ("robots",), 1, ("*",), "https://example.org/tested/v1")
    assert trust.root == parse_trust_root(files["root.json"])


def test_a_key_may_stand_in_the_file_itself(files: Mapping[str, bytes]) -> None:
    inline = {
        "signers": {"a": {"key": files["alice.pub"].decode()}},
        "roles": {"r": {"signers": ["a"]}},
    }
    named = {**inline, "signers": {"a": {"key": "alice.pub"}}}
    trusts = [parse_trust(table, files.__getitem__, TrustRoot()) for table in (inline, named)]
    assert trusts[0] == trusts[1]
    assert trusts[0].digest == trusts[1].digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("threshold = 2", "threshold = 1"),
        ("without-log = true", "without-log = false"),
        ("without-sct = true", "without-sct = false"),
        ("2024-01-01", "2024-01-02"),
        ('"alice.pub"', '"other.pub"'),
        ("git.example/app", "git.example/apps"),
        ("team/*", "teams/*"),
        ("tested/v1", "tested/v2"),
        ('signers = ["alice", "ci"]', 'signers = ["robots", "ci"]'),
        ('trusted-root = "root.json"', ""),
    ],
)
def test_whatever_changes_what_is_trusted_changes_the_digest(
    files: Mapping[str, bytes], old: str, new: str
) -> None:
    assert old in WHOLE
    assert parsed(WHOLE.replace(old, new), files).digest != parsed(WHOLE, files).digest


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("threshold = 2", "threshold = 3", "roles.release.threshold: expected 1 to 2"),
        ("threshold = 2", "threshold = 0", "roles.release.threshold"),
        ("threshold = 2", "threshold = true", "roles.release.threshold"),
        ("threshold = 2", "treshold = 2", "'treshold' is not one of"),
        ('["alice", "ci"]', '["alice", "bob"]', "no signer is called bob"),
        ('["alice", "ci"]', '["alice", "alice"]', "expected 1 to 1"),
        ('["alice", "ci"]', "[]", "expected a list"),
        ('"alice.pub"', '"root.json"', "signers.alice.key: not a public key"),
        ('key = "alice.pub"', 'key = "alice.pub"\nissuer = "x"', "a key has none"),
        ('key = "alice.pub"', "", "expected one of key"),
        ('key = "alice.pub"', 'key = ""', "signers.alice.key: expected a text"),
        ('issuer = "https://issuer.example"', "", "an identity has an issuer"),
        ("git.example/\"", 'git.example"', "must end in / or @"),
        ("2024-01-01", "2027-01-01", "ends before it starts"),
        ("2024-01-01", '"soon"', "not an RFC 3339 time"),
        ("without-log = true", 'without-log = "yes"', "expected true or false"),
        ("team/*", "te*m", "is not host/name"),
        ("team/*", "*/app", "is not host/name"),
        ('trusted-root = "root.json"', 'trusted-root = "bad.json"', "trusted-root: bad.json"),
        ('trusted-root = "root.json"', "trust = 1", "'trust' is not one of"),
        ("[signers.ci]", '[signers.a2]\nkey = "alice.pub"\n[signers.ci]', "same key or identity"),
    ],
)  # fmt: skip
def test_a_trust_file_that_makes_no_sense_is_refused(
    files: Mapping[str, bytes], old: str, new: str, why: str
) -> None:
    assert old in WHOLE
    with pytest.raises(UsageError) as caught:
        parsed(WHOLE.replace(old, new, 1), files)
    assert why in str(caught.value)


@pytest.mark.parametrize("text", ["", "signers = 1\nroles = 2", "roles = {r = 1}"])
def test_a_trust_file_that_asks_nobody_is_refused(files: Mapping[str, bytes], text: str) -> None:
    with pytest.raises(UsageError):
        parsed(text, files)


@pytest.mark.parametrize(
    ("pattern", "name", "speaks"),
    [
        ("*", "", True),
        ("registry.example/team/*", "", None),
        ("registry.example/team/*", "registry.example/team/app:1", True),
        ("registry.example/team/*", "registry.example/team/sub/app", True),
        ("registry.example/team/*", "registry.example/teams/app", False),
        ("registry.example/team/*", "registry.example/team", False),
        ("registry.example/app", "registry.example/app@sha256:" + "0" * 64, True),
        ("registry.example/app", "registry.example/app2", False),
        ("registry.example/app", "app", False),
        ("docker.io/library/debian", "debian:12", True),
    ],
)
def test_a_role_speaks_for_its_repositories(pattern: str, name: str, speaks: bool | None) -> None:
    role = Role("r", ("a",), repositories=(pattern,))
    assert role.speaks_for(parse_image_name(name) if name else None) is speaks


def two_of(world: World, other: World, *signers: Signer) -> Trust:
    roots = [world.trusted_root(), other.trusted_root()]
    both = {**roots[0]} | {
        name: roots[0][name] + roots[1][name] for name in roots[0] if name != "mediaType"
    }
    role = Role("release", tuple(signer.name for signer in signers), 2)
    return Trust(signers, (role,), parse_trust_root(dump(both)))


def signed(store: Store, trust: Trust, now: datetime = NOW) -> tuple[str, ...]:
    seen = examine([discover(store, store.named)], trust, parse_image_name(REPOSITORY), now)
    return seen.demands[0].signed


def test_two_of_two_take_two_distinct_keys(world: World) -> None:
    other, store = World(), Store()
    image = store.image()
    trust = two_of(world, other, by_key(world), by_key(other, "bob"))
    store.sign(image, *(simple(world, payload(image), key=True) for _ in range(2)))
    assert signed(store, trust) == ("alice",)
    store.refer(image, dump(dsse_bundle(other, payload=about(image), key=True)))
    assert signed(store, trust) == ("alice", "bob")


def test_one_identity_counts_once_however_many_names_cover_it(world: World) -> None:
    store = Store()
    image = store.image()
    exact = Signer("exact", Exactly(NAME, ISSUER))
    wide = Signer("wide", Under("https://git.example/", ISSUER))
    store.sign(image, *(simple(world, payload(image)) for _ in range(3)))
    trust = two_of(world, World(), exact, wide)
    assert signed(store, trust) == ("exact",)


def test_signatures_on_an_index_and_on_its_image_count_together(world: World) -> None:
    other, store = World(), Store()
    image, index = store.image("image"), store.image("index")
    store.sign(image, simple(world, payload(image), key=True))
    store.sign(index, simple(other, payload(index), key=True))
    trust = two_of(world, other, by_key(world), by_key(other, "bob"))
    found = [discover(store, index), discover(store, image)]
    assert examine(found, trust, None, NOW).demands[0].signed == ("alice", "bob")


@pytest.mark.parametrize(
    ("window", "holds"),
    [
        (Window(None, WHEN), True),
        (Window(WHEN, None), True),
        (Window(None, WHEN - timedelta(seconds=1)), False),
        (Window(WHEN + timedelta(seconds=1), None), False),
    ],
)
def test_a_signer_counts_while_trusted_by_the_time_of_the_signature(
    world: World, window: Window, holds: bool
) -> None:
    store = Store()
    store.sign(store.image(), simple(world, payload(store.named), key=True))
    seen = examined(store, world, by_key(world, window=window))
    if holds:
        assert (seen.verified[0].signers, seen.demands[0].until) == (("alice",), None)
    else:
        assert refusal(seen) == (
            4, "the signer's time", "alice was not trusted at 2024-06-01T12:00:00Z"
        )  # fmt: skip


def test_without_a_trusted_time_a_signer_counts_while_trusted_now_and_no_longer(
    world: World,
) -> None:
    store = Store()
    store.sign(store.image(), simple(world, payload(store.named), key=True, logged=False))
    ends: dict[str, Any] = {"window": Window(None, NOW), "unsafe_without_log": True}
    seen = examined(store, world, by_key(world, **ends))
    assert (seen.demands[0].signed, seen.demands[0].until) == (("alice",), "2024-07-01T00:00:00Z")
    ended = {**ends, "window": Window(None, NOW - timedelta(seconds=1))}
    assert "not trusted" in refusal(examined(store, world, by_key(world, **ended)))[2]
