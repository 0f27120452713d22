"""Package URLs: one string that names a package anywhere (ECMA-427, "Package-URL").

npm names keep their case: `JSONStream` and `jsonstream` are two packages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealmark.errors import UnreadableError
from sealmark.evidence.purl_types import NO_RULES, RULES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealmark.evidence.purl_types import TypeRules

MAX_LENGTH = 65_536
"""Longest package URL that is read, in characters."""

_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9.-]*", re.ASCII)
_KEY = re.compile(r"[a-z][a-z0-9._-]*", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9._~:-]*", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_ENCODED = tuple(
    chr(octet) if _PLAIN.fullmatch(chr(octet)) and octet < 128 else f"%{octet:02X}"
    for octet in range(256)
)


class PurlError(UnreadableError):
    """A text is no package URL, or parts do not make one."""


@dataclass(frozen=True, slots=True)
class PackageUrl:
    """A package URL in its parts, decoded and normalised by its type's rules.

    Absent parts are None. `qualifiers` are sorted by key. Make one with `parse` or `build`.
    """

    type: str
    namespace: str | None
    name: str
    version: str | None = None
    qualifiers: tuple[tuple[str, str], ...] = ()
    subpath: str | None = None

    @classmethod
    def parse(cls, text: str, *, fold_keys: bool = False) -> PackageUrl:
        """Read a package URL (ECMA-427, "How to parse a PURL string").

        `fold_keys` accepts qualifier keys in upper case, as the recommended behaviour of a
        canonicaliser does. Raises PurlError.
        """
        if len(text) > MAX_LENGTH:
            raise PurlError(f"package URL longer than {MAX_LENGTH} characters")
        rest, _, subpath = _split_right(text, "#")
        rest, _, qualifiers = _split_right(rest, "?")
        scheme, colon, rest = rest.partition(":")
        if not colon or scheme.lower() != "pkg":
            raise PurlError(f"not a package URL, must start with 'pkg:': {text[:160]!r}")
        type_, _, rest = rest.strip("/").partition("/")
        rest, version = _split_version(rest.strip("/"))
        rules = RULES.get(type_.lower(), NO_RULES)
        namespace, name = _split_name(rest, rules)
        return cls.build(
            type_,
            "/".join(_decoded_segments(namespace)),
            name,
            _decode(version),
            _read_qualifiers(qualifiers, fold_keys or rules.folds_qualifier_keys),
            "/".join(s for s in _decoded_segments(subpath) if s not in (".", "..")),
        )

    @classmethod
    def build(
        cls,
        type: str | None,  # noqa: A002 - the specification's name for it
        namespace: str | None,
        name: str | None,
        version: str | None = None,
        qualifiers: Mapping[str, str] | None = None,
        subpath: str | None = None,
    ) -> PackageUrl:
        """Make a package URL from decoded parts, normalised by its type's rules.

        Raises PurlError where a part is missing, prohibited or malformed.
        """
        if not type or not _TYPE.fullmatch(type):
            raise PurlError(f"package URL type must be letters, digits, '.', '-': {type!r:.160}")
        given = _checked_qualifiers(qualifiers or {})
        rules = RULES.get(type.lower(), NO_RULES)
        normal = _normal_parts(rules, type.lower(), namespace, name, version, given)
        segments = [s for s in (subpath or "").split("/") if s]
        if "." in segments or ".." in segments:
            raise PurlError(f"package URL subpath must not contain '.' or '..': {subpath!r:.160}")
        return cls(type.lower(), *normal, tuple(sorted(given.items())), "/".join(segments) or None)

    def qualifier(self, key: str) -> str | None:
        """Return the value of one qualifier, or None."""
        return dict(self.qualifiers).get(key)

    def __str__(self) -> str:
        """Return the canonical string (ECMA-427, "How to build a PURL string")."""
        text = _render(self.type, self.namespace, self.name, self.version, self.qualifiers)
        if self.subpath:
            return text + "#" + "/".join(map(_encode, self.subpath.split("/")))
        return text


def build_purl(
    type_: str,
    namespace: str | None,
    name: str,
    version: str | None = None,
    qualifiers: Mapping[str, str] | None = None,
) -> str:
    """Return the canonical package URL of decoded parts; the fast way, without an object.

    `type_` is lower case and `qualifiers` hold valid keys: both come from our own code. The rest
    may be hostile. Raises PurlError.
    """
    given = {k: v for k, v in qualifiers.items() if v} if qualifiers else {}
    rules = RULES.get(type_, NO_RULES)
    space, name, version = _normal_parts(rules, type_, namespace, name, version, given)
    return _render(type_, space, name, version, sorted(given.items()))


def canonical_purl(text: str) -> str:
    """Return the canonical form of a package URL that may be written loosely. Raises PurlError."""
    return str(PackageUrl.parse(text, fold_keys=True))


def _normal_parts(
    rules: TypeRules,
    type_: str,
    namespace: str | None,
    name: str | None,
    version: str | None,
    qualifiers: Mapping[str, str],
) -> tuple[str | None, str, str | None]:
    """Apply a type's rules to the parts they speak about."""
    space = "/".join(s for s in namespace.split("/") if s) if namespace else ""
    name = name.strip("/") if name else ""
    version = version or ""
    if not name:
        raise PurlError(f"package URL of type {type_!r} has no name")
    if rules is not NO_RULES:
        space = space.lower() if rules.lower_namespace else space
        version = version.lower() if rules.lower_version else version
        name = rules.name(name, qualifiers) if rules.name else name
        _check_rules(rules, type_, space, name, version, qualifiers)
    return space or None, name, version or None


