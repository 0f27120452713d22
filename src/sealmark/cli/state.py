"""Where state lives: the XDG directories, or one directory given with `--home`."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from sealmark.cli.configuration import defaults_for
from sealmark.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


@dataclass(frozen=True, slots=True)
class State:
    """The three directories; nothing is created before something is written."""

    data: Path
    cache: Path
    config: Path
    named: Path | None = None
    """The `--home` that was given on the command line."""

    @property
    def repeated(self) -> str:
        """What a command that is shown to be typed needs after it, to find the same state."""
        return f" --home {shlex.quote(str(self.named))}" if self.named else ""

    @property
    def ledger(self) -> Path:
        """The directory of the append-only log."""
        return self.data / "ledger"

    @property
    def advisories(self) -> Path:
        """The advisory database file."""
        return self.data / "advisories.db"

    @property
    def layers(self) -> Path:
        """The cache of what layers hold, by digest."""
        return self.cache / "layers"

    @property
    def cache_secret(self) -> Path:
        """The secret that seals the entries of the cache; kept out of it on purpose."""
        return self.data / "cache.secret"

    @property
    def trust_file(self) -> Path:
        """Who must have signed what runs, if anybody is named."""
        return self.config / "trust.toml"

    @property
    def config_file(self) -> Path:
        """The configuration file."""
        return self.config / "config.toml"


def state_under(home: Path | None) -> State:
    """Return the directories under `home`, or by the XDG base directory specification."""
    if home is not None:
        return State(home / "data", home / "cache", home / "config")
    return State(
        _xdg("XDG_DATA_HOME", ".local/share"),
        _xdg("XDG_CACHE_HOME", ".cache"),
        _xdg("XDG_CONFIG_HOME", ".config"),
    )


def _xdg(variable: str, default: str) -> Path:
    """A relative path in the variable is to be ignored (XDG base directory specification)."""
    value = os.environ.get(variable, "")
    base = Path(value) if Path(value).is_absolute() else _home() / default
    return base / "sealmark"


def _home() -> Path:
    try:
        home = Path.home()
    except RuntimeError as error:
        raise UsageError("there is no home directory: set HOME, or give --home DIR") from error
    if not home.is_absolute():
        raise UsageError(f"HOME={home} is no absolute path: set it, or give --home DIR")
    return home


def home_option(command: F) -> F:
    """Give a command `--home DIR`, and the entries of the configuration file found there.

    The option is read before the others, so that the file can supply what they lack.
    """
    return click.option(
        "--home",
        envvar="SEALMARK_HOME",
        type=click.Path(file_okay=False, path_type=Path),
        expose_value=False,
        is_eager=True,
        callback=_remember,
        help="Keep all state in DIR instead of the XDG directories.",
        metavar="DIR",
    )(command)


def _remember(context: click.Context, _: click.Parameter, home: Path | None) -> None:
    """Keep what is given last on the command line; then comes the environment."""
    root = context.find_root()
    given = context.get_parameter_source("home") is ParameterSource.COMMANDLINE
    if given or not isinstance(root.obj, State):
        root.obj = replace(state_under(home), named=home if given else None)
    context.default_map = defaults_for(context, root.obj.config_file)


def current_state() -> State:
    """Return the state directories of the running command."""
    found = click.get_current_context().find_root().obj
    return found if isinstance(found, State) else state_under(None)
