"""A real forward proxy on a free loopback port."""

from __future__ import annotations

import select
import shutil
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunningProxy:
    """Where it listens, and what it writes down."""

    address: str
    log: Path

    def requests(self) -> str:
        """What was asked of it until now."""
        return self.log.read_text()


@contextmanager
def running_proxy(directory: Path, user: str, password: str) -> Iterator[RunningProxy]:
    """Run tinyproxy, which wants a login; it connects to whatever it is asked for."""
    program = shutil.which("tinyproxy", path="/usr/bin:/usr/sbin:/usr/local/bin")
    if program is None:
        pytest.skip("tinyproxy is not installed: run `make packages`")
    directory.mkdir()
    port = _free_port()
    log, configuration = directory / "log", directory / "tinyproxy.conf"
    configuration.write_text(
        f'Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 30\nLogFile "{log}"\n'
        f"LogLevel Connect\nBasicAuth {user} {password}\n"
    )
    process = subprocess.Popen(
        [program, "-d", "-c", str(configuration)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        yield RunningProxy(f"127.0.0.1:{port}", log)
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def behind_tls(proxy: RunningProxy, context: ssl.SSLContext) -> Iterator[str]:
    """Speak TLS in front of a proxy; yield where."""
    over = threading.Event()
    host, _, port = proxy.address.partition(":")

    def serve() -> None:
        while not over.is_set():
            with suppress(OSError):
                incoming, _ = listener.accept()
                incoming.settimeout(5)
                pumps.submit(_relay, incoming, context, (host, int(port)))

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(32) as pumps:
        listener.settimeout(0.1)
        pumps.submit(serve)
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()


def _relay(incoming: socket.socket, context: ssl.SSLContext, proxy: tuple[str, int]) -> None:
    with (
        suppress(OSError),
        context.wrap_socket(incoming, server_side=True) as inside,
        socket.create_connection(proxy, 5) as outside,
    ):
        while True:
            ready = [inside] if inside.pending() else select.select([inside, outside], [], [], 5)[0]
            for side in ready:
                content = side.recv(1 << 14)
                if not content:
                    return
                (outside if side is inside else inside).sendall(content)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None, "tinyproxy does not start"
            time.sleep(0.05)
        else:
            return
    raise AssertionError("tinyproxy does not listen")
