"""An append-only Merkle log over opaque bytes (C2SP tlog-tiles). Imports nothing of ours."""
