"""What credentials look like: formats their issuers gave them on purpose, and tell-tale names.

Every pattern is bounded and begins where a word begins, so that hostile text is searched in
linear time.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Format:
    """A credential format. `confirm` looks closer at what a match says is secret.

    That is group 1 of the pattern where there is one, else the whole match.
    """

    kind: str
    pattern: re.Pattern[str]
    confirm: Callable[[str], bool]

    def is_in(self, text: str) -> bool:
        """Tell whether the text holds such a credential."""
        group = self.pattern.groups
        return any(self.confirm(match[group]) for match in self.pattern.finditer(text))

    def redact(self, text: str) -> str:
        """Return the text with every such credential replaced."""
        return self.pattern.sub(self._replacement, text)

    def _replacement(self, match: re.Match[str]) -> str:
        group = self.pattern.groups
        if not self.confirm(match[group]):
            return match[0]
        start, end = match.start(group) - match.start(), match.end(group) - match.start()
        return f"{match[0][:start]}[redacted {self.kind}]{match[0][end:]}"


# Words of which values are made that stand in for a secret, and defaults everybody knows.
_STAND_INS = re.compile(
    r"changeme|change|replace|insert|please|your|super|secret|password|passwd|passphrase|pass"
    r"|example|sample|dummy|placeholder|default|insecure|unsafe|token|apikey|api|key|test(ing)?"
    r"|demo|dev(elopment)?|local(host)?|foobar|foo|bar|admin|root|guest|user(name)?|postgres"
    r"|mysql|mariadb|redis|rabbit(mq)?|mongo(db)?|minio|none|null|nil|unset|undefined|empty"
    r"|true|false|todo|fixme|redacted|hidden|x{3,}|abc(def)?|12345?6?7?8?9?0?|qwerty|letmein"
    r"|\b(here|this|with|some|value|me|my|the|to|in|of|for|not|a|is|it|no)\b|\W",
    re.IGNORECASE,
)
_REFERENCE = re.compile(
    r"\$\{.*|\$\(.*|\$[A-Za-z_]\w*|\{\{.*|<[^>]*>|%\w+%|\*+|(/|\.{1,2}/|~/)\S*|file:.*"
    r"|(arn|vault|secret|ssm|op|env|kms|awskms|gcpkms|projects):?/?/?[\w./:-]*/[\w./:@-]*",
    re.IGNORECASE | re.DOTALL,
)
_LONGEST_REFERENCE = 1024


def is_placeholder(value: str) -> bool:
    """Tell whether a value stands in for a secret, points to one, or is a well-known default.

    A well-known default ("changeme", "postgres") is weak but no secret: everybody has it.
    """
    value = value.strip().strip("\"'")
    if len(value) <= _LONGEST_REFERENCE and _REFERENCE.fullmatch(value):
        return True
    left = _STAND_INS.sub("", value.replace("_", " "))
    return len(left) < 3 or len(set(value)) < 4


def entropy(text: str) -> float:
    """Return Shannon's entropy of the characters, in bits for each."""
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts)


def _is_no_example(match: str) -> bool:
    return "example" not in match.lower() and len(set(match[-12:])) > 3


def _is_jwt(match: str) -> bool:
    header = match.partition(".")[0]
    try:
        decoded = base64.urlsafe_b64decode(header + "=" * (-len(header) % 4))
        return "alg" in msgspec.json.decode(decoded, type=dict[str, object])
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _is_no_stand_in(match: str) -> bool:
    return not is_placeholder(match)


def _always(_match: str) -> bool:
    return True


def _format(kind: str, pattern: str, confirm: Callable[[str], bool] = _is_no_example) -> Format:
    return Format(kind, re.compile(r"(?<![A-Za-z0-9_-])" + pattern), confirm)


_PRIVATE_KEY = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"[\s\S]*?(?:-----END [A-Z0-9 ]{0,50}-----|\Z)"
)
_JWT = r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{8,}"
_AUTHORIZATION = r"(?i:authorization):\s{0,4}[A-Za-z]{1,20}\s{1,4}([^\s\"']{12,4096})"
_URL = r"[A-Za-z][A-Za-z0-9+.]{1,30}://[^\s:/@]{0,256}:([^\s/@]{1,1024})@[A-Za-z0-9\[_$]"

