"""`sealmark advisories compare`, as a person or a script runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SEALMARK = str(Path(sys.executable).with_name("sealmark"))


def compare(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    command = [SEALMARK, "advisories", "compare", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize(
    ("arguments", "sign"),
    [
        (("debian", "1.0~rc1-1", "1.0-1"), "<"),
        (("Alpine:v3.20", "1.2.3-r10", "1.2.3-r9"), ">"),
        (("pypi", "1.0", "1.0.0"), "="),
    ],
)
def test_two_versions_give_one_sign(arguments: tuple[str, ...], sign: str) -> None:
    assert compare(*arguments) == (0, f"{sign}\n", "")


def test_pairs_are_read_from_standard_input_in_order() -> None:
    assert compare("deb", "-", stdin=b"1 2\n2 1\n1-0 1\n") == (0, "<\n>\n=\n", "")


def test_a_pair_that_cannot_be_compared_gets_a_question_mark_and_exit_code_four() -> None:
    code, out, err = compare("npm", "-", stdin=b"1.0.0 x.y\n\n1.0.0 1.0.1\n\xff\xfe 1.0.0\n")
    assert code == 4
    assert out == "?\n?\n<\n?\n"
    assert "x.y" in err
    assert "3 lines could not be compared" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("maven", "1", "2"), 3, "no version ordering for 'maven'"),
        (("deb", "1"), 3, "two versions are needed"),
        (("deb", "1 2", "3"), 4, "is no deb version"),
    ],
)
def test_what_makes_no_sense_is_said_with_its_exit_code(
    arguments: tuple[str, ...], code: int, said: str
) -> None:
    got, out, err = compare(*arguments)
    assert (got, out) == (code, "")
    assert said in err
