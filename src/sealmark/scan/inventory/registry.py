"""Every reader there is. A new ecosystem adds its file and its line here."""

from __future__ import annotations

from sealmark.scan.inventory import (
    accounts,
    apk,
    debian_copyright,
    dpkg,
    npm,
    npm_lock,
    operating_system,
    python,
    unread,
)

READERS = (
    accounts.READER,
    operating_system.READER,
    dpkg.READER,
    debian_copyright.READER,
    apk.READER,
    python.READER,
    npm.READER,
    npm_lock.READER,
    unread.READER,
)

INVENTORY_VERSION = "1:" + ",".join(f"{reader.name}={reader.version}" for reader in READERS)
"""Keys the cache of a layer's facts: the layout of `FileFacts`, then every reader's version."""
