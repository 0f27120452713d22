"""What can be told of the base image, and how sure: never more than the image and history say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support.forge import Forge, tar

from sealmark.adapters.layer_cache import NoCache
from sealmark.adapters.oci_layout import OciLayout
from sealmark.artifact.image import load_image
from sealmark.artifact.platform import Platform
from sealmark.evidence.inventory import Base
from sealmark.scan.image import look

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RELEASE = ("etc/os-release", b'ID=debian\nVERSION_ID="12"\n')
NAME, DIGEST = "org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"
STATED = {NAME: "docker.io/library/debian:12", DIGEST: "sha256:" + "c" * 64}

# Histories as builders wrote them; a step that made no layer begins with a minus.
DEBIAN = ("/bin/sh -c #(nop) ADD file:4b1be1de1a1e5aa60 in / ", '-/bin/sh -c #(nop)  CMD ["bash"]')
DEBUERREOTYPE = ("# debian.sh --arch 'amd64' out/ 'bookworm' '@1730000000'",)
UBUNTU = (
    "-/bin/sh -c #(nop)  ARG RELEASE",
    "-/bin/sh -c #(nop)  LABEL org.opencontainers.image.ref.name=ubuntu",
    "/bin/sh -c #(nop) ADD file:34dc4f3ab7a694ecde47ff7a610be185 in / ",
    '-/bin/sh -c #(nop)  CMD ["/bin/bash"]',
)
ALPINE = ("ADD alpine-minirootfs-3.20.3-x86_64.tar.gz / # buildkit", '-CMD ["/bin/sh"]')
PYTHON = (
    *DEBIAN,
    "RUN /bin/sh -c set -eux; apt-get update # buildkit",
    "-ENV PATH=/usr/local/bin # buildkit",
    "RUN /bin/sh -c make # buildkit",
    '-CMD ["python3"]',
)
OURS = (
    "-WORKDIR /srv",
    "RUN /bin/sh -c apt-get install -y curl # buildkit",
    "COPY . . # buildkit",
    "-USER 65532",
    '-CMD ["serve"]',
)


def base(
    tmp_path: Path,
    history: Sequence[str] | None,
    *,
    annotations: dict[str, Any] | None = None,
    labels: dict[str, str] | None = None,
    layers: int | None = None,
    system: bool = True,
) -> Base | None:
    forge = Forge(tmp_path / "image")
    count = layers or sum(not line.startswith("-") for line in history or ())
    files = [[RELEASE] if n == 0 and system else [(f"f{n}", b"")] for n in range(count)]
    image = forge.image(
        *(forge.layer(tar(*members)) for members in files), annotations=annotations or {}
    )
    manifest = json.loads(forge.path(image["digest"]).read_bytes())
    config = json.loads(forge.path(manifest["config"]["digest"]).read_bytes())
    config["config"]["Labels"] = labels or {}
    if history is not None:
        config["history"] = [
            {"created_by": line.removeprefix("-"), "empty_layer": line.startswith("-")}
            for line in history
        ]
    manifest["config"] = forge.document(config, manifest["config"]["mediaType"])
    forge.offer(forge.document(manifest, manifest["mediaType"]))
    source = OciLayout(forge.layout)
    loaded = load_image(source, Platform("linux", "amd64"), chosen=True)
    return look(loaded, source, NoCache()).inventory.base


def test_the_last_command_with_layers_on_both_sides_closes_the_base(tmp_path: Path) -> None:
    for number, (ours, count, line) in enumerate(
        [
            (DEBIAN, 1, 'CMD ["bash"]'),
            (UBUNTU, 1, 'CMD ["/bin/bash"]'),
            (ALPINE, 1, 'CMD ["/bin/sh"]'),
            (PYTHON, 3, 'CMD ["python3"]'),
        ]
    ):
        assert base(tmp_path / str(number), (*ours, *OURS)) == Base(
            layers=count, confidence="likely", because=f"{line} closes it in the history"
        )


def test_without_one_the_layer_that_brings_the_system_is_possibly_the_base(tmp_path: Path) -> None:
    possible = Base(
        layers=1,
        confidence="possible",
        because="the lowest layer brings the operating system",
    )
    assert base(tmp_path / "1", (*DEBUERREOTYPE, *OURS)) == possible
    assert base(tmp_path / "2", None, layers=3) == possible
    assert base(tmp_path / "3", (*DEBIAN, *OURS), layers=2) == possible, "does not add up"


def test_nothing_is_guessed_from_nothing(tmp_path: Path) -> None:
    assert base(tmp_path / "squashed", ("ADD everything /",)) is None
    assert base(tmp_path / "a base itself", DEBIAN) is None
    assert base(tmp_path / "bazel", ("bazel build a", "bazel build b"), system=False) is None
    assert base(tmp_path / "empty", ()) is None


def test_an_annotation_names_the_base_and_history_counts_its_layers(tmp_path: Path) -> None:
    assert base(tmp_path, (*DEBIAN, *OURS), annotations=STATED, labels={NAME: "other"}) == Base(
        layers=1,
        confidence="likely",
        because='CMD ["bash"] closes it in the history',
        name=STATED[NAME],
        digest=STATED[DIGEST],
        stated_by="annotation",
    )


def test_a_label_says_less_because_it_may_be_inherited(tmp_path: Path) -> None:
    found = base(tmp_path, ("ADD everything /",), labels=STATED)
    assert found == Base(name=STATED[NAME], digest=STATED[DIGEST], stated_by="label")


def test_hostile_words_are_escaped_bounded_and_free_of_secrets(tmp_path: Path) -> None:
    closing = '-CMD ["x", "--password=hunter2hunter2"] \x1b[2J' + "y" * 5000
    found = base(
        tmp_path / "1",
        ("ADD a /", closing, "COPY b /"),
        annotations={NAME: "\x1b]0;owned\x07" + "z" * 9999, DIGEST: 7},
    )
    assert found is not None
    assert "hunter2" not in found.because
    assert found.because.isprintable()
    assert len(found.because) < 120
    assert found.name is not None
    assert found.name.isprintable()
    assert len(found.name) < 4100
    assert found.digest is None
