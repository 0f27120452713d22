"""The command itself: an interruption is answered in one line from the first import on."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        from sealmark.cli.main import main as command_line

        command_line()
    except KeyboardInterrupt:
        sys.stderr.write("sealmark: interrupted\n")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
