"""Finding a ledger in a directory, or founding one there."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from sealmark.ledger.checkpoint import Checkpoint, unsafe_read_checkpoint
from sealmark.ledger.directory import WAIT_SECONDS, open_directory
from sealmark.ledger.errors import (
    DamagedError,
    MalformedError,
    MissingError,
    MisuseError,
    StorageError,
)
from sealmark.ledger.key import create_key, load_key, sync_folder
from sealmark.ledger.log import Ledger
from sealmark.ledger.merkle import EMPTY_ROOT
from sealmark.ledger.note import MAX_NOTE_BYTES, VerifierKey, valid_name
from sealmark.ledger.storage import CHECKPOINT, Head, Objects, Shelf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sealmark.ledger.key import SigningKey

MAX_ORIGIN_LETTERS = 200


class Storage(Objects, Head, Shelf, Protocol):
    """A place for a whole ledger."""


def key_path(directory: Path) -> Path:
    """Return where the key of the ledger in `directory` lies by default: beside it.

    Not inside, so that the directory can be copied or served whole.
    """
    return directory.with_name(directory.name + ".key")


def open_ledger(
    directory: Path,
    *,
    create: bool = False,
    key: Path | None = None,
    origin: str | None = None,
    wait: float = WAIT_SECONDS,
) -> Ledger:
    """Open the ledger in `directory` with its signing key; with `create`, found it if absent.

    `key` is the key file, by default `key_path(directory)`; `origin` the log's name, for a new
    one by default `sealmark/` and a random number; `wait` how many seconds to wait for other
    writers. Raises MissingError, MisuseError, StorageError, MalformedError, DamagedError.
    """
    storage = open_directory(directory, wait)
    file = key or key_path(directory)
    raw = storage.read()
    if create and (raw is None or not storage.has(CHECKPOINT)):
        _make_folder(directory)
        raw = found(storage, lambda: create_key(file), origin)
    if raw is None:
        raise MissingError(f"no ledger in {directory}: the first decision recorded there makes it")
    name = unsafe_read_checkpoint(raw).origin
    if origin not in (None, name):
        raise MisuseError(f"the ledger in {directory} is {name}, expected {origin}")
    signer = load_key(file)
    return Ledger(storage, storage, signer.verifier(name), signer)


def open_for_reading(directory: Path, verifier_key: VerifierKey) -> Ledger:
    """Open a ledger, or somebody's copy of one, that `verifier_key` vouches for.

    Raises MissingError, StorageError, and on use UnprovenError if another key signed it.
    """
    storage = open_directory(directory)
    if not storage.has(CHECKPOINT):
        raise MissingError(f"no ledger in {directory}: there is no file {CHECKPOINT}")
    return Ledger(storage, storage, verifier_key)


def own_verifier_key(directory: Path, key: Path | None = None) -> VerifierKey:
    """Return the public half of the key file beside the ledger, under the log's name.

    Works on a damaged ledger as long as its head or its checkpoint can be read. Raises
    MissingError, MalformedError or StorageError.
    """
    storage = open_directory(directory)
    stored = (storage.get(CHECKPOINT, MAX_NOTE_BYTES), storage.read())
    heads = [raw for raw in stored if raw is not None]
    if not heads:
        raise MissingError(f"no ledger in {directory}: the first decision recorded there makes it")
    signer = load_key(key or key_path(directory))
    for raw in heads:
        with suppress(MalformedError):
            return signer.verifier(unsafe_read_checkpoint(raw).origin)
    raise MalformedError(f"{directory}: neither head nor checkpoint is a signed checkpoint")


def found(storage: Storage, signer: Callable[[], SigningKey], origin: str | None = None) -> bytes:
    """Found a log with no entries; return its head. Finishes a founding that was interrupted.

    Raises MisuseError for a name no key may have, DamagedError if there are tiles but no head.
    """
    name = origin or f"sealmark/{secrets.token_hex(8)}"
    if not valid_name(name) or not name.isprintable() or len(name) > MAX_ORIGIN_LETTERS:
        raise MisuseError(f"a log's name has no spaces and no plus, got {name[:80]!r}")
    with storage.hold():
        head = storage.read()
        if head is None:
            head = _first_head(storage, signer(), name)
        if unsafe_read_checkpoint(head).size == 0:
            storage.put({CHECKPOINT: head})
        return head


def _first_head(storage: Storage, signer: SigningKey, name: str) -> bytes:
    if any(True for _ in storage.names("tile")) or storage.has(CHECKPOINT):
        raise DamagedError("there are tiles or a checkpoint but no head: restore a whole copy")
    head = signer.sign(Checkpoint(name, 0, EMPTY_ROOT).text(), name)
    storage.swap(None, head)
    return head


def _make_folder(directory: Path) -> None:
    """Make the folder and its parents durable, as far as we may sync those."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        sync_folder(directory)
    except OSError as error:
        raise StorageError(f"{directory}: {os.strerror(error.errno or 0)}") from None
    for parent in directory.absolute().parents:
        with suppress(OSError):
            sync_folder(parent)
