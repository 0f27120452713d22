"""The command where things are not as usual: outputs that end, homes that are none, odd files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.shop import build_shop

from sealmark.cli.main import run
from sealmark.ledger.log import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    Capture = pytest.CaptureFixture[str]
    Patch = pytest.MonkeyPatch

SEALMARK = str(Path(sys.executable).with_name("sealmark"))
ALLOWED, DENIED = "oci:shop:1.1", "oci:shop:1.0"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("shop")
    build_shop(directory)
    assert (
        run(["advisories", "update", "--from", f"{directory}/feeds", "--home", str(directory)]) == 0
    )
    # Whatever order the tests run in, there is a ledger.
    assert run(["check", f"oci:{directory}/shop:1.1", "--home", str(directory)]) == 0
    return directory


@pytest.fixture(autouse=True)
def here(shop: Path, monkeypatch: Patch) -> Iterator[None]:
    monkeypatch.chdir(shop)
    monkeypatch.setenv("SEALMARK_HOME", str(shop))
    yield
    (shop / "config" / "config.toml").unlink(missing_ok=True)


def configure(shop: Path, text: str) -> None:
    (shop / "config").mkdir(exist_ok=True)
    (shop / "config" / "config.toml").write_text(text)


def shell(line: str, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "sealmark": SEALMARK, **changes}
    return subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True)


def last_entry(shop: Path) -> dict[str, Any]:
    log = Ledger.open(shop / "data" / "ledger")
    entry: dict[str, Any] = json.loads(log.entry(log.size - 1))
    return entry


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (f"check {ALLOWED} --format json", 0),
        (f"check {DENIED} --format json", 1),
        (f"scan {ALLOWED} --format json", 0),
        ("ledger verify", 0),
        ("explain not-root", 141),
        ("--help", 141),
    ],
)
def test_a_reader_that_goes_away_does_not_change_the_verdict(arguments: str, code: int) -> None:
    done = shell(f'"$sealmark" {arguments} | true; echo "${{PIPESTATUS[0]}}"')
    assert (done.stdout, done.stderr) == (f"{code}\n", "")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (f"check {ALLOWED} > /dev/full", 5),
        (f"check {ALLOWED} -o /dev/full", 5),
        (f"check {ALLOWED} -o /nowhere/report", 3),
        ("--help > /dev/full", 5),
        ("ledger show > /dev/full", 5),
        (f"check {ALLOWED} >&-", 0),
        (f"check {DENIED} >&- 2>&- <&-", 1),
        ("check oci:nothing 2> /dev/full", 3),
    ],
)
def test_an_output_that_takes_nothing_is_no_verdict(arguments: str, code: int) -> None:
    done = shell(f'"$sealmark" {arguments}')
    assert done.returncode == code
    assert done.stderr.count("\n") <= 1
    assert "Traceback" not in done.stderr


def test_a_report_replaces_the_old_one_whole_and_keeps_its_mode(shop: Path) -> None:
    (shop / "old").write_text("before\n")
    (shop / "old").chmod(0o640)
    (shop / "named").symlink_to("old")
    assert run(["scan", ALLOWED, "--format", "json", "-o", "named"]) == 0
    assert json.loads((shop / "old").read_text())["schema"] == "sealmark/evidence/v1"
    assert (shop / "old").stat().st_mode & 0o777 == 0o640
    assert (shop / "named").is_symlink()
    assert not list(shop.glob(".old*"))


def test_a_terminal_that_knows_few_letters_gets_plainer_ones() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([SEALMARK, "check", DENIED], env=environment, stdout=subprocess.PIPE)
    assert done.returncode == 1
    assert b"> 3.0.9-1" in done.stdout


def test_an_interruption_is_one_line_and_130(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "never")
    # A job that a script put into the background inherits that interruptions are ignored.
    heedful = ["env", "--default-signal=INT"]
    command = [*heedful, SEALMARK, "check", f"sbom:{tmp_path}/never"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for_reader(tmp_path / "never")
            said = interrupt(process)
        finally:
            process.kill()
    assert (process.returncode, said.strip()) == (130, "sealmark: interrupted")
    assert run(["ledger", "verify"]) == 0


def interrupt(process: subprocess.Popen[str]) -> str:
    """Interrupt as a person does, who tries again: a signal just before a read may wait."""
    for _ in range(6):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=5)[1]
    raise TimeoutError("it goes on")


def wait_for_reader(pipe: Path) -> None:
    """Return once somebody opens `pipe`, who gets the end of it only when this process ends."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(OSError):
            os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            return
        time.sleep(0.01)
    raise TimeoutError("nobody reads")


