"""What strangers hand in: refused in one clear line and recorded, or seen as a runtime sees it."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.forge import CONFIG, INDEX, MANIFEST, TAR, Forge, pack, sha256, special, tar
from tests.support.shop import OS_RELEASE, PASSWD, dpkg_status

from sealmark.cli.main import run
from sealmark.ledger.log import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.forge import Descriptor, Forged

    Capture = pytest.CaptureFixture[str]

BASE = tar(
    ("etc/os-release", OS_RELEASE),
    ("etc/passwd", PASSWD),
    ("var/lib/dpkg/status", dpkg_status("3.0.8-1")),
)
NOWHERE = "sha256:" + "0" * 64


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forge:
    monkeypatch.setenv("SEALMARK_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return Forge(tmp_path / "image")


def entries(forge: Forge) -> list[dict[str, Any]]:
    log = Ledger.open(forge.layout.parent / "state" / "data" / "ledger")
    return [json.loads(log.entry(index)) for index in range(log.size)]


def truncated(kind: str) -> Callable[[Forge], Descriptor]:
    def build(forge: Forge) -> Descriptor:
        return forge.image(forge.layer(BASE, kind, pack(BASE, kind)[:-30]))

    return build


def corrupt(kind: str) -> Callable[[Forge], Descriptor]:
    def build(forge: Forge) -> Descriptor:
        stored = bytearray(pack(BASE, kind))
        for at in range(len(stored) // 2, len(stored) // 2 + 8):
            stored[at] ^= 0xA5
        return forge.image(forge.layer(BASE, kind, bytes(stored)))

    return build


def not_what_it_says(forge: Forge) -> Descriptor:
    return forge.image(forge.layer(BASE, "gzip", BASE))


def cut_tar(forge: Forge) -> Descriptor:
    return forge.image(forge.layer(BASE[:700]))


def noise_for_tar(forge: Forge) -> Descriptor:
    return forge.image(forge.layer(bytes(range(1, 256)) * 10))


def replaced_blob(forge: Forge) -> Descriptor:
    layer = forge.layer(BASE)
    forge.path(layer.descriptor["digest"]).write_bytes(pack(tar(("evil", b"1")), "gzip"))
    return forge.image(layer)


def missing_blob(forge: Forge) -> Descriptor:
    layer = forge.layer(BASE)
    forge.path(layer.descriptor["digest"]).unlink()
    return forge.image(layer)


def wrong_diff_id(forge: Forge) -> Descriptor:
    layer = forge.layer(BASE)
    other = type(layer)(layer.descriptor, NOWHERE)
    return forge.image(other)


def replaced_config(forge: Forge) -> Descriptor:
    image = forge.image(forge.layer(BASE))
    config = json.loads(forge.path(image["digest"]).read_text())["config"]
    path = forge.path(config["digest"])
    path.write_bytes(path.read_bytes().replace(b"65532", b"10001"))
    return image


def replaced_manifest(forge: Forge) -> Descriptor:
    image = forge.image(forge.layer(BASE))
    path = forge.path(image["digest"])
    path.write_bytes(path.read_bytes() + b" ")
    return image


def replaced_manifest_in_index(forge: Forge) -> Descriptor:
    index = forge.index(forge.image(forge.layer(BASE)))
    (image,) = json.loads(forge.path(index["digest"]).read_text())["manifests"]
    path = forge.path(image["digest"])
    path.write_bytes(path.read_bytes() + b" ")
    return index


def more_layers_than_digests(forge: Forge) -> Descriptor:
    layer = forge.layer(BASE)
    return forge.image(layer, layers=[layer.descriptor, layer.descriptor])


def unknown_layer_type(forge: Forge) -> Descriptor:
    layer = forge.layer(BASE)
    return forge.image(layer, layers=[{**layer.descriptor, "mediaType": "application/x-squashfs"}])


def unknown_manifest_type(forge: Forge) -> Descriptor:
    return forge.document({"schemaVersion": 2, "mediaType": "application/x-cake"}, MANIFEST)


def cake_for_image(forge: Forge) -> Descriptor:
    document = {"schemaVersion": 2, "mediaType": "application/x-cake"}
    return forge.document(document, "application/x-cake")


def absurd_layer_size(forge: Forge) -> Descriptor:
    layer = forge.layer(BASE)
    return forge.image(layer, layers=[{**layer.descriptor, "size": 1 << 62}])


def absurd_config_size(forge: Forge) -> Descriptor:
    config = {"mediaType": CONFIG, "digest": NOWHERE, "size": 1 << 40}
    return forge.image(forge.layer(BASE), config=config)


def absurd_file_size(forge: Forge) -> Descriptor:
    header = bytearray(tar(("x", b""))[:512])
    header[124:136] = b"\x80" + b"\x7f" * 11
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return forge.image(forge.layer(bytes(header)))


def foreign_index(forge: Forge) -> Descriptor:
    image = forge.image(forge.layer(BASE))
    return forge.index({**image, "platform": {"os": "plan9", "architecture": "mips"}})


def foreign_index_with_escapes(forge: Forge) -> Descriptor:
    image = forge.image(forge.layer(BASE))
    return forge.index({**image, "platform": {"os": "\x1b[2J\nALLOW", "architecture": "plan9"}})


def deep_index(forge: Forge) -> Descriptor:
    entry = forge.image(forge.layer(BASE))
    for _ in range(6):
        entry = forge.index(entry)
    return entry


def index_that_names_itself(forge: Forge) -> Descriptor:
    # No bytes hold their own digest; the blob of this name holds an index that names it.
    looped = {"mediaType": INDEX, "digest": NOWHERE, "size": 300}
    entry = forge.index(looped)
    forge.path(NOWHERE).write_bytes(forge.path(entry["digest"]).read_bytes())
    return entry


def image_and_index_in_one(forge: Forge) -> Descriptor:
    return forge.image(forge.layer(BASE), manifests=[])


def noise_for_manifest(forge: Forge) -> Descriptor:
    return forge.put(b"\xff\xfe{}", MANIFEST)


def bottomless_config(forge: Forge) -> Descriptor:
    config = forge.put(b'{"config":{"Healthcheck":{"a":' + b"[" * 200_000, CONFIG)
    return forge.image(forge.layer(BASE), config=config)


def configured(text: str) -> Callable[[Forge], Descriptor]:
    """An image with a configuration of this text; no honest tool writes one."""

    def build(forge: Forge) -> Descriptor:
        start = '{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]},'
        return forge.image(config=forge.put((start + text + "}").encode(), CONFIG))

    return build


def layers_in_two_spellings(forge: Forge) -> Descriptor:
    return forge.image(forge.layer(BASE), Layers=[])


REFUSED = [
    (configured('"config":{"User":"65532","user":"0"}'), "'user' may or may not be 'User'"),
    (configured('"config":{"User":"65532","u\\u017fer":"0"}'), "may or may not be 'User'"),
    (configured('"config":{"User":"65532"},"CONFIG":{"User":"0"}'), "'CONFIG' may or may not"),
    (configured('"config":{"User":"0","User":"65532"}'), "'User' stands twice"),
    (configured('"config":{"Env":["A=1"]},"config":{"User":"65532"}'), "'config' stands twice"),
    (configured('"history":[{"Created_By":"x"}]'), "'Created_By' may or may not"),
    (layers_in_two_spellings, "'Layers' may or may not be 'layers'"),
    (truncated("gzip"), "layer sha256:"),
    (truncated("zstd"), "layer sha256:"),
    (corrupt("gzip"), "layer sha256:"),
    (corrupt("zstd"), "layer sha256:"),
    (not_what_it_says, "gzip stream is damaged"),
    (cut_tar, "stream ends inside"),
    (noise_for_tar, "layer sha256:"),
    (replaced_blob, "expected "),
    (missing_blob, "No such file"),
    (wrong_diff_id, "diff_id"),
    (replaced_config, "image configuration: expected sha256:"),
    (replaced_manifest, "manifest: expected sha256:"),
    (replaced_manifest_in_index, "manifest: expected sha256:"),
    (more_layers_than_digests, "2 layers"),
    (unknown_layer_type, "application/x-squashfs"),
    (unknown_manifest_type, "application/x-cake"),
    (cake_for_image, "application/x-cake"),
    (absurd_layer_size, "absurd size"),
    (absurd_config_size, "larger than"),
    (absurd_file_size, "absurd number"),
    (foreign_index, "plan9/mips"),
    (foreign_index_with_escapes, "ALLOW/plan9"),
    (deep_index, "nested deeper"),
    (index_that_names_itself, "manifest: expected"),
    (image_and_index_in_one, "ambiguous"),
    (noise_for_manifest, "manifest cannot be read"),
    (bottomless_config, "image configuration cannot be read"),
]


def refused(forge: Forge, image: Descriptor, capsys: Capture) -> str:
    """Check `image`; it must be refused in one line, and the refusal is all that is kept."""
    forge.offer(image)
    assert run(["check", "oci:image", "--platform", "linux/amd64"]) == 4
    said = capsys.readouterr()
    assert said.out == ""
    line = said.err.removesuffix("\n")
    assert line.isprintable()
    assert line.startswith("sealmark: ")
    (entry,) = entries(forge)
    assert entry["schema"] == "sealmark/entry/refusal/v1"
    assert entry["verdict"] == "deny"
    assert "evidence" not in entry
    state = forge.layout.parent / "state"
    assert [file for file in (state / "cache").rglob("*") if file.is_file()] == []
    return line


@pytest.mark.parametrize(
    ("build", "why"), REFUSED, ids=[f"{i}-{why.strip(': ')}" for i, (_, why) in enumerate(REFUSED)]
)
def test_what_cannot_be_trusted_is_refused_in_one_line_and_leaves_no_evidence(
    forge: Forge, build: Callable[[Forge], Descriptor], why: str, capsys: Capture
) -> None:
    assert why in refused(forge, build(forge), capsys)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_decompression_bomb_is_refused(forge: Forge, kind: str, capsys: Capture) -> None:
    header = tarfile.TarInfo("zeros")
    header.size = 8 << 30
    member = pack(bytes(64 << 20), kind)
    bomb = pack(header.tobuf(), kind) + member * 40
    layer = forge.layer(b"", kind, bomb)
    assert "bomb" in refused(forge, forge.image(layer), capsys)


def test_labels_may_differ_by_case_and_unknown_fields_be_spelt_anyhow(
    forge: Forge, capsys: Capture
) -> None:
    text = '"config":{"Labels":{"a":"1","A":"2"},"onbuild":[]},"docker_Version":"1"'
    forge.offer(configured(text)(forge))
    run(["check", "oci:image", "--platform", "linux/amd64", "--format", "json"])
    assert json.loads(capsys.readouterr().out)["evidence"]["settings"]["labels"] == {
        "A": "2",
        "a": "1",
    }


@pytest.mark.parametrize("name", ["index.json", "oci-layout"])
def test_a_damaged_layout_is_named(forge: Forge, name: str, capsys: Capture) -> None:
    forge.offer(forge.image(forge.layer(BASE)))
    (forge.layout / name).unlink()
    assert run(["check", "oci:image"]) == (4 if name == "index.json" else 3)
    assert name in capsys.readouterr().err


def looked_at(forge: Forge, capsys: Capture, *layers: Forged) -> dict[str, Any]:
    """Check an image; it must be judged. Return the evidence."""
    forge.offer(forge.image(*layers))
    assert run(["check", "oci:image", "--platform", "linux/amd64", "--format", "json"]) in (0, 1, 2)
    (entry,) = entries(forge)
    assert entry["schema"] == "sealmark/entry/decision/v1"
    evidence: dict[str, Any] = json.loads(capsys.readouterr().out)["evidence"]
    return evidence


def packages(evidence: dict[str, Any]) -> set[str]:
    return {component["name"] for component in evidence["inventory"].get("components", ())}


BOTH = {"base-files", "libssl3"}
ONE = dpkg_status("3.0.8-1").split(b"\n\n")[0] + b"\n"
STATUS = "var/lib/dpkg/status"


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        pytest.param((), set(), id="no layers"),
        pytest.param((tar(),), set(), id="a layer without files"),
        pytest.param((b"",), set(), id="a layer without bytes"),
        pytest.param((BASE,), BOTH, id="sound"),
        pytest.param((BASE, tar((f"../../{STATUS}", ONE))), {"base-files"}, id="climbing name"),
        pytest.param((BASE, tar((f"/{STATUS}", ONE))), {"base-files"}, id="absolute name"),
        pytest.param((BASE, tar((f"x/.././/{STATUS}", ONE))), {"base-files"}, id="winding name"),
        pytest.param(
            (BASE, tar((STATUS, b"junk"), (f"./{STATUS}", ONE))), {"base-files"}, id="written twice"
        ),
        pytest.param((BASE, tar((".wh.var", b""))), set(), id="whiteout at the root"),
        pytest.param((BASE, tar((".wh..wh..opq", b""))), set(), id="opaque root"),
        pytest.param((BASE, tar((".wh.", b""), (".wh...", b""))), BOTH, id="whiteouts of nothing"),
        pytest.param((BASE, tar(("../.wh.var", b""))), set(), id="climbing whiteout"),
        pytest.param((BASE, tar(("var", b"a file"))), set(), id="file over a directory"),
        pytest.param(
            (BASE, tar(("a\udcff\udcfe", b""), ("\x1b[2J\n", b""))),
            BOTH,
            id="names that are no text",
        ),
        pytest.param(
            (
                BASE,
                tar(
                    special("loop", tarfile.SYMTYPE, "loop"),
                    special("l1", tarfile.SYMTYPE, "/l2"),
                    special("l2", tarfile.SYMTYPE, "l1/x"),
                    special("h", tarfile.LNKTYPE, "h"),
                ),
            ),
            BOTH,
            id="links that loop",
        ),
    ],
)
def test_what_is_odd_but_legal_is_seen_as_a_runtime_sees_it(
    forge: Forge, layers: tuple[bytes, ...], expected: set[str], capsys: Capture
) -> None:
    evidence = looked_at(forge, capsys, *map(forge.layer, layers))
    assert packages(evidence) == expected
    assert "errors" not in evidence["inventory"] or not expected


@pytest.mark.parametrize(
    "gone",
    [
        pytest.param(tar((".wh.var", b"")), id="removed"),
        pytest.param(tar(special(STATUS, tarfile.SYMTYPE, "status")), id="a link to itself"),
        pytest.param(tar(special(STATUS, tarfile.SYMTYPE, "/nowhere")), id="a link to nothing"),
        pytest.param(tar(special(STATUS, tarfile.LNKTYPE, STATUS)), id="a hard link to itself"),
        pytest.param(tar((STATUS, b"")), id="emptied"),
    ],
)
def test_a_distribution_whose_packages_were_hidden_is_never_clean(
    forge: Forge, gone: bytes, capsys: Capture
) -> None:
    evidence = looked_at(forge, capsys, forge.layer(BASE), forge.layer(gone))
    assert packages(evidence) == set()
    assert evidence["inventory"]["operating_system"]["id"] == "debian"
    assert entries(forge)[0]["verdict"] == "unknown"


def test_devices_are_named_and_never_opened(forge: Forge, capsys: Capture) -> None:
    devices = tar(special("dev/sda", tarfile.BLKTYPE), special(STATUS, tarfile.CHRTYPE))
    evidence = looked_at(forge, capsys, forge.layer(devices))
    found = {file["location"]["path"] for file in evidence["inventory"]["files"]}
    assert found == {"/dev/sda", f"/{STATUS}"}
    assert evidence["inventory"]["errors"]


def test_the_same_layer_twice_is_read_once_and_stands_twice(forge: Forge, capsys: Capture) -> None:
    layer = forge.layer(BASE)
    evidence = looked_at(forge, capsys, layer, layer)
    assert packages(evidence) == BOTH
    assert [one["digest"] for one in evidence["inventory"]["layers"]] == [
        layer.descriptor["digest"]
    ] * 2


def test_a_layer_of_every_known_kind_gives_the_same_packages(forge: Forge, capsys: Capture) -> None:
    plain = forge.layer(tar(("other", b"1")), "gzip")
    raw = forge.put(BASE, TAR)
    evidence = looked_at(
        forge, capsys, plain, forge.layer(BASE, "zstd"), type(plain)(raw, sha256(BASE))
    )
    assert packages(evidence) == BOTH


@pytest.mark.parametrize(
    "path", ["var/lib/rpm/Packages", "usr/lib/sysimage/rpm/rpmdb.sqlite", "var/lib/opkg/status"]
)
def test_a_package_database_that_is_not_read_yet_is_never_clean(
    path: str, forge: Forge, capsys: Capture
) -> None:
    package = ("srv/node_modules/a/package.json", b'{"name": "a", "version": "1.0.0"}')
    evidence = looked_at(forge, capsys, forge.layer(tar((path, b"x" * (3 << 20)), package)))
    (problem,) = evidence["inventory"]["errors"]
    assert problem["location"]["path"] == f"/{path}"
    assert entries(forge)[0]["verdict"] == "unknown"
    assert "inventory-complete" in entries(forge)[0]["controls"]


@pytest.mark.parametrize("style", ["json", "cyclonedx", "spdx", "sarif"])
def test_no_document_turns_the_direction_of_a_terminals_text(
    style: str, forge: Forge, capsys: Capture
) -> None:
    package = {
        "name": "a",
        "version": "1.0.0",
        "license": "\u202eTIM\u2066\x9b2J \U000e0041 \u00e9",
    }
    path = "srv/node_modules/a/package.json"
    forge.offer(forge.image(forge.layer(tar((path, json.dumps(package).encode())))))
    run(["check", "oci:image", "--platform", "linux/amd64", "--format", style])
    said = capsys.readouterr().out
    assert said.replace("\n", "").isprintable()
    json.loads(said)
