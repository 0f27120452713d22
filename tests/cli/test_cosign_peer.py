"""cosign as a peer: what it signs we accept, what is wrong both refuse, and where we are stricter.

Against Debian's docker-registry, which has no interface for referrers, and against
go-containerregistry's, which has. Fulcio, Rekor and the time-stamping authority are our own.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.support.peers import peer
from tests.support.registry import running_registry
from tests.support.sigstore.authority import ISSUER, NAME
from tests.support.sigstore.images import MANIFEST, Store
from tests.support.sigstore.pushed import push_store
from tests.support.sigstore.services import Services, serving, signing_config
from tests.support.sigstore.world import World, dump, pem

from sealmark.artifact.digest import Digest
from sealmark.cli.main import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Capture = pytest.CaptureFixture[str]

pytestmark = pytest.mark.peers

TESTED = "https://example.org/tested/v1"
SIGN = "https://sigstore.dev/cosign/sign/v1"
IDENTITY = ("--certificate-identity", NAME, "--certificate-oidc-issuer", ISSUER)
LEGACY = ("--new-bundle-format=false", "--use-signing-config=false")
TOKEN = ".".join(
    base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
    for part in (
        {"alg": "RS256", "typ": "JWT"},
        {"iss": ISSUER, "sub": "someone", "aud": "sigstore", "exp": 4_000_000_000, "iat": 1},
        {},
    )
)


@contextmanager
def go_registry() -> Iterator[str]:
    command = [peer("go-registry")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@dataclass(frozen=True)
class Shop:
    """A registry, a Sigstore, and cosign with a key of its own."""

    address: str
    folder: Path
    services: str

    def cosign(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "COSIGN_PASSWORD": "secret",
            "SIGSTORE_REKOR_PUBLIC_KEY": str(self.folder / "rekor.pub"),
        }
        return subprocess.run(
            [peer("cosign"), *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def signs(self, image: str, *how: str, predicate: bool = False) -> None:
        """Let cosign sign, or attest."""
        what = ("attest", "--predicate", "predicate.json", "--type", TESTED)
        done = self.cosign(*(what if predicate else ("sign",)), "--yes", *how, image)
        assert done.returncode == 0, done.stderr

    def image(self, repository: str) -> str:
        """Push an image of its own; return its name by digest."""
        store = Store()
        store.image(f"config of {repository}")
        push_store(store, self.address, repository, "1.0")
        return f"{self.address}/{repository}@{store.named.digest}"

    def tag(self, image: str, suffix: str) -> str:
        """The address of what cosign's older layout keeps beside an image."""
        name, _, digest = image.partition("@")
        repository = name.removeprefix(f"{self.address}/")
        tag = digest.replace(":", "-") + suffix
        return f"http://{self.address}/v2/{repository}/manifests/{tag}"

    def retagged(self, image: str, other: str, suffix: str) -> None:
        """Pass one image's signatures off as those of another, with all they need."""
        whole = httpx.get(self.tag(image, suffix), headers={"Accept": MANIFEST})
        here, there = (self.tag(one, suffix).partition("/manifests/")[0] for one in (image, other))
        document = whole.json()
        with httpx.Client() as client:
            for part in (document["config"], *document["layers"]):
                content = client.get(f"{here}/blobs/{part['digest']}").content
                put_blob(client, there, content)
            put_manifest(client, self.tag(other, suffix), whole.content)

    def copied(self, image: str, repository: str, suffix: str) -> str:
        """Copy an image and its signatures to another repository, as anybody might."""
        name, _, digest = image.partition("@")
        copy = f"{self.address}/{repository}@{digest}"
        store = Store()
        store.image(f"config of {name.removeprefix(self.address + '/')}")
        push_store(store, self.address, repository, "1.0")
        self.retagged(image, copy, suffix)
        return copy

    def corrupted(self, image: str, part: str) -> None:
        """Flip something in the only signature of an image."""
        address = self.tag(image, ".sig")
        with httpx.Client() as client:
            document = client.get(address, headers={"Accept": MANIFEST}).json()
            layer = document["layers"][0]
            notes = layer["annotations"]
            if part == "signature":
                name = "dev.cosignproject.cosign/signature"
                notes[name] = base64.b64encode(
                    b"0" + base64.b64decode(notes[name])[1:-1] + b"0"
                ).decode()
            elif part == "bundle":
                bundle = json.loads(notes["dev.sigstore.cosign/bundle"])
                bundle["Payload"]["integratedTime"] += 1
                notes["dev.sigstore.cosign/bundle"] = json.dumps(bundle)
            else:
                base = address.partition("/manifests/")[0]
                content = client.get(f"{base}/blobs/{layer['digest']}").content
                content = content.replace(b'"optional":null', b'"optional":{}')
                layer |= {"digest": put_blob(client, base, content), "size": len(content)}
            put_manifest(client, address, json.dumps(document).encode())

    def peer_accepts(self, image: str, *who: str) -> bool:
        """Tell whether cosign verifies a signature."""
        return self.cosign("verify", "--trusted-root", "root.json", *who, image).returncode == 0

    def we_accept(self, image: str, *who: str) -> bool:
        """Tell whether we do."""
        named = [str(self.folder / one) if one.endswith(".pub") else one for one in who]
        root = ("--trusted-root", str(self.folder / "root.json"))
        code = run(["verify", image, *root, *named])
        assert code in (0, 1)
        return code == 0


