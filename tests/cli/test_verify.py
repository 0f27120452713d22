"""`sealmark verify` and `check` against a real registry, which has no interface for referrers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.registry import running_registry
from tests.support.sigstore.authority import ISSUER, NAME
from tests.support.sigstore.bundles import dsse_bundle
from tests.support.sigstore.images import INDEX, Store, about, attested, payload, simple
from tests.support.sigstore.pushed import push_store
from tests.support.sigstore.world import World, dump, pem

from sealmark.cli.main import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Capture = pytest.CaptureFixture[str]

TESTED = "https://example.org/tested/v1"
IDENTITY = ("--certificate-identity", NAME, "--certificate-oidc-issuer", ISSUER)
CONFIG: dict[str, Any] = {
    "os": "linux",
    "architecture": "amd64",
    "config": {"User": "65532"},
    "rootfs": {"type": "layers", "diff_ids": []},
}


@dataclass(frozen=True)
class Shop:
    address: str
    folder: Path
    world: World

    @property
    def app(self) -> str:
        return f"{self.address}/team/app"

    @property
    def twice(self) -> str:
        """An image that one person signed by key and by certificate."""
        return f"{self.app}:twice"

    def verify(self, *arguments: str, image: str = "") -> int:
        root = ("--trusted-root", str(self.folder / "root.json"))
        named = root if "--trust" not in arguments else ()
        return run(["verify", image or f"{self.app}:1.0", *named, *arguments])

    def key(self, *arguments: str, image: str = "") -> int:
        return self.verify("--key", str(self.folder / "key.pub"), *arguments, image=image)

    def trust(self, text: str) -> str:
        path = self.folder / "trust.toml"
        path.write_text(f'trusted-root = "root.json"\n{text}')
        return str(path)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder, world = tmp_path_factory.mktemp("shop"), World()
    alice = world.with_another_key()
    (folder / "root.json").write_bytes(dump(world.trusted_root()))
    (folder / "key.pub").write_bytes(pem(alice.key.public_key()))
    (folder / "other.pub").write_bytes(pem(World().key.public_key()))
    with running_registry(folder / "registry") as address:
        name = f"{address}/team/app"
        store = Store()
        image = store.image(json.dumps(CONFIG))
        store.sign(
            image,
            simple(alice, payload(image, name), key=True),
            simple(world, payload(image, name)),
            attested(alice, about(image, TESTED, name=name), key=True),
        )
        store.refer(image, dump(dsse_bundle(world, payload=about(image))))
        store.refer(image, b"x", "application/vnd.cncf.notary.signature")
        push_store(store, address, "team/app", "1.0")
        push_store(store, address, "other/app", "1.0")
        twice = Store()
        again = twice.image(json.dumps({**CONFIG, "created": "2026-01-01T00:00:00Z"}))
        twice.sign(
            again,
            simple(world, payload(again, name), key=True),
            simple(world, payload(again, name)),
        )
        push_store(twice, address, "team/app", "twice")
        unsigned = Store()
        unsigned.image(json.dumps({**CONFIG, "architecture": "arm64"}))
        push_store(unsigned, address, "team/app", "0.9")
        many = Store(manifests=dict(store.manifests), blobs=dict(store.blobs))
        child: dict[str, Any] = {"mediaType": image.media_type, "digest": str(image.digest)}
        child |= {"size": len(image.content), "platform": {"os": "linux", "architecture": "amd64"}}
        lone = unsigned.named
        other: dict[str, Any] = {
            "mediaType": lone.media_type,
            "digest": str(lone.digest),
            "size": len(lone.content),
        }
        other["platform"] = {"os": "linux", "architecture": "arm64"}
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [child, other]}
        many.manifests |= unsigned.manifests
        many.blobs |= unsigned.blobs
        many.named = many.put(index)
        many.sign(many.named, simple(world, payload(many.named, name)))
        push_store(many, address, "team/app", "all")
        yield Shop(address, folder, world)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEALMARK_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def flowing(capsys: Capture) -> str:
    """What was said, whatever the width at which it was wrapped."""
    return " ".join(capsys.readouterr().out.split())


def test_a_signed_image_is_verified_by_key_and_by_identity(shop: Shop, capsys: Capture) -> None:
    assert shop.key() == 0
    said = capsys.readouterr().out
    assert said.startswith(f"VERIFIED  {shop.app}:1.0\nsha256:")
    assert "left out  of another kind, 'application/vnd.cncf.notary.signature'" in said
    assert shop.verify(*IDENTITY) == 0
    assert f"  identity  {NAME}\n  issuer    {ISSUER}\n" in capsys.readouterr().out


def test_the_answer_for_programs_holds_everything(shop: Shop, capsys: Capture) -> None:
    assert shop.key("--format", "json", "--predicate-type", TESTED) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["schema"], answer["verified"]) == ("sealmark/verification/v1", True)
    (target,) = answer["targets"]
    seen = target["signatures"]
    assert [one.get("predicate_type", "") for one in seen["verified"]] == ["", TESTED]
    assert [one["repository"] for one in seen["verified"]] == [shop.app] * 2
    assert [one["step_name"] for one in seen["refused"]] == ["identity"] * 2
    assert seen["demands"][0]["signed"] == [str(shop.folder / "key.pub")]


def test_another_key_is_refused_with_the_step(shop: Shop, capsys: Capture) -> None:
    assert shop.verify("--key", str(shop.folder / "other.pub")) == 1
    said = flowing(capsys)
    assert said.startswith("REFUSED ")
    assert "step 5 (log): annotation dev.sigstore.cosign/bundle.canonicalizedBody" in said
    assert "next: see why claims were refused, or sign again" in said


def test_an_image_copied_to_another_repository_is_refused_there(
    shop: Shop, capsys: Capture
) -> None:
    image = f"{shop.address}/other/app:1.0"
    assert shop.key(image=image) == 1
    said = flowing(capsys)
    assert f"signed for {shop.app}, not for {image}" in said
    assert shop.key("--repository", shop.app, image=image) == 0


def test_an_image_without_signatures_is_refused(shop: Shop, capsys: Capture) -> None:
    assert shop.key(image=f"{shop.app}:0.9") == 1
    assert "there is none next: sign the image" in flowing(capsys)


def test_a_statement_of_another_type_does_not_count(shop: Shop, capsys: Capture) -> None:
    assert shop.key("--predicate-type", "https://slsa.dev/provenance/v1") == 1
    assert "asks for a statement https://slsa.dev/provenance/v1" in flowing(capsys)


def test_an_index_is_verified_itself_or_with_each_of_its_images(
    shop: Shop, capsys: Capture
) -> None:
    image = f"{shop.app}:all"
    assert shop.verify(*IDENTITY, image=image) == 0
    assert shop.verify(*IDENTITY, "--platform", "linux/arm64", image=image) == 0
    assert shop.key("--platform", "linux/amd64", image=image) == 0
    assert shop.key(image=image) == 1
    capsys.readouterr()
    assert shop.verify(*IDENTITY, "--each-platform", "--format", "json", image=image) == 1
    targets = json.loads(capsys.readouterr().out)["targets"]
    assert [(one["platform"], bool(one["missing"])) for one in targets] == [
        (None, False),
        ("linux/amd64", False),
        ("linux/arm64", True),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--certificate-identity", "x"),
        ("--key", "KEY", *IDENTITY),
        ("--key", "KEY", "--trust", "KEY"),
        ("--key", "KEY", "--platform", "linux/amd64", "--each-platform"),
        ("--key", "KEY", "--repository", "No Name"),
    ],
)
def test_who_must_have_signed_is_said_once(shop: Shop, arguments: tuple[str, ...]) -> None:
    named = [str(shop.folder / "key.pub") if one == "KEY" else one for one in arguments]
    assert run(["verify", f"{shop.app}:1.0", *named]) == 3


def test_what_cannot_be_signed_and_what_cannot_be_read(shop: Shop) -> None:
    assert shop.key(image="sbom:x.json") == 3
    assert shop.verify("--key", "no-such-file") == 4
    assert shop.verify("--key", str(shop.folder / "root.json")) == 4


def test_roles_of_the_trust_file_must_be_fulfilled(shop: Shop, capsys: Capture) -> None:
    signers = f"""
        [signers.alice]
        key = "key.pub"
        [signers.ci]
        identity = "{NAME}"
        issuer = "{ISSUER}"
        [signers.bob]
        key = "other.pub"
    """
    both = shop.trust(f'{signers}\n[roles.release]\nsigners = ["alice", "ci"]\nthreshold = 2')
    assert shop.verify("--trust", both) == 0
    bob = shop.trust(f'{signers}\n[roles.release]\nsigners = ["alice", "bob"]\nthreshold = 2')
    assert shop.verify("--trust", bob) == 1
    assert "by 2 of alice, bob: there is one by alice only" in flowing(capsys)
    role = '[roles.release]\nsigners = ["alice"]\nrepositories = ["registry.example/*"]'
    elsewhere = shop.trust(f"{signers}\n{role}")
    assert shop.verify("--trust", elsewhere) == 1
    assert "nobody is trusted to sign for" in flowing(capsys)


def test_a_certificate_over_a_signers_own_key_makes_no_second_signer(
    shop: Shop, capsys: Capture
) -> None:
    (shop.folder / "same.pub").write_bytes(pem(shop.world.key.public_key()))
    signers = f"""
        [signers.ci]
        identity = "{NAME}"
        issuer = "{ISSUER}"
        [signers.same]
        key = "same.pub"
        without-log = true
    """
    role = '[roles.release]\nsigners = ["ci", "same"]\nthreshold = 2'
    assert shop.verify("--trust", shop.trust(f"{signers}\n{role}"), image=shop.twice) == 1
    assert "by 2 of ci, same: there is one by ci only" in flowing(capsys)


def check(shop: Shop, *arguments: str, tag: str = "1.0") -> int:
    platform = ("--platform", "linux/arm64" if tag == "0.9" else "linux/amd64")
    return run(["check", f"{shop.app}:{tag}", *platform, "--format", "json", *arguments])


def reasons(capsys: Capture, control: str = "signed-by") -> list[str]:
    judgement = json.loads(capsys.readouterr().out)["decision"]["judgement"]
    found = (*judgement.get("reasons", ()), *judgement.get("unknowns", ()))
    return [one["message"] for one in found if one["control"] == control]


def test_check_asks_the_signers_of_the_trust_file_and_records_what_it_saw(
    shop: Shop, home: Path, capsys: Capture
) -> None:
    path = shop.trust('[signers.alice]\nkey = "key.pub"\n[roles.release]\nsigners = ["alice"]')
    check(shop, "--trust", path)
    answer = json.loads(capsys.readouterr().out)
    kinds = [body["kind"] for body in answer["decision"]["judgement"]["evidence"]]
    assert kinds[-1] == "signatures"
    assert answer["evidence"]["signatures"]["demands"][0]["signed"] == ["alice"]
    check(shop, "--trust", path, tag="all")
    assert reasons(capsys) == []
    assert check(shop, "--trust", path, tag="0.9") == 1
    assert reasons(capsys) == ["role release asks for a signature by alice: there is none"]
    (home / "config").mkdir()
    for name in ("trust.toml", "root.json", "key.pub"):
        (home / "config" / name).write_bytes((shop.folder / name).read_bytes())
    assert check(shop, tag="0.9") == 1
    assert len(reasons(capsys)) == 1


def test_without_a_trust_file_check_asks_nobody_and_says_so(shop: Shop, capsys: Capture) -> None:
    run(["check", f"{shop.app}:1.0", "--platform", "linux/amd64"])
    assert "Signatures were not asked for: no signer is configured." in capsys.readouterr().out
    run(["scan", f"{shop.app}:1.0", "--platform", "linux/amd64"])
    assert "nobody asked about signatures: no signer is configured" in capsys.readouterr().out
    path = shop.trust('[signers.alice]\nkey = "other.pub"\n[roles.release]\nsigners = ["alice"]')
    run(["check", f"{shop.app}:1.0", "--platform", "linux/amd64", "--trust", path])
    assert "No signature is trusted. 4 claims refused." in capsys.readouterr().out
    run(["scan", f"{shop.app}:1.0", "--platform", "linux/amd64", "--trust", path])
    assert "Signatures: 0 trusted" in capsys.readouterr().out


def test_what_keeps_no_signatures_is_not_taken_for_signed(
    shop: Shop, tmp_path: Path, capsys: Capture
) -> None:
    path = shop.trust('[signers.alice]\nkey = "key.pub"\n[roles.release]\nsigners = ["alice"]')
    bill = tmp_path / "bill.json"
    bill.write_text('{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}')
    assert run(["check", f"sbom:{bill}", "--format", "json", "--trust", path]) == 2
    assert reasons(capsys) == ["signers are configured, and nobody looked for signatures"]
