"""Build the outside tools that tests compare with, into `.peers/bin`; `make peers` runs this.

A tool that cannot be had here (its compiler is not installed, its sources cannot be downloaded)
is skipped with a line that says why, and the tests that need it skip too. A tool that is had but
does not build is an error. Each is built again only when its sources change.

To add a tool, add a line to PEERS; to add a kind of tool, a class with the methods of `Peer`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).resolve().parent.parent
PEERS_FOLDER = ROOT / ".peers"
MINUTE = 60


class UnavailableError(Exception):
    """The tool cannot be had on this machine, now; `str()` says why."""


class Peer(Protocol):
    """A tool that can be built."""

    @property
    def name(self) -> str:
        """What the built program is called."""
        ...

    def state(self) -> str:
        """A digest of everything it is built from."""
        ...

    def build(self, target: Path) -> None:
        """Build it; UnavailableError if it cannot be had, CalledProcessError if it fails."""
        ...


@dataclass(frozen=True)
class GoProgram:
    """A Go program in this repository, its modules pinned by go.mod and go.sum."""

    name: str
    source: Path

    def state(self) -> str:
        digest = hashlib.sha256()
        for path in sorted(self.source.rglob("*")):
            if path.is_file():
                digest.update(str(path.relative_to(self.source)).encode() + b"\0")
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def build(self, target: Path) -> None:
        if shutil.which("go") is None:
            raise UnavailableError("no `go` on PATH: install Go and run `make peers` again")
        go_build(self.source, ".", target)


@dataclass(frozen=True)
class GoModule:
    """A published Go program: its module pinned by hash, its modules by the go.sum in there."""

    name: str
    module: str
    version: str
    sum: str
    package: str

    def state(self) -> str:
        pinned = "\0".join((self.module, self.version, self.sum, self.package))
        return hashlib.sha256(pinned.encode()).hexdigest()

    def build(self, target: Path) -> None:
        if shutil.which("go") is None:
            raise UnavailableError("no `go` on PATH: install Go and run `make peers` again")
        named = f"{self.module}@{self.version}"
        fetched = go(ROOT, "mod", "download", "-json", named, timeout=5 * MINUTE)
        if fetched.returncode:
            raise UnavailableError(f"{named} cannot be fetched")
        found = json.loads(fetched.stdout)
        if found["Sum"] != self.sum:
            raise subprocess.CalledProcessError(1, f"{named} is {found['Sum']}, not {self.sum}")
        go_build(Path(found["Dir"]), self.package, target)


def go_build(source: Path, package: str, target: Path) -> None:
    """Build a Go program; UnavailableError if its modules cannot be had."""
    fetched = go(source, "mod", "download", timeout=10 * MINUTE)
    if fetched.returncode:
        reason = fetched.stderr.strip().splitlines() or ["go mod download failed"]
        raise UnavailableError(f"modules cannot be fetched: {reason[-1]}")
    arguments = ("build", "-mod=readonly", "-o", str(target), package)
    built = go(source, *arguments, timeout=30 * MINUTE)
    if built.returncode:
        sys.stderr.write(built.stderr)
        built.check_returncode()


def go(source: Path, *arguments: str, timeout: float) -> subprocess.CompletedProcess[str]:
    """Run the go command in `source`, with the toolchain that is installed."""
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false"}
    try:
        return subprocess.run(
            ["go", *arguments],
            cwd=source,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"go {arguments[0]} took over {timeout:g} s") from None


PEERS: tuple[Peer, ...] = (
    GoProgram("go-tlog", ROOT / "tests/peers/go-tlog"),
    GoProgram("go-sarif", ROOT / "tests/peers/go-sarif"),
    GoProgram("go-registry", ROOT / "tests/peers/go-registry"),
    GoModule(
        "crane",
        "github.com/google/go-containerregistry",
        "v0.22.1",
        "h1:RZuuSYhTvlDvtsK+NkutoCZ//C0X2ebLK8X8l3ULs84=",
        "./cmd/crane",
    ),
    GoModule(
        "oras",
        "oras.land/oras",
        "v1.3.6",
        "h1:Lhsfr2tQLjsu/+CJZp6vYatwKT+62fbIUTlp4lUrfOA=",
        "./cmd/oras",
    ),
    GoModule(
        "cosign",
        "github.com/sigstore/cosign/v3",
        "v3.1.3",
        "h1:001JQRI/PJ/5T+g/kJ1KTvKFbb322+fomc+pHDZ/6sg=",
        "./cmd/cosign",
    ),
)


def make(peer: Peer, folder: Path = PEERS_FOLDER) -> str:
    """Build a peer unless it is up to date; return what happened in a few words."""
    program, stamp = folder / "bin" / peer.name, folder / "state" / peer.name
    state = peer.state()
    if program.exists() and stamp.exists() and stamp.read_text() == state:
        return "up to date"
    for path in (program, stamp):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
    try:
        peer.build(program)
    except UnavailableError as error:
        return f"skipped: {error}"
    stamp.write_text(state)
    return "built"


def main() -> int:
    failed = 0
    for peer in PEERS:
        try:
            outcome = make(peer)
        except subprocess.CalledProcessError as error:
            outcome, failed = f"FAILED with exit code {error.returncode}", 1
        print(f"{peer.name}: {outcome}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