@pytest.fixture(scope="module", params=["docker-registry", "go-registry"])
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    folder, world = tmp_path_factory.mktemp("shop"), World()
    plain = PrivateFormat.PKCS8, NoEncryption()
    (folder / "plain.pem").write_bytes(world.key.private_bytes(Encoding.PEM, *plain))
    (folder / "key.pub").write_bytes(pem(world.key.public_key()))
    (folder / "other.pub").write_bytes(pem(World().key.public_key()))
    (folder / "rekor.pub").write_bytes(pem(world.rekor.key.public_key()))
    (folder / "root.json").write_bytes(dump(world.trusted_root()))
    (folder / "predicate.json").write_text('{"passed":true}')
    kind = request.param
    registry = running_registry(folder / "registry") if kind == "docker-registry" else go_registry()
    with registry as address, serving(Services(world)) as services:
        for version in (1, 2):
            (folder / f"v{version}.json").write_bytes(dump(signing_config(services, version)))
        (folder / "nobody.json").write_bytes(dump(_without_services()))
        made = Shop(address, folder, services)
        done = made.cosign("import-key-pair", "--key", "plain.pem", "--output-key-prefix", "key2")
        assert done.returncode == 0, done.stderr
        yield made


def put_blob(client: httpx.Client, base: str, content: bytes) -> str:
    digest = str(Digest.of(content))
    started = client.post(f"{base}/blobs/uploads/")
    where = httpx.URL(base).join(started.headers["location"])
    put = client.put(where.copy_merge_params({"digest": digest}), content=content)
    put.raise_for_status()
    return digest


def put_manifest(client: httpx.Client, address: str, content: bytes) -> None:
    kind = {"Content-Type": MANIFEST}
    client.put(address, content=content, headers=kind).raise_for_status()


def _without_services() -> dict[str, Any]:
    whole = signing_config("http://127.0.0.1:1", 1)
    lists = ("caUrls", "oidcUrls", "rekorTlogUrls", "tsaUrls")
    bare: dict[str, Any] = {name: [] for name in lists}
    return {**whole, **bare, "rekorTlogConfig": {}, "tsaConfig": {}}


def config(name: str) -> tuple[str, ...]:
    return "--signing-config", name, "--trusted-root", "root.json"


KEY = ("--key", "key2.key")
BY_KEY = ("--key", "key.pub")


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("keyless", [False, True])
def test_a_signature_and_an_attestation_in_the_new_layout_are_accepted(
    shop: Shop, version: int, keyless: bool, capsys: Capture
) -> None:
    image = shop.image(f"new/v{version}-{'keyless' if keyless else 'key'}")
    how = ("--identity-token", TOKEN) if keyless else KEY
    who = IDENTITY if keyless else BY_KEY
    shop.signs(image, *how, *config(f"v{version}.json"))
    assert shop.peer_accepts(image, *who)
    assert shop.we_accept(image, *who)
    assert f"says      {SIGN}" in capsys.readouterr().out
    assert not shop.we_accept(image, *who, "--predicate-type", TESTED)
    shop.signs(image, *how, *config(f"v{version}.json"), predicate=True)
    assert shop.we_accept(image, *who, "--predicate-type", TESTED)
    assert f"for       {image.partition('@')[0]}" in capsys.readouterr().out


