"""The ledger read with a verifier key alone; whoever reads needs no private key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealmark.ledger.errors import MissingError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from sealmark.ledger.log import Ledger
    from sealmark.ledger.note import VerifierKey

key_option = click.option(
    "--key",
    "key_text",
    metavar="VKEY",
    help="The verifier key to trust, from `ledger show`; by default the ledger's own.",
)


def open_to_read(directory: Path, key_text: str | None) -> Ledger:
    """Open a ledger, or a copy of one, without touching it. Raises LedgerError."""
    from sealmark.ledger.opening import open_for_reading

    return open_for_reading(directory, trusted_key(directory, key_text))


def trusted_key(directory: Path, text: str | None) -> VerifierKey:
    """Return the key given as `text`, or else the public half of the ledger's own key file.

    Raises MalformedError, or MissingError or StorageError where neither can be had.
    """
    from sealmark.ledger.note import VerifierKey
    from sealmark.ledger.opening import own_verifier_key

    if text is not None:
        return VerifierKey.parse(text)
    try:
        return own_verifier_key(directory)
    except (MissingError, StorageError) as error:
        if not directory.is_dir():
            raise
        raise type(error)(f"{error}; or name the key to trust with --key") from None
