"""`sealmark verify oci:DIR`: everything comes from disk, and what is altered there is refused."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.forge import sha256
from tests.support.sigstore.authority import ISSUER, NAME
from tests.support.sigstore.checking import NOW
from tests.support.sigstore.files import TESTED, TRUST, signed_image, write_signed
from tests.support.sigstore.laid_out import lay_out
from tests.support.sigstore.world import World

from sealmark.adapters.oci_layout import OciLayout
from sealmark.artifact.reference import Reference
from sealmark.cli.main import run
from sealmark.cli.trusted import Asking, gather, load_trust
from sealmark.policy.controls.signatures import shortcomings

if TYPE_CHECKING:
    from pathlib import Path

    Capture = pytest.CaptureFixture[str]

KEY = ("--key", "release.pub", "--trusted-root", "trusted_root.json")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_signed(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEALMARK_HOME", str(tmp_path / "state"))
    return tmp_path


def flowing(capsys: Capture) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_no_socket_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    assert run(["verify", "oci:app:1.0", *KEY]) == 0
    assert run(["verify", "oci:app:1.0", *KEY, "--predicate-type", TESTED]) == 0


def test_the_only_image_of_a_layout_needs_no_name() -> None:
    assert run(["verify", "oci:app", *KEY]) == 0


def test_a_role_about_a_repository_needs_the_images_name(folder: Path, capsys: Capture) -> None:
    assert TRUST in (folder / "trust.toml").read_text()
    trust = ("verify", "oci:app:1.0", "--trust", "trust.toml")
    assert run([*trust, "--repository", "registry.example/team/app"]) == 0
    assert run(list(trust)) == 1
    assert "next: say which repository it is for: --repository" in flowing(capsys)
    assert run([*trust, "--repository", "registry.example/team/other"]) == 1
    assert "registry.example/team/app, not for registry.example/team/other" in flowing(capsys)


def test_a_layout_of_another_world_is_refused(folder: Path, capsys: Capture) -> None:
    foreign = World()
    lay_out(signed_image(foreign, foreign), folder / "foreign", "1.0")
    assert run(["verify", "oci:foreign:1.0", *KEY]) == 1
    why = "dev.sigstore.cosign/bundle.canonicalizedBody: spec.signature.publicKey: the entry was"
    assert f"step 5 (log): annotation {why} logged for another key" in flowing(capsys)
    named = ("--certificate-identity", NAME, "--certificate-oidc-issuer", ISSUER)
    assert run(["verify", "oci:foreign:1.0", *named, "--trusted-root", "trusted_root.json"]) == 1
    assert "step 1 (time): verificationMaterial.tlogEntries[0].logId: no log" in flowing(capsys)


def test_a_blob_that_is_not_what_it_was_is_refused_by_its_digest(
    folder: Path, capsys: Capture
) -> None:
    index = json.loads((folder / "app" / "index.json").read_text())
    (signature,) = (one for one in index["manifests"] if _name(one).endswith(".sig"))
    blobs = folder / "app" / "blobs" / "sha256"
    manifest = json.loads((blobs / signature["digest"].partition(":")[2]).read_bytes())
    payload = blobs / manifest["layers"][0]["digest"].partition(":")[2]
    payload.write_bytes(payload.read_bytes().replace(b"team", b"evil"))
    assert sha256(payload.read_bytes()).partition(":")[2] != payload.name
    assert run(["verify", "oci:app:1.0", *KEY]) == 1
    assert f"blob: expected sha256:{payload.name}, got" in flowing(capsys)


def _name(entry: dict[str, Any]) -> str:
    name: str = entry.get("annotations", {}).get("org.opencontainers.image.ref.name", "")
    return name


def test_a_place_that_keeps_no_signatures_says_so(folder: Path, capsys: Capture) -> None:
    index = json.loads((folder / "app" / "index.json").read_text())
    index["manifests"] = index["manifests"][:1]
    (folder / "app" / "index.json").write_text(json.dumps(index))
    source = OciLayout(folder / "app")
    raw = source.manifest(None)

    class Bare:
        """What an archive of Docker's hands out: manifests and blobs."""

        manifest, blob = source.manifest, source.blob

    asking = Asking(load_trust(folder / "trust.toml"), "registry.example/team/app", NOW)
    seen = gather(Bare(), Reference("docker-archive", "app.tar"), [raw], asking)
    assert [one.why for one in seen.left_alone] == ["a docker-archive keeps no signatures"]
    assert [one.message for one in shortcomings(seen)] == [
        "role release asks for a signature by 2 of alice, ci: there is none"
    ]
