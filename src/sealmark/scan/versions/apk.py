"""Alpine versions (apk-package(5), "Package version").

A version is `number{.number}{letter}{_suffix{number}}{~hash}{-r#}`. It becomes a sequence of
tokens; where two sequences part, the kind of the next token decides: a pre-release suffix sorts
below the end of the version, everything else above it. Text that does not follow the form sorts
just below the same version without it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from sealmark.scan.versions.text import checked

type_name = "apk"
_SUFFIXES = ("alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p")
_PRE_RELEASES = 4
_FORM = re.compile(
    r"(?P<first>[0-9]*)(?P<numbers>(?:\.[0-9]*)*)(?P<letter>[a-z]?)(?P<after>(?<=[a-z])[0-9]*)?"
    rf"(?P<suffixes>(?:_(?:{'|'.join(_SUFFIXES)})[0-9]*)*)"
    r"(?P<hash>~[0-9a-f]+)?(?P<revision>-r[0-9]+\Z)?",
    re.ASCII,
)
_SUFFIX = re.compile(r"_([a-z]+)([0-9]*)")

_PRE, _JUNK, _EMPTY, _END, _REVISION, _HASH, _SUFFIX_NUMBER, _POST, _LETTER, _NUMBER = range(10)

Token = tuple[int, int, str]
Key = tuple[Token, ...]


@lru_cache(maxsize=65536)
def key(version: str) -> Key:
    """Return what orders `version` among Alpine versions as apk does.

    Raises VersionError for what is no printable text of sane length.
    """
    text = checked(type_name, version)
    form = _FORM.match(text)
    assert form is not None  # every part is optional
    tokens = [(_NUMBER, int(form["first"]), "") if form["first"] else (_EMPTY, 0, "")]
    tokens += [_number(number) for number in form["numbers"].split(".")[1:]]
    if form["letter"]:
        tokens.append((_LETTER, ord(form["letter"]), ""))
        if form["after"]:
            tokens.append(_number(form["after"]))
    for name, number in _SUFFIX.findall(form["suffixes"]):
        tokens += _suffix(name, number)
    if form["hash"]:
        tokens.append((_HASH, 0, form["hash"]))
    if form["revision"]:
        tokens.append((_REVISION, int(form["revision"][2:]), ""))
    tokens.append((_END if form.end() == len(text) else _JUNK, 0, ""))
    return tuple(tokens)


def _number(digits: str) -> Token:
    """Order numbers by value; with a leading zero they are fractions and order as text."""
    if not digits:
        return _EMPTY, 0, ""
    if digits[0] == "0":
        return _NUMBER, 0, digits
    return _NUMBER, int(digits), ""


def _suffix(name: str, number: str) -> list[Token]:
    rank = _SUFFIXES.index(name)
    tokens: list[Token] = [(_PRE if rank < _PRE_RELEASES else _POST, rank, "")]
    if number:
        tokens.append((_SUFFIX_NUMBER, int(number), ""))
    return tokens
