"""The settings part of the evidence, from an image's configuration."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmark.scan.inventory.assemble import user_ids
from sealmark.scan.inventory.dispatch import read_file
from sealmark.scan.settings import RawSettings, read_settings, runs_as_root

PASSWD = b"root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n"


def accounts(passwd: bytes) -> dict[str, int] | None:
    files = {b"etc/os-release": b"ID=debian\n", b"etc/passwd": passwd}
    return user_ids((0, path, read_file(path, content)) for path, content in files.items())


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", True),
        ("0", True),
        ("00", True),
        ("+0", True),
        ("0:1000", True),
        (":1000", True),
        ("root", True),
        ("root:app", True),
        ("toor", True),
        ("app", False),
        ("app:root", False),
        ("1000", False),
        ("1000:0", False),
        ("nobody", None),
        ("2147483647", False),
        ("2147483648", None),
        ("4294967296", None),
        ("-1", None),
    ],
)
def test_a_user_is_root_exactly_if_its_uid_is_0(user: str, expected: bool | None) -> None:
    assert runs_as_root(user, accounts(PASSWD)) is expected


def test_a_name_is_unknown_without_passwd_unless_it_is_root() -> None:
    assert runs_as_root("app") is None
    assert runs_as_root("root") is True


def test_a_number_is_a_uid_even_if_passwd_has_it_as_a_name() -> None:
    assert runs_as_root("1000", accounts(b"1000:x:0:0::/:/bin/sh\n")) is False


def test_the_accounts_are_those_of_this_machine() -> None:
    passwd = Path("/etc/passwd")
    if not passwd.exists():
        pytest.skip("no /etc/passwd on this machine")
    assert accounts(passwd.read_bytes()) == {u.pw_name: u.pw_uid for u in reversed(pwd.getpwall())}


def test_an_image_without_passwd_has_no_accounts() -> None:
    assert user_ids([]) is None


def test_the_first_entry_of_a_name_counts() -> None:
    assert runs_as_root("app", accounts(b"app:x:0:0::/:\napp:x:1000:1000::/:\n")) is True


@pytest.mark.parametrize(
    "passwd", [b"app", b"app:x", b"app:x:uid:0::/:", b"app:x::0", b"app:x: 0 :0"]
)
def test_a_broken_uid_is_root_because_runtimes_take_it_for_0(passwd: bytes) -> None:
    assert runs_as_root("app", accounts(passwd)) is True


@pytest.mark.parametrize("passwd", [b"", b"\n\n", b"\xff\xfe", b"other:x:0:0::/:\n"])
def test_a_name_that_passwd_does_not_have_is_unknown(passwd: bytes) -> None:
    assert runs_as_root("app", accounts(passwd)) is None


def test_only_the_names_of_the_environment_are_evidence() -> None:
    raw = RawSettings(env=("PATH=/bin", "GREETING=hello there", "BARE", "PATH=/usr/bin"))
    settings = read_settings(raw)
    assert settings.environment == ("PATH", "GREETING", "BARE")
    assert "hello there" not in repr(settings)


def test_every_other_field_is_kept_in_a_stable_order() -> None:
    raw = RawSettings(
        user="app",
        entrypoint=("/bin/app",),
        cmd=("--verbose",),
        working_dir="/srv",
        exposed_ports=("8080/tcp", "53/udp"),
        volumes=("/var", "/data"),
        labels={"b": "2", "a": "1"},
        stop_signal="SIGTERM",
        healthcheck=True,
        created="2026-11-23T09:16:04Z",
    )
    settings = read_settings(raw, accounts(PASSWD))
    assert settings.runs_as_root is False
    assert settings.entrypoint == ("/bin/app",)
    assert settings.command == ("--verbose",)
    assert settings.exposed_ports == ("53/udp", "8080/tcp")
    assert settings.volumes == ("/data", "/var")
    assert list(settings.labels) == ["a", "b"]
    assert settings.health_check
    assert settings.created == "2026-11-23T09:16:04Z"


@given(st.text(), st.binary())
def test_any_user_and_passwd_give_an_answer(user: str, passwd: bytes) -> None:
    assert runs_as_root(user, accounts(passwd)) in (True, False, None)