def _check_rules(
    rules: TypeRules,
    type_: str,
    namespace: str,
    name: str,
    version: str,
    qualifiers: Mapping[str, str],
) -> None:
    if rules.namespace == "prohibited" and namespace:
        raise PurlError(f"package URL of type {type_!r} takes no namespace, got {namespace[:80]!r}")
    if rules.namespace == "required" and not namespace:
        raise PurlError(f"package URL of type {type_!r} needs a namespace")
    wrong = rules.check(name, version, qualifiers) if rules.check else None
    if wrong:
        raise PurlError(f"package URL of type {type_!r}: {wrong}")


def _render(
    type_: str,
    namespace: str | None,
    name: str,
    version: str | None,
    qualifiers: list[tuple[str, str]] | tuple[tuple[str, str], ...],
) -> str:
    text = f"pkg:{type_}/"
    if namespace:
        text += "/".join(map(_encode, namespace.split("/"))) + "/"
    text += _encode_name(type_, name)
    if version:
        text += "@" + _encode(version)
    if qualifiers:
        text += "?" + "&".join([f"{key}={_encode(value)}" for key, value in qualifiers])
    return text


def _encode_name(type_: str, name: str) -> str:
    if "/" in name and RULES.get(type_, NO_RULES).name_is_path:
        return "/".join(map(_encode, name.split("/")))
    return _encode(name)


def _encode(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    try:
        return "".join([_ENCODED[octet] for octet in text.encode()])
    except UnicodeEncodeError:
        raise PurlError(f"package URL part is not Unicode text: {text[:80]!r}") from None


def _decode(text: str) -> str:
    if "%" not in text:
        return text
    if _BAD_ESCAPE.search(text):
        raise PurlError(f"package URL has a '%' without two hex digits: {text[:160]!r}")
    try:
        return _ESCAPES.sub(lambda m: bytes.fromhex(m[0].replace("%", "")).decode(), text)
    except UnicodeDecodeError:
        raise PurlError(f"package URL escapes are not UTF-8: {text[:160]!r}") from None


def _decoded_segments(text: str) -> list[str]:
    segments = [_decode(segment) for segment in text.split("/") if segment]
    if any("/" in segment for segment in segments):
        raise PurlError(f"package URL has an encoded '/' inside a segment: {text[:160]!r}")
    return segments


def _split_right(text: str, separator: str) -> tuple[str, str, str]:
    head, found, tail = text.rpartition(separator)
    return (head, found, tail) if found else (text, "", "")


def _split_version(text: str) -> tuple[str, str]:
    """Split at the last '@', unless it begins an unencoded npm scope (`@babel/core`)."""
    head, found, tail = text.rpartition("@")
    if not found or ((not head or head.endswith("/")) and "/" in tail):
        return text, ""
    return head, tail


def _split_name(text: str, rules: TypeRules) -> tuple[str, str]:
    """Return the namespace as written and the name decoded."""
    if rules.name_is_path:
        namespace, _, path = text.partition("/")
        return namespace, "/".join(_decoded_segments(path))
    namespace, _, name = text.rpartition("/")
    return namespace, _decode(name)


def _read_qualifiers(text: str, folds_keys: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in filter(None, text.split("&")):
        key, equals, value = pair.partition("=")
        key = key.lower() if folds_keys else key
        if not equals or key in found:
            raise PurlError(f"package URL qualifiers must be key=value, each once: {pair[:160]!r}")
        found[key] = _decode(value)
    return found


def _checked_qualifiers(qualifiers: Mapping[str, str]) -> dict[str, str]:
    for key in qualifiers:
        if not _KEY.fullmatch(key):
            raise PurlError(f"package URL qualifier key must be a-z, 0-9, '.', '-', '_': {key!r}")
    return {key: value for key, value in qualifiers.items() if value}
