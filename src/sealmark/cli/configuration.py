"""The configuration file: TOML, a table per command, an entry per option.

[check]
severity = "medium"
max-advisory-age = "3d"
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealmark.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import click

_LARGEST = 1 << 20


def defaults_for(context: click.Context, path: Path) -> dict[str, Any]:
    """Return the entries that the file has for the running command, by parameter name.

    Raises UsageError for a file that is no TOML, too large, or names an unknown option.
    """
    if not path.is_file():
        return {}
    table: Any = _read(path)
    for name in _command_names(context):
        table = table.get(name, {})
        if not isinstance(table, dict):
            raise UsageError(f"{path}: [{name}] must be a table")
    known = {option: p for p in context.command.params for option in _spellings(p)}
    entries = {key: value for key, value in table.items() if not isinstance(value, dict)}
    for key in entries:
        if key not in known:
            raise UsageError(f"{path}: `{context.command_path}` has no option {key!r}")
    return {str(known[key].name): value for key, value in entries.items()}


def _read(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        content = path.read_bytes()
        if len(content) > _LARGEST:
            raise UsageError(f"{path}: larger than {_LARGEST} bytes")
        return tomllib.loads(content.decode())
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {error}") from error


def _command_names(context: click.Context) -> list[str]:
    names = []
    here: click.Context | None = context
    while here is not None and here.parent is not None:
        names.append(here.command.name or "")
        here = here.parent
    return names[::-1]


def _spellings(parameter: click.Parameter) -> list[str]:
    return [option.lstrip("-") for option in parameter.opts if option.startswith("--")]
