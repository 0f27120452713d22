"""A deadline that holds whatever a peer does: slow handshakes, headers and bodies are cut off.

A timeout on each read does not bound a peer that sends a byte now and then. So the connection
itself is shut down when time is up, and whoever waits on it finds it closed.
"""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, contextmanager, suppress
from threading import Lock, Timer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Deadline:
    """So many seconds from now."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left, never less than none."""
        return max(0.0, self._ends - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether time is up."""
        return self.left == 0.0

    @property
    def why(self) -> str:
        """What to say when it is."""
        return f"not done after {self._seconds:g} seconds"

    @contextmanager
    def watch(self) -> Iterator[Callable[[str, Mapping[str, Any]], None]]:
        """Yield a trace function for requests; their connections end with the deadline."""
        watched = _Connections()
        timer = Timer(self.left, watched.cut)
        timer.daemon = True
        with ExitStack() as stack:
            timer.start()
            stack.callback(watched.close)
            stack.callback(timer.join)
            stack.callback(timer.cancel)
            yield watched.trace


class _Connections:
    """Second handles of the sockets in use: a socket keeps its connection when TLS wraps it."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._lock = Lock()
        self._late = False

    def trace(self, event: str, facts: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            opened = facts["return_value"].get_extra_info("socket").dup()
            with self._lock:
                self._sockets.append(opened)
                late = self._late
            if late:
                self.cut()

    def cut(self) -> None:
        with self._lock:
            self._late = True
            for one in self._sockets:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with self._lock:
            for one in self._sockets:
                one.close()
            self._sockets.clear()
