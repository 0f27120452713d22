"""Asks `docker-credential-NAME get` for a login (docker-credential-helpers, README.md)."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from sealmark.errors import ServiceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_LARGEST_ANSWER = 1 << 20
_CHUNK = 1 << 16


def ask_helper(helper: str, asked: str, seconds: float) -> bytes | None:
    """Return what a helper answers when it is asked for a login; None if it knows none.

    Raises UsageError for what is no helper's name, ServiceError for one that fails, says too much
    or takes too long. Its words are not repeated: they may be secrets.
    """
    if not _NAME.fullmatch(helper):
        raise UsageError(f"{helper[:80]!r} is no name of a credential helper")
    program = f"docker-credential-{helper}"
    deadline = time.monotonic() + seconds
    with _running(program, asked) as process:
        try:
            answer, code = _answer(process, program, deadline)
        except (TimeoutError, subprocess.TimeoutExpired):
            _end(process)
            raise ServiceError(f"{program} did not answer within {seconds:g} s") from None
        except BaseException:
            _end(process)
            raise
    if code == 0:
        return answer
    if b"credentials not found" in answer:
        return None
    raise ServiceError(f"{program} failed for {asked} with exit code {code}")


def _answer(process: subprocess.Popen[bytes], program: str, deadline: float) -> tuple[bytes, int]:
    assert process.stdout is not None
    answer = b"".join(_chunks(process.stdout, deadline))
    if len(answer) > _LARGEST_ANSWER:
        raise ServiceError(f"{program} answers with more than {_LARGEST_ANSWER} bytes")
    return answer, process.wait(max(0.0, deadline - time.monotonic()))


def _running(program: str, asked: str) -> subprocess.Popen[bytes]:
    """Start the helper with the question as its input, in a group of its own."""
    question, writer = os.pipe()
    try:
        os.write(writer, asked.encode()[:4096])
        os.close(writer)
        return subprocess.Popen(
            [program, "get"],
            stdin=question,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
    except OSError as error:
        raise ServiceError(f"{program} cannot be run: {error.strerror}") from error
    finally:
        os.close(question)


def _chunks(output: IO[bytes], deadline: float) -> Iterator[bytes]:
    total = 0
    while total <= _LARGEST_ANSWER:
        ready, _, _ = select.select([output], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError
        chunk = os.read(output.fileno(), _CHUNK)
        if not chunk:
            return
        total += len(chunk)
        yield chunk


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the helper, and what it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
