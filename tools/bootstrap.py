"""Bring up `.venv`: uv and the pinned, hashed requirements, from whatever index pip is set up for.

Needs only the standard library. Usage: `python3 tools/bootstrap.py runtime|dev`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


def run(*command: str, **environment: str) -> None:
    subprocess.run(command, check=True, env={**os.environ, **environment}, cwd=ROOT)


def make_venv() -> None:
    """Create the environment; Debian keeps `ensurepip` in a package of its own."""
    if PYTHON.exists():
        return
    create = [sys.executable, "-m", "venv", str(VENV)]
    if subprocess.run(create, capture_output=True, cwd=ROOT).returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        sys.exit("python3 cannot create environments here: install its venv module and try again")
    run("apt-get", "update", "-qq")
    run("apt-get", "install", "-qq", "-y", "--no-install-recommends", "python3-venv")
    run(*create)


def index_settings() -> dict[str, str]:
    """Hand pip's own index to uv, which does not read pip's configuration."""
    settings = {"UV_SYSTEM_CERTS": "1", "UV_NO_PROGRESS": "1"}
    for pip_name, uv_name in (("index-url", "UV_DEFAULT_INDEX"), ("extra-index-url", "UV_INDEX")):
        found = subprocess.run(
            [str(PYTHON), "-m", "pip", "config", "get", f"global.{pip_name}"],
            capture_output=True,
            text=True,
        )
        if found.returncode == 0 and uv_name not in os.environ:
            settings[uv_name] = found.stdout.strip()
    return settings


def main(kind: str) -> None:
    pinned = ROOT / "requirements" / f"{kind}.txt"
    inputs = (pinned, ROOT / "pyproject.toml", ROOT / "requirements" / "bootstrap.txt")
    state = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()
    stamp = VENV / f".{kind}"
    if stamp.exists() and stamp.read_text() == state:
        return
    make_venv()
    bootstrap = ("-m", "pip", "install", "-q", "--require-hashes", "--no-deps")
    run(str(PYTHON), *bootstrap, "-r", "requirements/bootstrap.txt")
    uv = str(VENV / "bin" / "uv")
    settings = {**index_settings(), "VIRTUAL_ENV": str(VENV)}
    run(uv, "pip", "install", "-q", "--require-hashes", "-r", str(pinned), **settings)
    run(uv, "pip", "install", "-q", "--no-deps", "--no-build-isolation", "-e", ".", **settings)
    stamp.write_text(state)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "dev")
