"""Images from elsewhere than a layout, as the user of the command line names them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.archive import docker_members, shop_layout, write_archive
from tests.support.shop import OS_RELEASE, dpkg_status

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., subprocess.CompletedProcess[str]]

SEALMARK = str(Path(sys.executable).with_name("sealmark"))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def sealmark(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"HOME": str(tmp_path), "PATH": str(tmp_path), "SEALMARK_HOME": "state"}
        return subprocess.run(
            [SEALMARK, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
        )

    members = docker_members(shop_layout(tmp_path), "1.0")
    write_archive(tmp_path / "shop.tar", list(members.items()))
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/etc/os-release").write_bytes(OS_RELEASE)
    (tmp_path / "root/var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "root/var/lib/dpkg/status").write_bytes(dpkg_status("3.0.8-1"))
    assert sealmark("advisories", "update", "--from", "feeds").returncode == 0
    return sealmark


def refusals(done: subprocess.CompletedProcess[str]) -> set[str]:
    reasons = json.loads(done.stdout)["decision"]["judgement"]["reasons"]
    return {reason["control"] for reason in reasons if reason["effect"] == "deny"}


def test_a_docker_archive_is_judged_as_the_image_it_was_saved_from(run: Run) -> None:
    original = run("check", "oci:shop:1.0", "--format", "json")
    saved = run("check", "docker-archive:shop.tar", "--format", "json")
    assert saved.returncode == original.returncode == 1
    assert refusals(saved) == refusals(original)


def test_a_root_file_system_is_judged_by_what_is_installed_and_not_by_settings(run: Run) -> None:
    done = run("check", "dir:root", "--format", "json")
    assert done.returncode == 1
    assert refusals(done) == {"no-fixable-vulnerabilities"}
    assert run("check", "dir:root").stdout.startswith("DENY  dir:root  sha256:")


@pytest.mark.parametrize("style", ["cyclonedx", "spdx"])
def test_a_root_file_system_has_a_bill_of_materials(style: str, run: Run) -> None:
    done = run("sbom", "dir:root", "--format", style)
    assert done.returncode == 0
    assert "libssl3" in done.stdout


def test_an_image_and_a_root_file_system_can_be_compared(run: Run) -> None:
    done = run("diff", "docker-archive:shop.tar", "dir:root")
    assert done.returncode == 0
    assert "lodash" in done.stdout


@pytest.mark.parametrize("keep", [0, 512, 3000])
def test_a_damaged_archive_is_exit_4_in_one_line(keep: int, run: Run, tmp_path: Path) -> None:
    whole = (tmp_path / "shop.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[:keep])
    for transport in ("oci-archive", "docker-archive"):
        done = run("check", f"{transport}:cut.tar")
        assert done.returncode == 4
        assert done.stderr.count("\n") == 1


def test_what_is_not_there_is_exit_3_and_no_program_exit_5(run: Run) -> None:
    assert run("check", "docker-archive:absent.tar").returncode == 3
    assert run("check", "dir:absent").returncode == 3
    assert run("check", "containers-storage:x").returncode == 5
