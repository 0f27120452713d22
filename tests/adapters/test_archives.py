"""OCI and Docker archives: what container tools write is read, what is damaged is refused."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zstandard
from tests.support.archive import (
    docker_members,
    layout_members,
    modern_docker_members,
    shop_layout,
    write_archive,
)

from sealmark.adapters.archive_spool import spool
from sealmark.artifact.image import load_image
from sealmark.artifact.limits import Limits
from sealmark.artifact.platform import Platform
from sealmark.artifact.reference import parse_reference
from sealmark.cli.options import SourceOptions
from sealmark.cli.state import state_under
from sealmark.cli.transports import open_source
from sealmark.cli.wiring import take_evidence
from sealmark.errors import UnreadableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealmark.artifact.image import Image
    from sealmark.evidence.document import Evidence


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    return shop_layout(tmp_path)


@contextmanager
def skipped_without(program: str) -> Iterator[None]:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed: python tools/packages.py")
    yield


def options() -> SourceOptions:
    return SourceOptions(platform="linux/amd64", no_cache=True)


def evidence(reference: str, tmp_path: Path) -> Evidence:
    return take_evidence(reference, options(), state_under(tmp_path / "state"), None)


def image(reference: str) -> Image:
    with open_source(parse_reference(reference), options()) as source:
        return load_image(source, Platform("linux", "amd64"), chosen=False)


def components(found: Evidence) -> set[str]:
    assert found.inventory is not None
    return {component.purl for component in found.inventory.components}


def skopeo_copy(source: str, destination: str) -> None:
    with skipped_without("skopeo"):
        command = ["skopeo", "--insecure-policy", "copy", "--quiet", source, destination]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive"])
def test_what_skopeo_writes_holds_the_same_image(kind: str, layout: Path, tmp_path: Path) -> None:
    copy = f"{kind}:{tmp_path}/copy.tar:shop:1.0"
    skopeo_copy(f"oci:{layout}:1.0", copy)
    original, copied = image(f"oci:{layout}:1.0"), image(copy)
    assert [one.diff_id for one in copied.layers] == [one.diff_id for one in original.layers]
    assert copied.config == original.config
    known = components(evidence(f"oci:{layout}:1.0", tmp_path))
    assert len(known) == 3
    assert components(evidence(copy, tmp_path)) == known
    assert components(evidence(copy.removesuffix(":shop:1.0"), tmp_path)) == known


def test_an_oci_archive_keeps_the_digest_of_its_layout(layout: Path, tmp_path: Path) -> None:
    file = write_archive(tmp_path / "a.tar", list(layout_members(layout).items()))
    digest = image(f"oci:{layout}:1.1").digest
    assert image(f"oci-archive:{file}:1.1").digest == digest
    assert image(f"oci-archive:{file}@{digest}").digest == digest


def test_an_archive_with_several_images_needs_a_name(layout: Path, tmp_path: Path) -> None:
    oci = write_archive(tmp_path / "a.tar", list(layout_members(layout).items()))
    with pytest.raises(UsageError, match=r"1\.0, 1\.1"):
        image(f"oci-archive:{oci}")
    first, second = docker_members(layout, "1.0"), docker_members(layout, "1.1")
    saved = json.loads(first["manifest.json"]) + json.loads(second["manifest.json"])
    both = {**first, **second, "manifest.json": json.dumps(saved).encode()}
    docker = write_archive(tmp_path / "b.tar", list(both.items()))
    with pytest.raises(UsageError, match=r"shop:1\.0, shop:1\.1"):
        image(f"docker-archive:{docker}")
    by_name = image(f"docker-archive:{docker}:docker.io/library/shop:1.1")
    assert by_name.digest == image(f"docker-archive:{docker}:@1").digest
    assert by_name.digest != image(f"docker-archive:{docker}:shop:1.0").digest


def test_linked_compressed_and_repeated_layers_of_old_docker(layout: Path, tmp_path: Path) -> None:
    members = docker_members(layout, "1.0")
    plain = image(f"docker-archive:{write_archive(tmp_path / 'a.tar', list(members.items()))}")
    name = next(name for name in members if name.endswith("/layer.tar"))
    moved: list[tuple[str, bytes | str]] = [
        ("./manifest.json", b"[]"),
        (name, "../other/layer.tar"),
        ("other/layer.tar", members.pop(name)),
        *members.items(),
    ]
    linked = image(f"docker-archive:{write_archive(tmp_path / 'b.tar', moved)}")
    assert linked.digest == plain.digest
    assert linked.layers[0].descriptor.media_type.endswith("tar+gzip")


def test_unpacked_layers_are_told_from_packed_ones(layout: Path, tmp_path: Path) -> None:
    members = {
        name: gzip.decompress(content) if name.endswith("/layer.tar") else content
        for name, content in docker_members(layout, "1.0").items()
    }
    file = write_archive(tmp_path / "a.tar", list(members.items()))
    found = image(f"docker-archive:{file}")
    assert [one.descriptor.digest for one in found.layers] == [one.diff_id for one in found.layers]
    assert len(components(evidence(f"docker-archive:{file}", tmp_path))) == 3


def test_a_layer_listed_endlessly_is_hashed_once(tmp_path: Path) -> None:
    saved = [{"Config": "c", "Layers": ["big"] * 1000}]
    members: list[tuple[str, bytes | str]] = [
        ("manifest.json", json.dumps(saved).encode()),
        ("c", b'{"rootfs": {"diff_ids": []}}'),
        ("big", bytes(16 << 20)),
    ]
    file = write_archive(tmp_path / "a.tar", members)
    begun = time.process_time()
    with pytest.raises(UnreadableError, match="has 1000 layers"):
        image(f"docker-archive:{file}")
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive"])
def test_an_archive_cut_off_anywhere_is_refused(kind: str, layout: Path, tmp_path: Path) -> None:
    members = layout_members(layout) if kind == "oci-archive" else docker_members(layout, "1.0")
    tag = ":1.0" if kind == "oci-archive" else ""
    whole = write_archive(tmp_path / "a.tar", list(members.items())).read_bytes()
    used = len(whole.rstrip(b"\0"))
    file = tmp_path / "cut.tar"
    for length in range(1, used, used // 37):
        file.write_bytes(whole[:length])
        with pytest.raises(UnreadableError):
            evidence(f"{kind}:{file}{tag}", tmp_path)


def test_a_changed_layer_or_configuration_is_refused(layout: Path, tmp_path: Path) -> None:
    for suffix in ("/layer.tar", ".json"):
        members = docker_members(layout, "1.0")
        name = next(name for name in members if name.endswith(suffix))
        content = bytearray(members[name])
        content[-3] ^= 1
        members[name] = bytes(content)
        file = write_archive(tmp_path / "a.tar", list(members.items()))
        with pytest.raises(UnreadableError):
            evidence(f"docker-archive:{file}", tmp_path)


def test_a_missing_blob_is_named(layout: Path, tmp_path: Path) -> None:
    members = docker_members(layout, "1.0")
    name = next(name for name in members if name.endswith("/layer.tar"))
    del members[name]
    file = write_archive(tmp_path / "a.tar", list(members.items()))
    with pytest.raises(UnreadableError, match=name):
        image(f"docker-archive:{file}")


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"{}",
        b"[1]",
        b"[" * 100_000,
        b'[{"Config": "../../etc/passwd", "Layers": []}]',
        b'[{"Config": "/etc/passwd", "Layers": []}]',
        b'[{"Config": "c", "Layers": ["' + b'a","' * 2000 + b'a"]}]',
        b'[{"Config": "\xff", "Layers": []}]',
        b'[{"Config": "c", "Layers": ["loop"]}]',
    ],
    ids=range(9),
)
def test_an_absurd_manifest_is_refused(manifest: bytes, tmp_path: Path) -> None:
    members: list[tuple[str, bytes | str]] = [
        ("manifest.json", manifest),
        ("c", b"{}"),
        ("loop", "pool"),
        ("pool", "loop"),
    ]
    file = write_archive(tmp_path / "a.tar", members)
    with pytest.raises(UnreadableError) as caught:
        image(f"docker-archive:{file}")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("entry", [("../out", b""), ("a/../../out", b""), ("link", "../out")])
def test_a_path_out_of_the_archive_is_refused(entry: tuple[str, bytes], tmp_path: Path) -> None:
    file = write_archive(tmp_path / "a.tar", [("manifest.json", b"[]"), entry])
    with pytest.raises(UnreadableError, match="leads out of the archive"):
        image(f"docker-archive:{file}")


def test_endlessly_many_members_are_refused(tmp_path: Path) -> None:
    block = tarfile.TarInfo("a").tobuf()
    (tmp_path / "a.tar").write_bytes(block * 100_001)
    with pytest.raises(UnreadableError, match="more than 100000 members"):
        image(f"oci-archive:{tmp_path}/a.tar")


def test_the_wrong_kind_of_archive_is_said(layout: Path, tmp_path: Path) -> None:
    oci = write_archive(tmp_path / "a.tar", list(layout_members(layout).items()))
    docker = write_archive(tmp_path / "b.tar", list(docker_members(layout, "1.0").items()))
    with pytest.raises(UsageError, match="read it as oci-archive:"):
        image(f"docker-archive:{oci}")
    with pytest.raises(UsageError, match="read it as docker-archive:"):
        image(f"oci-archive:{docker}")


def test_what_is_no_archive_is_a_usage_error(tmp_path: Path) -> None:
    for name in (tmp_path, tmp_path / "absent"):
        with pytest.raises(UsageError):
            image(f"docker-archive:{name}")


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "zst": zstandard.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "two.gz": lambda content: gzip.compress(content[:1000]) + gzip.compress(content[1000:]),
    "two.xz": lambda content: lzma.compress(content[:1000]) + lzma.compress(content[1000:]),
}


@pytest.mark.parametrize("packer", PACKERS)
def test_a_compressed_archive_is_read_as_what_it_holds(
    packer: str, layout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    docker = write_archive(tmp_path / "d.tar", list(docker_members(layout, "1.0").items()))
    oci = write_archive(tmp_path / "o.tar", list(layout_members(layout).items()))
    for kind, plain, tag in (("docker-archive", docker, ""), ("oci-archive", oci, ":1.0")):
        packed = plain.with_suffix(f".{packer}")
        packed.write_bytes(PACKERS[packer](plain.read_bytes()))
        assert image(f"{kind}:{packed}{tag}") == image(f"{kind}:{plain}{tag}")
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("packer", ["gz", "zst", "xz", "bz2"])
def test_a_compressed_archive_that_is_damaged_is_refused(
    packer: str, layout: Path, tmp_path: Path
) -> None:
    plain = write_archive(tmp_path / "a.tar", list(docker_members(layout, "1.0").items()))
    packed = bytearray(PACKERS[packer](plain.read_bytes()))
    file = tmp_path / f"a.{packer}"
    file.write_bytes(packed[: len(packed) * 2 // 3])
    with pytest.raises(UnreadableError, match=f"a.{packer}"):
        image(f"docker-archive:{file}")
    packed[len(packed) // 2] ^= 0xFF
    file.write_bytes(packed)
    with pytest.raises(UnreadableError):
        evidence(f"docker-archive:{file}", tmp_path)


def test_an_archive_that_unpacks_to_absurdly_much_is_refused() -> None:
    limits = Limits(unpacked=8 << 20, ratio=10, ratio_floor=1 << 20)
    for packer in ("gz", "zst", "xz", "bz2"):
        dense = io.BytesIO(PACKERS[packer](bytes(2 << 20)))
        with pytest.raises(UnreadableError, match="refused"):
            spool(dense, "a", limits)
    endless = io.BytesIO(bytes(9 << 20))
    with pytest.raises(UnreadableError, match="refused"):
        spool(endless, "a", limits)


def test_a_full_disk_is_a_failed_service() -> None:
    def cut_short() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    script = (
        "import io; from sealmark.adapters.archive_spool import spool; "
        "spool(io.BytesIO(bytes(2 << 20)), 'a')"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, preexec_fn=cut_short, capture_output=True, text=True)
    assert "ServiceError: a cannot be copied to" in done.stderr


@pytest.mark.parametrize("packed", [False, True])
def test_an_archive_may_come_over_standard_input(
    packed: bool, layout: Path, tmp_path: Path
) -> None:
    plain = write_archive(tmp_path / "a.tar", list(docker_members(layout, "1.0").items()))
    content = plain.read_bytes()
    command = [str(Path(sys.executable).with_name("sealmark")), "sbom", "docker-archive:-:shop:1.0"]
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    piped = subprocess.run(
        command,
        input=gzip.compress(content) if packed else content,
        env=environment,
        capture_output=True,
    )
    with plain.open("rb") as file:
        redirected = subprocess.run(command, stdin=file, env=environment, capture_output=True)
    assert (piped.returncode, redirected.returncode) == (0, 0), piped.stderr
    document = json.loads(piped.stdout)
    assert len(document["components"]) == 4
    assert document["components"] == json.loads(redirected.stdout)["components"]
    closed = subprocess.run([*command], stdin=subprocess.DEVNULL, env=environment)
    assert closed.returncode == 4


def test_what_docker_25_saves_is_read_as_either_kind(layout: Path, tmp_path: Path) -> None:
    file = write_archive(tmp_path / "a.tar", modern_docker_members(layout, "1.0"))
    original = image(f"oci:{layout}:1.0")
    assert image(f"oci-archive:{file}").digest == original.digest
    assert image(f"oci-archive:{file}:1.0").digest == original.digest
    saved = image(f"docker-archive:{file}:docker.io/library/shop:1.0")
    assert saved.config == original.config
    assert saved.layers == image(f"docker-archive:{file}").layers
    copied = tmp_path / "second-reader"
    skopeo_copy(f"docker-archive:{file}:docker.io/library/shop:1.0", f"oci:{copied}:1.0")
    assert [one.diff_id for one in image(f"oci:{copied}:1.0").layers] == [
        one.diff_id for one in saved.layers
    ]
