"""Options and their environment variables have one name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from sealmark.cli.main import run, sealmark
from sealmark.cli.variables import name_variables

if TYPE_CHECKING:
    from collections.abc import Iterator


def options(command: click.Command, *words: str) -> Iterator[tuple[str, click.Option]]:
    context = click.Context(command)
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.expose_value:
            yield " ".join(words), parameter
    if not isinstance(command, click.Group):
        return
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from options(below, *words, name)


def test_every_variable_is_called_after_its_command_and_option() -> None:
    # These two say their own: of one, others read it too; the other is the suite's.
    strangers = {"SEALMARK_DEMO_ADVISORIES", "SEALMARK_IDENTITY_TOKEN"}
    seen = 0
    for words, option in options(sealmark):
        if option.envvar in strangers or "--version" in option.opts:
            continue
        name = max(option.opts, key=len).removeprefix("--")
        expected = f"SEALMARK {words} {name}".upper().replace(" ", "_").replace("-", "_")
        assert option.envvar == expected
        seen += 1
    assert seen > 50


@pytest.mark.parametrize(
    ("variable", "value", "command"),
    [
        ("SEALMARK_CHECK_FORMAT", "xml", ["check", "oci:x"]),
        ("SEALMARK_CHECK_ADVISORIES", "/nowhere", ["check", "sbom:bill.json"]),
        ("SEALMARK_LEDGER_SHOW_KEY", "no key", ["ledger", "show"]),
        ("SEALMARK_LEDGER_VERIFY_FORMAT", "xml", ["ledger", "verify"]),
    ],
)
def test_a_variable_has_the_effect_of_its_option(
    variable: str,
    value: str,
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: pytest.TempPathFactory,
) -> None:
    monkeypatch.setenv("SEALMARK_HOME", str(tmp_path))
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.setenv(variable, value)
    bill = '{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}'
    with open("bill.json", "w") as file:  # noqa: PTH123
        file.write(bill)
    assert run(command) in {3, 4}


def test_the_longest_spelling_of_an_option_counts() -> None:
    option = click.Option(["-o", "--output-file"])
    name_variables(click.Command("save", params=[option]), "shop", "save")
    assert option.envvar == "SHOP_SAVE_OUTPUT_FILE"
