"""`containers-storage:NAME`: what podman keeps is read through podman or skopeo."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING

import pytest
from tests.support.archive import shop_layout

from sealmark.artifact.image import load_image
from sealmark.artifact.platform import Platform
from sealmark.artifact.reference import parse_reference
from sealmark.cli.options import SourceOptions
from sealmark.cli.transports import open_source
from sealmark.errors import ServiceError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

NAME = "localhost/shop:1.0"


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of our own, with the shop's older image in it; the layout it came from."""
    layout = shop_layout(tmp_path)
    settings = tmp_path / "storage.conf"
    graph, run = tmp_path / "graph", tmp_path / "run"
    settings.write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{graph}"\nrunroot = "{run}"\n')
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(settings))
    if not (shutil.which("skopeo") and shutil.which("podman")):
        pytest.skip("skopeo and podman are not installed: python tools/packages.py")
    command = ["skopeo", "--insecure-policy", "copy", f"oci:{layout}:1.0"]
    done = subprocess.run(
        [*command, f"containers-storage:{NAME}"], capture_output=True, text=True, timeout=60
    )
    if done.returncode != 0:
        pytest.skip(f"no containers-storage here: {done.stderr[-200:]}")
    return layout


def diff_ids(reference: str) -> list[str]:
    options = SourceOptions(platform=None, no_cache=True)
    with open_source(parse_reference(reference), options) as source:
        image = load_image(source, Platform("linux", "amd64"), chosen=False)
    return [str(layer.diff_id) for layer in image.layers]


def only(program: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave one of the two programs on PATH."""
    directory.mkdir()
    found = shutil.which(program)
    assert found is not None
    (directory / program).symlink_to(found)
    monkeypatch.setenv("PATH", str(directory))


@pytest.mark.parametrize("program", ["podman", "skopeo"])
def test_an_image_of_the_store_is_the_image_put_there(
    program: str, storage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(program, tmp_path / "bin", monkeypatch)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    assert diff_ids(f"containers-storage:{NAME}") == diff_ids(f"oci:{storage}:1.0")
    assert not os.listdir(temporary)  # noqa: PTH208


@pytest.mark.parametrize("program", ["podman", "skopeo"])
def test_an_unknown_image_is_a_mistake_of_the_user_in_one_line(
    program: str, storage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(program, tmp_path / "bin", monkeypatch)
    for name in ("localhost/absent:1", "--help"):
        with pytest.raises(UsageError) as caught:
            diff_ids(f"containers-storage:{name}")
        assert str(caught.value).isprintable()


def test_without_either_program_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServiceError, match="needs skopeo or podman"):
        diff_ids("containers-storage:x")


def test_a_program_that_shouts_is_quoted_printably(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "podman"
    program.write_text("#!/bin/sh\nprintf 'first\\n\\033[31mlast\\n' >&2\nexit 7\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(ServiceError, match=r"podman: \?\[31mlast"):
        diff_ids("containers-storage:x")
