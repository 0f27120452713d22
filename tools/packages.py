"""Install the Debian packages that tests compare with; say what is missing elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

# program -> Debian package that brings it
PROGRAMS = {
    "docker-registry": "docker-registry",
    "podman": "podman",
    "skopeo": "skopeo",
    "runc": "runc",
    "debootstrap": "debootstrap",
    "gpg": "gnupg",
    "gpgv": "gpgv",
    "tinyproxy": "tinyproxy",
    "zstd": "zstd",
}


def missing() -> list[str]:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [
        package for program, package in PROGRAMS.items() if not shutil.which(program, path=path)
    ]


def apt(*arguments: str) -> bool:
    command = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120", *arguments]
    if os.geteuid() != 0:
        command = ["sudo", "-n", *command]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        print(done.stderr.decode(errors="replace")[-500:], file=sys.stderr)
    return done.returncode == 0


def main() -> None:
    wanted = missing()
    if not wanted:
        return
    if shutil.which("apt-get") is None:
        print(f"not a Debian machine: tests that need {', '.join(wanted)} will be skipped")
        return
    print(f"installing {', '.join(wanted)}")
    apt("update")
    if not apt("install", "-y", "--no-install-recommends", *wanted):
        print(f"could not install them: tests that need {', '.join(missing())} will be skipped")


if __name__ == "__main__":
    main()