@pytest.mark.parametrize(("home", "said"), [("rel", "no absolute path"), ("", "ledger in /.local")])
def test_a_home_that_cannot_be_one_is_named(
    home: str, said: str, monkeypatch: Patch, capsys: Capture
) -> None:
    monkeypatch.delenv("SEALMARK_HOME")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", home)
    assert run(["ledger", "show"]) == 3
    assert said in capsys.readouterr().err


def test_state_is_its_owners_alone(shop: Path) -> None:
    assert run(["check", ALLOWED, "--home", "fresh"]) == 2
    assert (shop / "fresh" / "data").stat().st_mode & 0o777 == 0o700
    assert (shop / "fresh" / "cache" / "layers").stat().st_mode & 0o777 == 0o700


def test_the_home_on_the_command_line_outranks_the_environment_wherever_it_stands(
    shop: Path, monkeypatch: Patch
) -> None:
    assert run(["check", ALLOWED]) == 0
    monkeypatch.setenv("SEALMARK_HOME", "elsewhere")
    assert run(["ledger", "--home", str(shop), "verify"]) == 0
    assert run(["ledger", "verify", "--home", str(shop)]) == 0
    assert run(["ledger", "verify"]) == 3


@pytest.mark.parametrize(
    ("text", "command", "said"),
    [
        ('[chekc]\nseverity = "low"', "check", "has no command 'chekc'"),
        ('severity = "low"', "check", "has no option 'severity'"),
        ('[check]\nseverty = "low"', "check", "has no option 'severty'"),
        ("[check.severity]\na = 1", "check", "must be one text"),
        ("[check.other]\na = 1", "check", "has no command 'other'"),
        ("[[check]]\na = 1", "check", "[check] must be a table"),
        ("[check]\noutput = true", "check", "must be one text"),
        ('[check]\noutput = "a\\u0000b"', "check", "must be one text"),
        ('[check]\nno-cache = "yes"', "check", "must be true or false"),
        ('[check]\nhome = "/x"', "check", "has no option 'home'"),
        ("[check]\nhelp = true", "check", "has no option 'help'"),
        ("[ledger.verfy]\nkey = 'x'", "ledger verify", "has no command 'verfy'"),
        ("[ledger.verify]\nkeys = 'x'", "ledger verify", "has no option 'keys'"),
        ("[ledger.show]\nlast = -5", "ledger show", "-5 is not in the range"),
        ('[advisories.update]\nfrom = "x"', "advisories update", "must be a list"),
        ("#" * 70_000, "check", "larger than"),
    ],
)
def test_what_a_configuration_misspells_is_said_and_nothing_is_judged_without_it(
    text: str, command: str, said: str, shop: Path, capsys: Capture
) -> None:
    configure(shop, text)
    arguments = command.split()
    assert run([*arguments, ALLOWED] if arguments == ["check"] else arguments) == 3
    assert said in capsys.readouterr().err


def test_every_group_reads_its_table(shop: Path, capsys: Capture) -> None:
    configure(
        shop, "[ledger.show]\nlast = 0\nformat = 'json'\n[check]\nowner = 'team'\nno-cache = true"
    )
    assert run(["check", ALLOWED]) == 0
    capsys.readouterr()
    assert run(["ledger", "show"]) == 0
    assert json.loads(capsys.readouterr().out)["entries"] == []
    assert last_entry(shop)["policies"][0]["owner"] == "team"


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("nothing")])
def test_a_configuration_that_is_no_file_is_not_taken_for_none(make: Any, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    make(tmp_path / "config" / "config.toml")
    assert run(["check", ALLOWED, "--home", str(tmp_path)]) == 3


def test_a_decision_names_who_the_process_belongs_to_and_when_it_was_asked(
    shop: Path, monkeypatch: Patch
) -> None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "somebody-else")
    run(["check", ALLOWED, "--now", "2020-01-01"])
    asked = last_entry(shop)["asked"]
    assert "somebody-else" not in asked["actor"]
    assert asked["at"] > "2026"
    assert asked["as_of"] == "2020-01-01T00:00:00Z"


