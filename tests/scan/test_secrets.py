"""Secrets in configurations are found and named, and their values go nowhere."""

from __future__ import annotations

import base64
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmark.scan.secrets import argument_kinds, find_secrets, redact, secret_kind
from sealmark.scan.settings import RawSettings, read_settings

# Assembled here, so that no scanner of this repository takes them for real ones.
BODY = "Zk3Qw9Lr7Tp1Vx5Nb8Mc2Hd6Jf4Gs0YaUeIoKlPq"
JWT_HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
REAL = {
    "aws-access-key": "AKIA" + "QYLPMN5HHHFPZAM2",
    "github-token": "ghp_" + BODY[:36],
    "gitlab-token": "glpat-" + BODY[:20],
    "slack-token": "xoxb-" + "263594206564-" + BODY[:24],
    "stripe-key": "sk_live_" + BODY[:24],
    "google-api-key": "AIza" + BODY[:35],
    "npm-token": "npm_" + BODY[:36],
    "pypi-token": "pypi-AgE" + "IcHlwaS5vcmc" + BODY + BODY,
    "private-key": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE" + BODY + "\n-----END RSA",
    "jwt": f"{JWT_HEADER}.eyJzdWIiOiIxMjM0In0.{BODY}",
    "url-password": "postgres://shop:" + BODY[:14] + "@db.internal:5432/shop",
    "authorization": "Authorization: Basic " + base64.b64encode(BODY.encode()).decode(),
    "registry-login": '{"auths":{"r.io":{"auth":"'
    + base64.b64encode(BODY.encode()).decode()
    + '"}}}',
}
NAMED = [
    ("AWS_SECRET_ACCESS_KEY", "q7Wn+" + BODY[:35], "secret"),
    ("DB_PASSWORD", "hunter2!x", "password"),
    ("dbPassword", "Tr0ub4dor&3", "password"),
    ("DJANGO_SECRET_KEY", BODY, "secret"),
    ("API_KEY", BODY[:20], "secret"),
    ("JWT_SECRET", "correct-horse-battery-staple", "secret"),
    ("RAILS_MASTER_KEY", "0b1c2d3e4f5061728394a5b6c7d8e9f0", "secret"),
    ("JAVA_OPTS", "-Xmx1g -Ddb.password=" + BODY[:12], "password"),
]
HARMLESS = [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG=C.UTF-8",
    "PWD=/srv/some/Place1234",
    "PYTHON_VERSION=3.12.4",
    "GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305",
    "GPG_KEYS=42670A7FE4D0441C8E4632349E4FDC074A4EF02D",
    "RABBITMQ_PGP_KEY_ID=0x0A9AF2115F4687BD29803A206B73A36E6026DFCA",
    "PYTHON_SHA256=f6d419a6d8743ab26700801b4908d26d97e8b986e14f95de31b32de2b0e79554",
    "TOKEN_SHA256=f6d419a6d8743ab26700801b4908d26d97e8b986e14f95de31b32de2b0e79554",
    "NODE_VERSION=22.4.1",
    "POSTGRES_PASSWORD_FILE=/run/secrets/postgres",
    "POSTGRES_PASSWORD=/run/secrets/postgres",
    "DB_PASSWORD=changeme",
    "DB_PASSWORD=change_me_please",
    "DB_PASSWORD=${DB_PASSWORD}",
    "DB_PASSWORD=$(cat /run/secrets/db)",
    "DB_PASSWORD={{ vault.password }}",
    "DB_PASSWORD=<your password here>",
    "DB_PASSWORD=********",
    "API_KEY=your-api-key-here",
    "SECRET_KEY=super-secret-key-for-development",
    "JWT_PUBLIC_KEY_FINGERPRINT=ab:cd:ef:01:23:45:67",
    "TOKEN_TTL=86400",
    "CSRF_TOKEN_HEADER=X-Csrf-Token-For-Forms",
    "SECRET_BACKEND=kubernetes-configuration",
    "OAUTH_SECRET=arn:aws:secretsmanager:eu-west-1:1234:secret/shop",
    "DATABASE_URL=postgres://user:password@localhost/db",
    "DATABASE_URL=postgres://app:${DB_PASSWORD}@db/shop",
    "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
    "HOMEPAGE=https://example.org/a:b@c",
    "KEYCLOAK_VERSION=25.0.1",
    "EMPTY_SECRET=",
    "API_KEY=Zk3Qw9Lr",
    "DB_PASSWORD= 'changeme' ",
    "ID=eyJub3RhbGciOjF9.eyJzdWIiOiIxMjM0In0.Zk3Qw9Lr7Tp1Vx5N",
    "NO_VALUE_AT_ALL",
]


