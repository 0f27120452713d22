"""A real forward proxy on a free loopback port."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
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
