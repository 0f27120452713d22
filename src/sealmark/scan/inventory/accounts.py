"""The users an image knows: /etc/passwd (passwd(5)), for settings that name one."""

from __future__ import annotations

import re
from itertools import islice

from sealmark.scan.inventory.facts import FileFacts
from sealmark.scan.inventory.limits import optional_field
from sealmark.scan.inventory.reader import MEBIBYTE, Reader

PASSWD = b"etc/passwd"
MAX_ACCOUNTS = 100_000
"""Most accounts kept; a name beyond is one that cannot be looked up."""

_ACCOUNT = re.compile(rb"^[ \t]*([^:\n]{1,256})(?::[^:\n]*(?::([^:\n]*))?)?", re.MULTILINE)
_NUMBER = re.compile(rb"[+-]?[0-9]{1,20}")


def read(_path: bytes, content: bytes) -> FileFacts:
    """Read names with their uids; the first entry of a name counts, as in a lookup.

    A uid that is missing or no number is 0: so container runtimes read it (moby/sys/user).
    """
    ids: dict[str, int] = {}
    for account in islice(_ACCOUNT.finditer(content), MAX_ACCOUNTS):
        name, uid = optional_field(account[1]), (account[2] or b"").strip()
        if name is not None:
            ids.setdefault(name, int(uid) if _NUMBER.fullmatch(uid) else 0)
    return FileFacts(user_ids=ids)


READER = Reader(
    name="accounts",
    version=1,
    affects=(),
    read=read,
    paths=frozenset({PASSWD}),
    size_limit=4 * MEBIBYTE,
)
