"""`sealmark check` as its user runs it: verdict, exit code, and what the ledger has afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.shop import build_shop

from sealmark.ledger.log import Ledger
from sealmark.policy.packs import KNOWN_CONTROLS

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., subprocess.CompletedProcess[str]]

SEALMARK = str(Path(sys.executable).with_name("sealmark"))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    build_shop(tmp_path)
    return tmp_path


@pytest.fixture
def run(shop: Path) -> Run:
    def sealmark(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"HOME": str(shop), "PATH": "/usr/bin:/bin", "SEALMARK_HOME": "state"}
        return subprocess.run(
            [SEALMARK, *arguments], cwd=shop, env=environment, capture_output=True, text=True
        )

    assert sealmark("advisories", "update", "--from", "feeds").returncode == 0
    return sealmark


def ledger_entries(shop: Path) -> list[dict[str, object]]:
    log = Ledger.open(shop / "state" / "data" / "ledger")
    return [json.loads(log.entry(index)) for index in range(log.size)]


def test_a_denial_is_exit_1_and_stands_in_the_ledger(run: Run, shop: Path) -> None:
    done = run("check", "oci:shop:1.0", "--format", "json")
    assert done.returncode == 1
    judged = json.loads(done.stdout)["decision"]["judgement"]
    assert judged["verdict"] == "deny"
    assert {reason["control"] for reason in judged["reasons"]} == {
        "no-fixable-vulnerabilities",
        "not-root",
    }
    (entry,) = ledger_entries(shop)
    assert entry["verdict"] == "deny"


def test_an_allowance_is_exit_0(run: Run) -> None:
    assert run("check", "oci:shop:1.1").returncode == 0


def test_without_advisories_nothing_is_clean(run: Run, shop: Path) -> None:
    (shop / "state" / "data" / "advisories.db").unlink()
    done = run("check", "oci:shop:1.1")
    assert done.returncode == 2
    assert "sealmark advisories update" in done.stdout


def test_a_stale_feed_is_unknown(run: Run) -> None:
    assert run("check", "oci:shop:1.1", "--now", "2027-11-24").returncode == 2


def test_the_same_bytes_get_the_same_judgement_cached_or_not(run: Run, shop: Path) -> None:
    now = ("--now", "2026-11-25")
    for extra in ((), (), ("--no-cache",)):
        run("check", "oci:shop:1.0", *now, *extra)
    assert len({str(entry["judgement"]) for entry in ledger_entries(shop)}) == 1


def test_a_damaged_cache_is_read_again_not_believed(run: Run, shop: Path) -> None:
    assert run("check", "oci:shop:1.1").returncode == 0
    for kept in (shop / "state" / "cache" / "layers").iterdir():
        kept.write_bytes(kept.read_bytes()[:-7])
    assert run("check", "oci:shop:1.1").returncode == 0


@pytest.mark.parametrize("damage", ["cut", "flip", "grow"])
def test_a_damaged_layer_is_exit_4_one_line_and_a_recorded_refusal(
    run: Run, shop: Path, damage: str
) -> None:
    index = json.loads((shop / "shop" / "index.json").read_text())
    (entry,) = (one for one in index["manifests"] if "1.0" in str(one["annotations"]))
    blobs = shop / "shop" / "blobs" / "sha256"
    manifest = json.loads((blobs / entry["digest"].partition(":")[2]).read_text())
    layer = blobs / manifest["layers"][0]["digest"].partition(":")[2]
    content = layer.read_bytes()
    flipped = content[:50] + bytes([content[50] ^ 1]) + content[51:]
    layer.write_bytes({"cut": content[:-9], "flip": flipped, "grow": content + b"x"}[damage])
    done = run("check", "oci:shop:1.0")
    assert done.returncode == 4
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert layer.name in done.stderr
    (entry,) = ledger_entries(shop)
    assert entry["schema"] == "sealmark/entry/refusal/v1"
    assert "evidence" not in entry


def test_an_index_without_this_platform_is_exit_4_and_names_what_it_has(run: Run) -> None:
    done = run("check", "oci:shop:1.0", "--platform", "linux/s390x")
    assert done.returncode == 4
    assert "linux/amd64" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "oci:shop:none"),
        ("check", "oci:nowhere:1.0"),
        ("check", "registry.example/Shop:1.0"),
        ("check", "oci:shop:1.0", "--max-advisory-age", "soon"),
        ("check",),
        ("check", "oci:shop:1.0", "--format", "poem"),
    ],
)
def test_a_question_that_makes_no_sense_is_exit_3(run: Run, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 3
    assert done.stdout == ""


def test_options_come_from_the_environment_and_the_configuration_file(run: Run, shop: Path) -> None:
    config = shop / "state" / "config" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[check]\nformat = "json"\n')
    assert json.loads(run("check", "oci:shop:1.1").stdout)
    config.write_text('[check]\nformt = "json"\n')
    done = run("check", "oci:shop:1.1")
    assert done.returncode == 3
    assert "formt" in done.stderr


def test_every_decision_can_be_verified_with_its_bodies(run: Run) -> None:
    run("check", "oci:shop:1.0")
    run("check", "oci:shop:1.1")
    assert run("ledger", "verify").returncode == 0


def test_an_sbom_is_judged_too(run: Run) -> None:
    assert run("sbom", "oci:shop:1.0", "--output", "shop.json").returncode == 0
    done = run("check", "sbom:shop.json", "--format", "json")
    assert done.returncode == 1
    assert "CVE-2023-0464" in done.stdout


def test_every_control_explains_itself(run: Run) -> None:
    for control in KNOWN_CONTROLS:
        done = run("explain", control.about.id)
        assert done.returncode == 0
        assert control.about.rationale in done.stdout
    assert run("explain", "no-such-thing").returncode == 3


def test_a_difference_names_what_was_upgraded(run: Run) -> None:
    done = run("diff", "oci:shop:1.0", "oci:shop:1.1")
    assert done.returncode == 0
    assert "4.17.21" in done.stdout