@pytest.mark.parametrize("keyless", [False, True])
def test_a_signature_and_an_attestation_in_the_older_layout_are_accepted(
    shop: Shop, keyless: bool, capsys: Capture
) -> None:
    image = shop.image(f"old/{'keyless' if keyless else 'key'}")
    urls = ("--rekor-url", shop.services, "--timestamp-server-url", f"{shop.services}/stamp")
    token = ("--identity-token", TOKEN, "--fulcio-url", shop.services, "--insecure-skip-verify")
    how = (*LEGACY, *urls, *(token if keyless else KEY))
    who = IDENTITY if keyless else BY_KEY
    shop.signs(image, *how)
    assert shop.peer_accepts(image, *who, "--new-bundle-format=false")
    assert shop.we_accept(image, *who)
    said = capsys.readouterr().out
    assert "by rfc3161" in said
    assert "by log" in said
    assert ".sig" in said
    shop.signs(image, *how, predicate=True)
    assert shop.we_accept(image, *who, "--predicate-type", TESTED)
    assert ".att" in capsys.readouterr().out


def test_what_no_log_holds_is_accepted_only_where_that_is_waived(shop: Shop) -> None:
    new, old = shop.image("unlogged/new"), shop.image("unlogged/old")
    shop.signs(new, *KEY, *config("nobody.json"))
    shop.signs(old, *KEY, *LEGACY, "--tlog-upload=false")
    for image, layout in ((new, ()), (old, ("--new-bundle-format=false",))):
        assert not shop.peer_accepts(image, *BY_KEY, *layout)
        assert not shop.we_accept(image, *BY_KEY)
        assert shop.peer_accepts(image, *BY_KEY, *layout, "--insecure-ignore-tlog")
        assert shop.we_accept(image, *BY_KEY, "--insecure-ignore-tlog")


@pytest.mark.parametrize("who", [("--key", "other.pub"), IDENTITY])
@pytest.mark.parametrize("layout", ["new", "old"])
def test_both_refuse_another_signer(
    shop: Shop, layout: str, who: tuple[str, ...], capsys: Capture
) -> None:
    image = shop.image(f"wrong/{layout}")
    new = layout == "new"
    how = config("v1.json") if new else (*LEGACY, "--rekor-url", shop.services)
    shop.signs(image, *KEY, *how)
    assert not shop.peer_accepts(image, *who, *(() if new else ("--new-bundle-format=false",)))
    assert not shop.we_accept(image, *who)
    step = "step 4 (identity)" if who == IDENTITY else "step 5 (log)"
    assert step in capsys.readouterr().out


def test_wrong_repository_is_accepted_by_cosign_and_refused_by_us(
    shop: Shop, capsys: Capture
) -> None:
    image = shop.image("team/app")
    shop.signs(image, *KEY, *LEGACY, "--rekor-url", shop.services)
    there = shop.copied(image, "other/app", ".sig")
    assert shop.peer_accepts(there, *BY_KEY, "--new-bundle-format=false")
    assert not shop.we_accept(there, *BY_KEY)
    said = " ".join(capsys.readouterr().out.split())
    assert f"docker-reference: signed for {shop.address}/team/app, not for {there}" in said
    assert shop.we_accept(there, *BY_KEY, "--repository", f"{shop.address}/team/app")


def test_both_refuse_a_signature_swapped_in_from_another_image(shop: Shop, capsys: Capture) -> None:
    image, other = shop.image("swap/app"), shop.image("swap/other")
    shop.signs(image, *KEY, *LEGACY, "--rekor-url", shop.services)
    shop.retagged(image, other, ".sig")
    assert not shop.peer_accepts(other, *BY_KEY, "--new-bundle-format=false")
    assert not shop.we_accept(other, *BY_KEY)
    assert "step 7 (subject): payload.critical.image" in capsys.readouterr().out


@pytest.mark.parametrize("part", ["signature", "bundle", "payload"])
def test_both_refuse_a_corrupted_signature(shop: Shop, part: str, capsys: Capture) -> None:
    image = shop.image(f"corrupt/{part}")
    shop.signs(image, *KEY, *LEGACY, "--rekor-url", shop.services)
    shop.corrupted(image, part)
    assert not shop.peer_accepts(image, *BY_KEY, "--new-bundle-format=false")
    assert not shop.we_accept(image, *BY_KEY)
    assert "refused   step" in capsys.readouterr().out
