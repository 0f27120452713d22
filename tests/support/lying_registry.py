"""A small HTTP server on loopback whose every answer is a test's choice."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What it gets back; Content-Length is the truth unless the headers say otherwise.

    With a pause the body comes byte by byte, so many seconds apart.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0


@dataclass(slots=True)
class Peer:
    """A running server: where it listens, and everything that was sent to it."""

    address: str
    seen: list[Request]


@contextmanager
def lying_registry(answer: Callable[[Request], Answer]) -> Iterator[Peer]:
    """Serve `answer` on a free loopback port."""
    seen: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            sent = {key.lower(): value for key, value in self.headers.items()}
            request = Request(self.command, self.path, sent, body)
            seen.append(request)
            reply = answer(request)
            self.send_response(reply.status)
            for key, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(key, value)
            self.send_header("Connection", "close")
            self.end_headers()
            with suppress(OSError):
                if self.command != "HEAD":
                    self._write(reply)
            self.close_connection = True

        def _write(self, reply: Answer) -> None:
            step = 1 if reply.pause else len(reply.body) or 1
            for at in range(0, len(reply.body), step):
                time.sleep(reply.pause)
                self.wfile.write(reply.body[at : at + step])

        do_GET = do_POST = do_PUT = do_HEAD = _handle  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield Peer(f"127.0.0.1:{server.server_address[1]}", seen)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
