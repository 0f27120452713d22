"""One file per foreign system; sockets, subprocesses and clocks live here."""
