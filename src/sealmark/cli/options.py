"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
FILE = click.Path(dir_okay=False, path_type=Path)


class Duration(click.ParamType[timedelta]):
    """A length of time: a number and one of s, m, h, d, w."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read `7d`, `36h` …; fail with a usage error."""
        if isinstance(value, timedelta):
            return value
        match = _DURATION.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is no duration such as 7d, 36h or 90m", param, ctx)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})


class Moment(click.ParamType[datetime]):
    """A point in time by RFC 3339; without a zone it is UTC."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read `2026-11-24T09:00:00Z` or `2026-11-24`; fail with a usage error."""
        if isinstance(value, datetime):
            return value
        try:
            read = datetime.fromisoformat(str(value))
            return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time such as 2026-11-24T09:00:00Z", param, ctx)


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How an image is reached, as the user asked for it."""

    platform: str | None
    no_cache: bool
    registry_ca: Path | None = None
    plain_http: bool = False
    registry_timeout: timedelta = timedelta(minutes=5)


_REACHED_BY = ("registry_ca", "plain_http", "registry_timeout")
_REGISTRY_OPTIONS = (
    click.option(
        "--registry-ca", type=FILE, help="Trust the CA certificates in FILE for registries too."
    ),
    click.option("--plain-http", is_flag=True, help="Reach registries without TLS."),
    click.option(
        "--registry-timeout",
        type=Duration(),
        default=timedelta(minutes=5),
        show_default="5m",
        help="Wait so long for one answer of a registry, with all attempts and logins.",
    ),
)


_SOURCE_OPTIONS = (
    click.option("--platform", metavar="OS/ARCH", help="Which image of an index; default: ours."),
    click.option("--no-cache", is_flag=True, help="Read every layer again."),
    *_REGISTRY_OPTIONS,
)


def registry_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say how a registry is reached, as one value `source`."""

    @functools.wraps(command)
    def collected(**values: Any) -> Any:
        reached = {name: values.pop(name) for name in _REACHED_BY}
        return command(source=SourceOptions(platform=None, no_cache=False, **reached), **values)

    for option in reversed(_REGISTRY_OPTIONS):
        collected = option(collected)
    return collected


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say how an image is reached, as one value `source`."""

    @functools.wraps(command)
    def collected(**values: Any) -> Any:
        names = [field.name for field in fields(SourceOptions)]
        source = SourceOptions(**{name: values.pop(name) for name in names})
        return command(source=source, **values)

    for option in reversed(_SOURCE_OPTIONS):
        collected = option(collected)
    return collected


@dataclass(frozen=True, slots=True)
class TrustOptions:
    """Whose signatures are asked for, as the user said it."""

    trust: Path | None
    repository: str | None


_TRUST_OPTIONS = (
    click.option(
        "--trust",
        type=FILE,
        help="Ask for the signatures that this file names, instead of trust.toml.",
    ),
    click.option(
        "--repository",
        metavar="HOST/NAME",
        help="What IMAGE must be signed for; default: where it is found.",
    ),
)


def trust_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say who must have signed, as one value `trusted`."""

    @functools.wraps(command)
    def collected(trust: Path | None, repository: str | None, **values: Any) -> Any:
        return command(trusted=TrustOptions(trust, repository), **values)

    for option in reversed(_TRUST_OPTIONS):
        collected = option(collected)
    return collected


def advisory_options(command: F) -> F:
    """Give a command the option that names another advisory database."""
    return click.option(
        "--advisories",
        "database",
        type=FILE,
        help="Use this advisory database instead of the one `advisories update` keeps.",
    )(command)


def output_option(command: F) -> F:
    """Give a command `--output FILE`; `-` is standard output."""
    return click.option(
        "-o", "--output", type=FILE, default="-", help="Write to FILE; - is standard output."
    )(command)
