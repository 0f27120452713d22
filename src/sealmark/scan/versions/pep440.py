"""Python versions (PEP 440, "Summary of permitted suffixes and relative ordering")."""

from __future__ import annotations

import re
from functools import lru_cache

from sealmark.scan.versions.text import VersionError, checked

type_name = "pypi"
_FORM = re.compile(
    r"v?(?:(?P<epoch>[0-9]+)!)?(?P<release>[0-9]+(?:\.[0-9]+)*)"
    r"(?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_number>[0-9]+)?)?"
    r"(?:-(?P<bare_post>[0-9]+)|(?P<post>[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>[0-9]+)?))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_number>[0-9]+)?)?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?",
    re.ASCII,
)
_PRE_RELEASE = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}
_SEPARATOR = re.compile(r"[-_.]")

Local = tuple[tuple[int, int, str], ...]
Key = tuple[int, tuple[int, ...], tuple[int, int], int, tuple[int, int], Local]


@lru_cache(maxsize=65536)
def key(version: str) -> Key:
    """Return what orders `version` among Python versions.

    Raises VersionError for what PEP 440 does not permit (the legacy versions of old indexes).
    """
    form = _FORM.fullmatch(checked(type_name, version).lower())
    if form is None:
        raise VersionError(type_name, version, "it does not follow PEP 440")
    return (
        int(form["epoch"] or 0),
        _release(form["release"]),
        _pre(form),
        _post(form),
        (0, int(form["dev_number"] or 0)) if form["dev"] else (1, 0),
        _local(form["local"]),
    )


def _release(text: str) -> tuple[int, ...]:
    numbers = [int(number) for number in text.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _pre(form: re.Match[str]) -> tuple[int, int]:
    """Order development releases of a final release before its pre-releases."""
    if form["pre"]:
        return _PRE_RELEASE[form["pre"]], int(form["pre_number"] or 0)
    return (-1, 0) if form["dev"] and _post(form) < 0 else (3, 0)


def _post(form: re.Match[str]) -> int:
    if form["bare_post"]:
        return int(form["bare_post"])
    return int(form["post_number"] or 0) if form["post"] else -1


def _local(text: str | None) -> Local:
    """Order numbers above words, and no local version below any."""
    if text is None:
        return ()
    segments = _SEPARATOR.split(text)
    return tuple((1, int(s), "") if s.isdigit() else (0, 0, s) for s in segments)
