from __future__ import annotations

import click
import pytest

from sealmark.cli.variables import name_variables
from tools import reference


@click.group()
def shop() -> None:
    """Sell things."""


@shop.command()
@click.argument("what")
@click.option("--price", default=3, show_default=True, help="In whole coins.")
@click.option("--home", envvar="SHOP_HOME", help="Where the till\nstands.")
@click.option("--secret", hidden=True)
def sell(what: str, price: int, home: str, secret: str) -> None:
    """Sell WHAT.

    To anybody who
    comes in.
    """


name_variables(shop, "shop")


def test_the_page_names_every_command_option_and_variable() -> None:
    page = reference.command_line_page(shop)
    assert page.startswith("# The command line\n")
    assert (
        page.partition("## `shop sell`")[2]
        == """

    shop sell [OPTIONS] WHAT

Sell WHAT.

To anybody who comes in.

* `--price INTEGER`, `SHOP_SELL_PRICE`: In whole coins. [default: 3]
* `--home TEXT`, `SHOP_HOME`: Where the till stands.
* `--help`: Show this message and exit.
"""
    )


def test_the_variable_on_the_page_is_the_one_that_works() -> None:
    seen: list[int] = []

    @shop.command()
    @click.option("--price", default=3)
    def tell(price: int) -> None:
        seen.append(price)

    name_variables(shop, "shop")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SHOP_TELL_PRICE", "5")
        shop.main(["tell"], prog_name="shop", standalone_mode=False)
    assert seen == [5]


def test_the_committed_page_is_what_the_code_says() -> None:
    path = reference.DOCS / "reference" / "cli.md"
    if not path.exists():
        pytest.skip("docs/reference/cli.md is not there; `make docs` writes it")
    assert path.read_text(encoding="utf-8") == reference.pages()[path], "run `make docs`"
