"""Write the reference from the code: the JSON Schemas and the page about the command line.

Usage: `python tools/reference.py` (which is `make docs`); `--check` writes nothing and fails if
a file is not what the code says.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sealmark.decision import Decision
from sealmark.evidence.schema import evidence_schema, json_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).resolve().parent.parent / "docs"
DECISION_ID = "urn:sealmark:schema:decision:v1"

_INTRODUCTION = """\
# The command line

Made from the code by `make docs`. Every option can also be set by the environment variable that
stands beside it, or in the configuration file (`config.toml`) under a table with the command's
name and the option's name without dashes. The command line comes first, then the environment,
then the file.

Exit codes: 0 allowed or done, 1 denied, 2 unknown verdict, 3 usage or configuration, 4 input
unreadable, 5 a needed service failed; 130 interrupted, 141 whoever read the output went away.
"""


def decision_schema() -> dict[str, Any]:
    """Return the schema of `decision/v1`."""
    return json_schema(Decision, DECISION_ID, "A decision about one subject, version 1")


def schema_text(schema: dict[str, Any]) -> str:
    """Return a schema as the file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def command_line_page(root: click.Command) -> str:
    """Return the page about `root` and everything below it."""
    context = click.Context(root, info_name=root.name, **root.context_settings)
    return "\n".join([_INTRODUCTION, *_sections(root, context)]).rstrip() + "\n"


def _sections(command: click.Command, context: click.Context) -> Iterator[str]:
    yield from _section(command, context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from _sections(below, click.Context(below, context, info_name=name))


def _section(command: click.Command, context: click.Context) -> Iterator[str]:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"## `{context.command_path}`\n"
    yield f"    {usage}\n"
    yield f"{_paragraphs(command)}\n"
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Option) and not parameter.hidden:
            yield _option(parameter, context)
    yield ""


def _paragraphs(command: click.Command) -> str:
    """Return the help text; a form feed ends what is meant for people at a terminal."""
    text = (command.help or "").partition("\f")[0].replace("\b\n", "")
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _option(option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)
    names, text = record if record is not None else (", ".join(option.opts), option.help or "")
    line = f"`{names}`" + (f", `{option.envvar}`" if option.envvar else "")
    return f"* {line}: {' '.join(text.split())}"


def pages() -> dict[Path, str]:
    """Return every generated file with its content."""
    from sealmark.cli.main import sealmark

    return {
        DOCS / "schema" / "evidence-v1.schema.json": schema_text(evidence_schema()),
        DOCS / "schema" / "decision-v1.schema.json": schema_text(decision_schema()),
        DOCS / "reference" / "cli.md": command_line_page(sealmark),
    }


def main(arguments: list[str]) -> int:
    stale = []
    for path, text in pages().items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path)
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(DOCS.parent)}")
    if stale and "--check" in arguments:
        names = ", ".join(path.name for path in stale)
        print(f"not what the code says: {names}; run `make docs`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
