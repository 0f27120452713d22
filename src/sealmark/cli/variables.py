"""The environment variable of every option, called after the command and the option.

`sealmark ledger check-proof --key` is SEALMARK_LEDGER_CHECK_PROOF_KEY, whatever the parameter of
the function is called. An option that says its own variable keeps it.
"""

from __future__ import annotations

import click


def name_variables(command: click.Command, *words: str) -> None:
    """Give a variable to every option of `command`, which `words` call, and of those below it."""
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.envvar is None:
            name = max(parameter.opts, key=len).lstrip("-")
            parameter.envvar = "_".join((*words, name)).replace("-", "_").upper()
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            name_variables(below, *words, name)
