"""The configuration file: TOML, a table per command, an entry per option.

[check]
severity = "medium"
max-advisory-age = "3d"
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sealmark.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LARGEST = 1 << 16
# The file is found by --home, so it cannot set it; the others end the command at once.
_NOT_SET_HERE = frozenset({"home", "help", "version"})


def defaults_for(context: click.Context, path: Path) -> dict[str, Any]:
    """Return the entries that the file has for the running command, by parameter name.

    Raises UsageError for a file that is no TOML or too large, and for whatever in it names no
    command, no option, or no value of one: what is misspelt must not be taken for unset.
    """
    table: Any = _read(path)
    if not table:
        return {}
    for above, here in _way_to(context):
        _refuse_strangers(path, above, table)
        table = table.get(here.info_name, {})
        if not isinstance(table, dict):
            raise UsageError(f"{path}: [{here.info_name}] must be a table")
    _refuse_strangers(path, context, table)
    known = _options(context)
    return {
        str(known[key].name): _value(f"{path}: {key}", known[key], value)
        for key, value in table.items()
        if key in known
    }


def _read(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        if not path.is_file():
            if path.exists() or path.is_symlink():
                raise UsageError(f"{path}: expected a file")
            return {}
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise UsageError(f"{path}: larger than {_LARGEST} bytes")
        return tomllib.loads(content.decode())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {error}") from error


def _way_to(context: click.Context) -> Iterator[tuple[click.Context, click.Context]]:
    """Yield the contexts from the root down to `context`, each with the next."""
    if context.parent is not None:
        yield from _way_to(context.parent)
        yield context.parent, context


def _refuse_strangers(path: Path, context: click.Context, table: dict[str, Any]) -> None:
    """Everything in a command's table is one of its options or the table of a sub-command."""
    group = context.command if isinstance(context.command, click.Group) else None
    commands = group.list_commands(context) if group else []
    for key, value in table.items():
        if key in commands or key in _options(context):
            continue
        what = "command" if isinstance(value, dict) else "option"
        raise UsageError(f"{path}: `{context.command_path}` has no {what} {key!r}")


def _options(context: click.Context) -> dict[str, click.Option]:
    options = (p for p in context.command.params if isinstance(p, click.Option))
    spelt = ((name.lstrip("-"), option) for option in options for name in option.opts)
    return {name: o for name, o in spelt if len(name) > 1 and name not in _NOT_SET_HERE}


def _value(what: str, option: click.Option, value: Any) -> Any:
    """Return what the command line would have given for `value`."""
    if option.multiple:
        if not isinstance(value, list):
            raise UsageError(f"{what} must be a list")
        return [_text(what, one) for one in value]
    if not option.is_flag:
        return _text(what, value)
    if not isinstance(value, bool):
        raise UsageError(f"{what} must be true or false")
    return value


def _text(what: str, value: Any) -> str:
    """Numbers and times are written as they are on the command line."""
    if isinstance(value, bool | list | dict) or "\0" in str(value):
        raise UsageError(f"{what} must be one text")
    return str(value)
