"""The one error root. A subclass exists for each thing a caller handles differently.

The exit codes are the design's: 3 usage, 4 input unreadable, 5 a needed service failed.
"""

from __future__ import annotations

from typing import ClassVar


class SealmarkError(Exception):
    """Something went wrong in a way Sealmark can name; `str()` is one line for a person."""

    exit_code: ClassVar[int] = 5


class UsageError(SealmarkError):
    """The caller asked for something that makes no sense: a bad option, name or setting."""

    exit_code = 3


class UnreadableError(SealmarkError):
    """Bytes that fail their digest, exceed a limit or cannot be decoded: no evidence."""

    exit_code = 4


class ServiceError(SealmarkError):
    """A registry, feed or program that is needed did not answer as it should."""

    exit_code = 5