FORMATS = (
    _format("private-key", _PRIVATE_KEY, _always),
    _format("aws-access-key", r"(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])"),
    _format("github-token", r"gh[opsur]_[A-Za-z0-9]{36,255}"),
    _format("github-token", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _format("gitlab-token", r"gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|imt)-[A-Za-z0-9_-]{20,300}"),
    _format("slack-token", r"xox[abeoprs]-[A-Za-z0-9-]{10,250}"),
    _format("slack-token", r"xapp-[0-9]-[A-Z0-9]{5,20}-[0-9]{5,20}-[a-f0-9]{32,128}"),
    _format(
        "slack-webhook",
        r"https://hooks\.slack\.com/services/T[A-Z0-9]{6,14}/B[A-Z0-9]{6,14}/[A-Za-z0-9]{20,30}",
    ),
    _format("stripe-key", r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,250}"),
    _format("stripe-webhook-secret", r"whsec_[A-Za-z0-9+/]{24,120}"),
    _format("google-api-key", r"AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
    _format("google-oauth-secret", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    _format("npm-token", r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    # Every PyPI token is a macaroon whose first bytes name the index that issued it.
    _format("pypi-token", r"pypi-AgE(?:IcHlwaS5vcmc|NdGVzdC5weXBpLm9yZw)[A-Za-z0-9_-]{50,1000}"),
    _format("sendgrid-key", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    _format("digitalocean-token", r"do[opr]_v1_[a-f0-9]{64}"),
    _format("vault-token", r"hv[sbr]\.[A-Za-z0-9_-]{24,300}"),
    _format("docker-token", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,60}"),
    _format("hugging-face-token", r"hf_[A-Za-z]{34}(?![A-Za-z0-9])"),
    _format("azure-account-key", r"AccountKey=([A-Za-z0-9+/]{86}==)", _always),
    _format("registry-login", r'"auth"\s{0,8}:\s{0,8}"([A-Za-z0-9+/]{8,2000}={0,2})"'),
    _format("jwt", _JWT, _is_jwt),
    _format("authorization", _AUTHORIZATION, _is_no_stand_in),
    _format("url-password", _URL, _is_no_stand_in),
)

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LETTERS_AND_DIGITS = re.compile(r"[A-Za-z].*[0-9]|[0-9].*[A-Za-z]", re.DOTALL)
_PASSWORDS = frozenset({"password", "passwd", "passphrase", "passwort", "pwd", "pass"})
_KEYS = frozenset({"secret", "secrets", "token", "apikey", "credential", "credentials"})
_BEFORE_KEY = frozenset(
    {"api", "access", "private", "secret", "encryption", "signing", "master", "account", "auth"}
)
# A name that ends or begins so names something about a secret, not the secret.
# fmt: off
_ABOUT = frozenset({
    "file", "path", "dir", "directory", "url", "uri", "host", "endpoint", "name", "id", "type",
    "format", "length", "size", "min", "max", "ttl", "expiry", "expiration", "expires", "expire",
    "lifetime", "timeout", "age", "interval", "user", "username", "enabled", "enable", "disabled",
    "required", "header", "algorithm", "alg", "method", "policy", "arn", "issuer", "audience",
    "field", "prefix", "suffix", "sha", "md5", "checksum", "digest", "hash", "fingerprint",
    "version", "command", "cmd", "prompt", "stdin", "provider", "store", "manager", "service",
    "mode", "scope", "rounds", "cost", "regex", "pattern", "count", "limit",
})
# fmt: on


def named_kind(name: str, value: str) -> str | None:
    """Return the kind of secret that a telling name and a random enough value make, or None.

    A password needs 6 characters and 2 bits of entropy for each, anything else 12 and 2.75. A
    name that goes on after the telling word (SECRET_BACKEND) needs digits and letters in the
    value too. Names about a secret (…_FILE, …_TTL, PUBLIC_…) and placeholders do not count.
    """
    words = [word.lower() for word in _WORD.findall(name[:256])]
    while words and words[-1].isdigit():
        words.pop()
    kind = _kind_of_words(words)
    value = value.strip().strip("\"'")
    length, bits = (6, 2.0) if kind == "password" else (12, 2.75)
    if kind is None or is_placeholder(value) or len(value) < length or entropy(value) < bits:
        return None
    ends_tellingly = words[-1] == "key" or words[-1] in _PASSWORDS | _KEYS
    return kind if ends_tellingly or _LETTERS_AND_DIGITS.search(value) else None


def _kind_of_words(words: list[str]) -> str | None:
    if not words or words[-1] in _ABOUT or "public" in words:
        return None
    if words in (["pwd"], ["oldpwd"], ["pass"]):
        return None
    if _PASSWORDS.intersection(words):
        return "password"
    pairs = pairwise(words)
    if _KEYS.intersection(words) or any(a in _BEFORE_KEY and b == "key" for a, b in pairs):
        return "secret"
    return None