@pytest.mark.parametrize(("kind", "value"), REAL.items())
def test_a_credential_of_a_known_format_is_found_under_any_name(kind: str, value: str) -> None:
    assert secret_kind("HARMLESS", value) == kind
    assert secret_kind("HARMLESS", f"prefix {value} suffix") == kind


@pytest.mark.parametrize(("name", "value", "kind"), NAMED)
def test_a_telling_name_with_a_random_value_is_found(name: str, value: str, kind: str) -> None:
    assert secret_kind(name, value) == kind


@pytest.mark.parametrize("entry", HARMLESS)
def test_what_official_images_and_placeholders_hold_is_no_secret(entry: str) -> None:
    assert find_secrets([entry], {}, {}) == ()


def test_a_secret_is_reported_by_place_and_kind_alone() -> None:
    token = REAL["github-token"]
    found = find_secrets([f"T={token}"], {"build.arg": token}, {"command": ["run", token]})
    assert [(s.where, s.kind) for s in found] == [
        ("environment:T", "github-token"),
        ("label:build.arg", "github-token"),
        ("command:1", "github-token"),
    ]
    assert token not in repr(found)


def test_an_option_names_the_word_after_it() -> None:
    words = ["serve", "--db-password", "hunter2!x", "--port", "8080"]
    assert argument_kinds(words) == [None, None, "password", None, None]
    assert argument_kinds(["password", "hunter2!x"]) == [None, None]


@pytest.mark.parametrize("value", REAL.values())
def test_redacted_text_does_not_hold_the_secret(value: str) -> None:
    text = redact(f"ENV TOKEN={value} && make")
    assert BODY[:10] not in text
    assert base64.b64encode(BODY.encode()).decode() not in text
    assert "[redacted " in text


def test_a_history_line_keeps_everything_but_the_secret() -> None:
    line = "ENV DB_PASSWORD=hunter2!x DB_HOST=db.internal"
    assert redact(line) == "ENV DB_PASSWORD=[redacted password] DB_HOST=db.internal"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("login -u me --password hunter2!x reg", "login -u me --password [redacted password] reg"),
        ("RUN |1 NPM_TOKEN=Zk3Qw9Lr7Tp1Vx make", "RUN |1 NPM_TOKEN=[redacted secret] make"),
        ("docker login --password-stdin registry2.example.org", None),
        ("apt-get install -y --no-install-recommends openssl", None),
        ('export API_TOKEN="Zk3Qw9Lr7Tp1Vx', "export API_TOKEN=[redacted secret]"),
        ("MASTER_KEY=" + BODY * 500, "MASTER_KEY=[redacted secret]"),
    ],
)
def test_commands_are_redacted_and_the_rest_is_left(line: str, expected: str | None) -> None:
    assert redact(line) == (expected or line)
    assert (secret_kind("", line) is not None) is (expected is not None)


SECRET_TEXTS = st.sampled_from([*REAL.values(), *(value for _, value, _ in NAMED[:6])])
NAMES = st.sampled_from(["TOKEN", "DB_PASSWORD", "APP_SECRET", "X_API_KEY"])


@given(NAMES, SECRET_TEXTS, st.text(max_size=10))
def test_no_part_of_the_evidence_holds_a_secret(name: str, value: str, around: str) -> None:
    raw = RawSettings(
        env=(f"{name}={value}",),
        labels={name: value, "note": f"{name}='{value}' {around}"},
        entrypoint=("/bin/run", f"--{name}={value}"),
        cmd=(f"--{name}", value),
    )
    settings = read_settings(raw)
    encoded = msgspec.json.encode(settings).decode() + repr(settings)
    if secret_kind(name, value):
        assert value not in encoded
        assert len(settings.secrets) >= 4


@given(st.text(), st.text())
def test_any_text_is_searched_and_redacted_without_an_error(name: str, value: str) -> None:
    secret_kind(name, value)
    redact(f"{name}={value}")


PIECES = ["env:/", 'x="', "--key ", "Authorization: Basic ", "eyJa.", "https://hooks.", "a_", "${"]


@pytest.mark.parametrize(
    "piece", ["eyJ", "a:", "a://", "-----BEGIN PRIVATE KEY-----", "x=", "a", *PIECES]
)
def test_hostile_repetition_is_searched_in_linear_time(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    started = time.perf_counter()
    secret_kind("TOKEN", text)
    redact(text)
    assert time.perf_counter() - started < 3
