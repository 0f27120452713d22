"""`sealmark ledger`: verify, show and prove the append-only log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sealmark.cli.ledger_reading import key_option, open_to_read, trusted_key
from sealmark.cli.output import write_output
from sealmark.cli.state import current_state, home_option
from sealmark.ledger.errors import LedgerError

if TYPE_CHECKING:
    from sealmark.ledger.verify import Verification

DENIED = 1
MAX_INPUT_BYTES = 2_000_000
SUMMARY_LETTERS = 120


class LedgerGroup(click.Group):
    """Turns the ledger's errors into one line and their exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the sub-command."""
        try:
            return super().invoke(ctx)
        except LedgerError as error:
            click.echo(f"sealmark: {error}", err=True)
            raise click.exceptions.Exit(error.exit_code) from None


@click.group(cls=LedgerGroup)
@home_option
def command() -> None:
    """Verify, prove and show the append-only log of decisions."""


_form = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print.",
)


@command.command()
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    help="A checkpoint kept from earlier: the log must continue it.",
)
@key_option
@_form
@home_option
def verify(against: Path | None, key_text: str | None, form: str) -> int:
    """Recompute the whole log from its bytes.

    Keep a copy of the file `checkpoint` elsewhere: with --against it, even a rewrite by whoever
    holds the signing key is noticed.
    """
    from sealmark.ledger.directory import open_directory
    from sealmark.ledger.verify import verify as recompute

    directory = current_state().ledger
    kept = read_input(against) if against is not None else None
    key = trusted_key(directory, key_text)
    result = recompute(open_directory(directory), key, against=kept, bodies_of=bodies_of)
    report = _report(result, directory, against)
    write_output(_json(report) if form == "json" else _verdict(result, directory, against))
    return 0 if result.ok else DENIED


@command.command()
@click.option("--last", type=click.IntRange(0, 1000), default=5, show_default=True, help="Entries.")
@key_option
@_form
@home_option
def show(last: int, key_text: str | None, form: str) -> None:
    """Print where the log is, the key that verifies it, its size and its last entries."""
    directory = current_state().ledger
    ledger = open_to_read(directory, key_text)
    checkpoint = ledger.checkpoint()
    first = max(0, checkpoint.size - last)
    entries = enumerate(map(summary, ledger.entries(first, checkpoint.size)), first)
    facts = {
        "directory": str(directory),
        "verifier_key": str(ledger.verifier_key),
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
    }
    if form == "json":
        listed = [{"index": index, "summary": text} for index, text in entries]
        click.echo(_json({**facts, "entries": listed}))
        return
    for name, value in facts.items():
        click.echo(f"{name.replace('_', ' '):<13} {value}")
    for index, text in entries:
        click.echo(f"{index:>13} {text}")


@command.command()
@click.argument("index", type=click.IntRange(min=0))
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Where to write; - is standard output.  [default: entry-INDEX.tlog-proof]",
)
@key_option
@home_option
def prove(index: int, output: Path | None, key_text: str | None) -> None:
    """Write one self-contained file that proves entry INDEX to whoever has the verifier key."""
    ledger = open_to_read(current_state().ledger, key_text)
    proof = ledger.prove(index)
    if output == Path("-"):
        click.echo(proof, nl=False)
        return
    target = output or Path(f"entry-{index}.tlog-proof")
    try:
        target.write_bytes(proof)
    except OSError as error:
        raise click.UsageError(f"{target}: {error.strerror}") from None
    click.echo(f"proven: entry {index} is in the log; proof written to {target}")
    click.echo(
        f"check it anywhere: sealmark ledger check-proof {target} --key {ledger.verifier_key}"
    )


