"""Where logins are found, and that they are shown nowhere."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmark.adapters.registry_auth import parse_challenges
from sealmark.adapters.registry_credentials import Credentials, find_credentials
from sealmark.artifact.repository import parse_image_name
from sealmark.errors import SealmarkError, ServiceError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

SHOP = parse_image_name("registry.example/team/shop:1")


def entry(user: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:secret:word".encode()).decode()}


def found(home: Path, image: str, file: dict[str, Any], path: str = ".docker/config.json") -> str:
    (home / path).parent.mkdir(parents=True, exist_ok=True)
    (home / path).write_text(json.dumps(file))
    login = find_credentials(parse_image_name(image), {"HOME": str(home)})
    return login.username if login else ""


@pytest.mark.parametrize(
    ("key", "image"),
    [
        ("registry.example", "registry.example/team/shop"),
        ("https://registry.example/v1/", "registry.example/team/shop"),
        ("registry.example/team", "registry.example/team/shop"),
        ("registry.example:5000", "registry.example:5000/shop"),
        ("https://index.docker.io/v1/", "debian"),
        ("docker.io", "debian"),
        ("docker.io/library/debian", "debian"),
    ],
)
def test_a_login_is_found_under_every_spelling(tmp_path: Path, key: str, image: str) -> None:
    assert found(tmp_path, image, {"auths": {key: entry("alice")}}) == "alice"


@pytest.mark.parametrize(
    "key",
    ["registry.example:5000", "example", "registry.example/tea", "evil.example/registry.example"],
)
def test_a_login_for_something_else_is_not_used(tmp_path: Path, key: str) -> None:
    assert found(tmp_path, str(SHOP), {"auths": {key: entry("alice")}}) == ""


def test_the_longest_path_wins(tmp_path: Path) -> None:
    keys = ["registry.example", "registry.example/team/shop", "registry.example/team"]
    assert found(tmp_path, str(SHOP), {"auths": {key: entry(key) for key in keys}}) == keys[1]


def test_files_are_read_in_their_order(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path)}
    places = [
        ("", tmp_path / ".docker" / "config.json"),
        ("", tmp_path / ".config" / "containers" / "auth.json"),
        ("XDG_RUNTIME_DIR", tmp_path / "run" / "containers" / "auth.json"),
        ("REGISTRY_AUTH_FILE", tmp_path / "named.json"),
    ]
    for number, (variable, path) in enumerate(places):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"auths": {"registry.example": entry(f"user{number}")}}))
        if variable:
            value = tmp_path / "run" if variable.startswith("XDG") else path
            environment[variable] = str(value)
        login = find_credentials(SHOP, environment)
        assert login is not None
        assert (login.username, login.password) == (f"user{number}", "secret:word")


def helper(directory: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Put `docker-credential-test` on PATH, and name it in a configuration."""
    program = directory / "docker-credential-test"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")
    (directory / "config.json").write_text('{"credsStore": "test", "auths": {"other": {}}}')
    return {"DOCKER_CONFIG": str(directory)}


def test_a_helper_is_asked_for_the_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'read -r url; echo "{\\"Username\\":\\"$1 $url\\",\\"Secret\\":\\"word\\"}"'
    environment = helper(tmp_path, script, monkeypatch)
    assert find_credentials(SHOP, environment) == Credentials("get registry.example", "word")
    login = find_credentials(parse_image_name("debian"), environment)
    assert login == Credentials("get https://index.docker.io/v1/", "word")


def test_a_helper_may_hold_an_identity_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = """echo '{"Username":"<token>","Secret":"word"}'"""
    environment = helper(tmp_path, script, monkeypatch)
    assert find_credentials(SHOP, environment) == Credentials("", "", "word")


def test_a_helper_that_knows_nothing_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "echo credentials not found in native keychain; exit 1"
    assert find_credentials(SHOP, helper(tmp_path, script, monkeypatch)) is None


@pytest.mark.parametrize(
    "script",
    [
        "echo secret; exit 3",
        "echo secret",
        "exec sleep 5",
        "sleep 5",
        "sleep 5 & exit 0",
        "exec >&-; sleep 5",
        "echo '{\"Username\":1}'",
        "yes secret",
        "yes secret >&2",
        "printf '\\377\\376'",
        'printf \'{"Username":"a","Secret":"secret"\'; kill -9 $$',
    ],
)
def test_a_helper_that_fails_is_named_and_its_words_are_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    environment = helper(tmp_path, script, monkeypatch)
    with pytest.raises(ServiceError, match="docker-credential-test") as caught:
        find_credentials(SHOP, environment, seconds=0.5)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        '{"credsStore": "../evil"}',
        '{"credHelpers": {"registry.example": "a b"}}',
        '{"auths": {"registry.example": {"auth": "!!"}}}',
        '{"auths": {"registry.example": {"auth": "/w=="}}}',
        "[" * 100_000,
        "hunter2",
    ],
)
def test_a_file_that_makes_no_sense_is_named_not_quoted(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(SealmarkError) as caught:
        find_credentials(SHOP, {"DOCKER_CONFIG": str(tmp_path)})
    assert isinstance(caught.value, UsageError)
    assert "hunter2" not in str(caught.value)


def test_credentials_do_not_show_themselves() -> None:
    assert repr(Credentials("alice", "word", "token", "bearer")) == "Credentials()"


def test_a_helper_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = helper(tmp_path, f"sleep 1 && touch {tmp_path}/alive", monkeypatch)
    with pytest.raises(ServiceError, match="did not answer within"):
        find_credentials(SHOP, environment, seconds=0.2)
    time.sleep(1.2)
    assert not (tmp_path / "alive").exists()


def test_a_registry_token_is_found_and_has_to_be_one(tmp_path: Path) -> None:
    file = tmp_path / "auth.json"
    file.write_text('{"auths": {"registry.example": {"registrytoken": "abc"}}}')
    environment = {"REGISTRY_AUTH_FILE": str(file)}
    assert find_credentials(SHOP, environment) == Credentials("", "", "", "abc")
    file.write_text('{"auths": {"registry.example": {"registrytoken": "a\\nb: secret"}}}')
    with pytest.raises(UsageError, match="registry token") as caught:
        find_credentials(SHOP, environment)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "schemes"),
    [
        ('Bearer realm="https://a/b,c",service=x,scope="p:q:pull,push"', ["bearer"]),
        ('Basic realm="x", Bearer realm="https://a"', ["basic", "bearer"]),
        ('Negotiate, Basic realm="x"', ["negotiate", "basic"]),
        ("Basic", ["basic"]),
        ('realm="x"', []),
        ('Bearer realm="open', ["bearer"]),
        ("", []),
        ('Bearer a="' + "\\" * 9000, []),
    ],
)
def test_challenges_are_read_as_far_as_they_make_sense(header: str, schemes: list[str]) -> None:
    assert [one.scheme for one in parse_challenges(header)] == schemes


def test_quoted_values_keep_commas_and_lose_backslashes() -> None:
    (challenge,) = parse_challenges(r'Bearer realm="https://a/\"b\",c", Service=x')
    assert challenge.parameters == {"realm": 'https://a/"b",c', "service": "x"}


@given(st.text() | st.text('Basic realm=",\\ ', max_size=60))
def test_any_challenge_is_read_without_an_error(header: str) -> None:
    for challenge in parse_challenges(header):
        assert challenge.scheme == challenge.scheme.lower()
