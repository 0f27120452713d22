"""An append-only Merkle log over opaque bytes (C2SP tlog-tiles). Imports nothing of ours.

`log.Ledger` appends and proves; `verify.verify` recomputes everything from the bytes. The format
is the published one, so that neither needs to be believed: `docs/ledger.md` says how to check
with other tools.
"""
