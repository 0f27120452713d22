"""The ledger's own error root: one subclass for each thing a caller handles differently.

The room imports nothing of ours, so it does not share `sealmark.errors`; the exit codes are the
same: 1 denied, 3 usage, 4 input unreadable, 5 a needed service failed.
"""

from __future__ import annotations

from typing import ClassVar


class LedgerError(Exception):
    """Something about a ledger went wrong; `str()` is one line for a person."""

    exit_code: ClassVar[int] = 5


class UnprovenError(LedgerError):
    """A signature or a proof does not hold, or speaks of another log."""

    exit_code = 1


class MisuseError(LedgerError):
    """The caller asked for something that makes no sense: an index past the end, a bad name."""

    exit_code = 3


class MissingError(LedgerError):
    """There is no ledger, key or body where one was expected."""

    exit_code = 3


class MalformedError(LedgerError):
    """Bytes that are no note, checkpoint, tile, bundle, proof or key."""

    exit_code = 4


class DamagedError(LedgerError):
    """The ledger's own files contradict each other; nothing is appended to such a ledger."""

    exit_code = 4


class BusyError(LedgerError):
    """Another writer kept the ledger for longer than the caller would wait."""


class StorageError(LedgerError):
    """The operating system refused to read or write: disk full, permission, input/output error."""


class UnreadableFileError(StorageError):
    """A file of the ledger is there but cannot be read."""

    exit_code = 4
