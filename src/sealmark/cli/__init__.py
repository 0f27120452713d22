"""The command line: one file per command, and `wiring`, the only place that builds adapters."""