@command.command("check-proof")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--key", "key_text", metavar="VKEY", required=True, help="The verifier key to trust.")
@_form
def check_proof(file: Path, key_text: str, form: str) -> None:
    """Check a proof file with the verifier key alone; no ledger is needed."""
    from sealmark.ledger.note import VerifierKey
    from sealmark.ledger.proof import verify_proof

    proven = verify_proof(read_input(file), VerifierKey.parse(key_text))
    if form == "json":
        facts = {
            "origin": proven.checkpoint.origin,
            "index": proven.index,
            "size": proven.checkpoint.size,
            "entry": proven.entry.decode("utf-8", "backslashreplace"),
        }
        click.echo(_json(facts))
        return
    place = f"entry {proven.index} of {proven.checkpoint.size} in {proven.checkpoint.origin}"
    click.echo(f"proven: {place}")
    click.echo(summary(proven.entry))


def read_input(path: Path) -> bytes:
    """Read a small file the user names, or standard input for `-`; LedgerError exit 4 if not."""
    from sealmark.ledger.errors import MalformedError, UnreadableFileError

    try:
        with click.open_file(str(path), "rb") as file:
            data: bytes = file.read(MAX_INPUT_BYTES + 1)
    except OSError as error:
        raise UnreadableFileError(f"{path}: {error.strerror}") from None
    if len(data) > MAX_INPUT_BYTES:
        raise MalformedError(f"{path}: expected at most {MAX_INPUT_BYTES} bytes")
    return data


def summary(entry: bytes) -> str:
    """Return the start of an entry as one printable line."""
    text = entry[: 4 * SUMMARY_LETTERS].decode("utf-8", "backslashreplace")
    line = "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
    return line if len(line) <= SUMMARY_LETTERS else line[: SUMMARY_LETTERS - 1] + "…"


def bodies_of(entry: bytes) -> list[str]:
    """Return the digests a statement refers to; none for bytes that are no statement of ours."""
    from sealmark.gate.entry import body_digests

    try:
        return list(body_digests(entry))
    except (ValueError, RecursionError):
        return []


def _report(result: Verification, directory: Path, against: Path | None) -> dict[str, Any]:
    checkpoint = result.checkpoint
    return {
        "ok": result.ok,
        "directory": str(directory),
        "origin": checkpoint.origin if checkpoint else None,
        "size": checkpoint.size if checkpoint else None,
        "root": checkpoint.root.hex() if checkpoint else None,
        "against": str(against) if against else None,
        "checked": {"entries": result.entries, "tiles": result.tiles, "bodies": result.bodies},
        "pending": result.pending,
        "problems": [
            {"kind": item.kind, "where": item.where, "expected": item.expected, "got": item.got}
            for item in result.problems
        ],
        "unlisted": result.unlisted,
    }


def _verdict(result: Verification, directory: Path, against: Path | None) -> str:
    lines = _proven(result, against) if result.ok else _denied(result, directory)
    if result.pending:
        late = _count(result.pending, "entries")
        lines.append(f"{late} more committed, not yet published: the next append does that")
    return "\n".join(lines)


def _proven(result: Verification, against: Path | None) -> list[str]:
    assert result.checkpoint is not None
    checked = ((result.entries, "entries"), (result.tiles, "tiles"), (result.bodies, "bodies"))
    counted = ", ".join(_count(number, things) for number, things in checked)
    lines = [
        f"verified: {result.checkpoint.origin}, {counted}, root {result.checkpoint.root.hex()}"
    ]
    if against is not None:
        lines.append(f"it continues the checkpoint in {against}")
    else:
        lines.append("keep a copy of its checkpoint elsewhere and verify --against it next time")
    return lines


def _denied(result: Verification, directory: Path) -> list[str]:
    count = len(result.problems) + result.unlisted
    lines = [f"NOT verified: {_count(count, 'problems')} in {directory}"]
    lines.append("next: keep these files as they are, and compare with a backup or another copy")
    lines += [f"  {item.kind:<10} {item}" for item in result.problems]
    if result.unlisted:
        lines.append(f"  and {result.unlisted} more")
    return lines


def _count(number: int, things: str) -> str:
    one = things[:-3] + "y" if things.endswith("ies") else things[:-1]
    return f"{number} {one if number == 1 else things}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