@pytest.mark.parametrize("owner", ["", "x" * 201, "a\nb"])
def test_an_owner_is_one_short_line(owner: str, capsys: Capture) -> None:
    assert run(["check", ALLOWED, "--owner", owner]) == 3
    assert "an owner has" in capsys.readouterr().err


@pytest.mark.parametrize(
    "document",
    ['{"bomFormat":"CycloneDX","specVersion":"1.6"}', '{"spdxVersion":"SPDX-2.3","packages":[]}'],
)
def test_a_bill_of_materials_without_packages_is_unknown(
    document: str, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "empty.json").write_text(document)
    assert run(["check", f"sbom:{tmp_path}/empty.json"]) == 2
    assert "lists no package" in capsys.readouterr().out


def test_a_directory_without_packages_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    assert run(["check", f"dir:{tmp_path}/root"]) == 2


def test_an_endless_bill_of_materials_is_given_up(capsys: Capture) -> None:
    assert run(["check", "sbom:/dev/zero"]) == 4
    assert "more than" in capsys.readouterr().err


def test_pairs_from_a_closed_standard_input_are_a_mistake_of_the_user() -> None:
    done = shell('"$sealmark" advisories compare debian - <&-')
    assert done.returncode == 3
    assert "standard input" in done.stderr
    assert "defect" not in done.stderr


def test_a_disk_that_refuses_is_said_in_words(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "data").write_text("in the way")
    assert run(["advisories", "update", "--from", "feeds", "--home", str(tmp_path)]) == 5
    assert run(["check", ALLOWED, "--home", str(tmp_path)]) == 5
    said = capsys.readouterr().err
    assert "Errno" not in said
    assert said.count("\n") == 2


@pytest.mark.parametrize("name", ["/dev/null", "/nowhere/advisories.db"])
def test_an_advisory_database_that_is_named_and_none_is_a_mistake_of_the_user(
    name: str, capsys: Capture
) -> None:
    assert run(["check", ALLOWED, "--advisories", name]) == 3
    said = capsys.readouterr().err
    assert name in said
    assert "update" not in said


def test_a_cache_that_keeps_nothing_is_said_once(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    done = shell(f'"$sealmark" diff {DENIED} {ALLOWED} --home {tmp_path}')
    assert done.returncode == 0
    assert done.stderr.count("keeps nothing") == 1


@pytest.mark.parametrize(
    "image",
    ["oci:shop:", "oci::1.0", "oci:shop@", "oci-archive:x:", "oci-archive:x@", "docker-archive:x:"],
)
def test_an_empty_tag_is_not_taken_for_none(image: str, capsys: Capture) -> None:
    assert run(["check", image]) == 3
    assert "a part of it is empty" in capsys.readouterr().err


def test_commands_that_are_named_find_the_same_state(shop: Path, tmp_path: Path) -> None:
    home = tmp_path / "my state"
    told = shell(f'"$sealmark" check {DENIED} --home "{home}"').stdout
    assert f"sealmark ledger prove 0 --home '{home}'" in told
    assert f"--home '{home}'" in told.splitlines()[-1]
    assert "--home" not in shell(f'"$sealmark" check {DENIED}').stdout


def test_a_finding_is_explained_by_any_of_its_names(shop: Path, capsys: Capture) -> None:
    assert run(["check", DENIED, "--format", "json"]) == 1
    findings = json.loads(capsys.readouterr().out)["evidence"]["vulnerabilities"]["findings"]
    refused = [one for one in findings if one.get("aliases") and one.get("fixed_in")]
    alias = next(name for one in refused for name in one["aliases"] if name != one["id"])
    assert run(["explain", alias]) == 0
    assert capsys.readouterr().out.startswith(f"{alias}: {DENIED}")
