"""Semantic versions (SemVer 2.0.0, section 11), as npm, crates.io and Go modules use them."""

from __future__ import annotations

import re
from functools import lru_cache

from sealmark.scan.versions.text import VersionError, checked

type_name = "semver"
_NUMBER = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_BUILD = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_FORM = re.compile(
    rf"[v=]?({_NUMBER})(?:\.({_NUMBER}))?(?:\.({_NUMBER}))?"
    rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+{_BUILD})?",
    re.ASCII,
)

Identifier = tuple[int, int, str]
Key = tuple[int, int, int, int, tuple[Identifier, ...]]


@lru_cache(maxsize=65536)
def key(version: str) -> Key:
    """Return what orders `version`; build metadata does not count.

    A leading `v` or `=` is ignored, and a missing minor or patch number is zero, because bounds
    in advisories are written so. Raises VersionError for anything else.
    """
    form = _FORM.fullmatch(checked(type_name, version))
    if form is None:
        raise VersionError(type_name, version, "it does not follow Semantic Versioning 2.0.0")
    major, minor, patch, pre_release = form.groups()
    identifiers = tuple(map(_identifier, pre_release.split("."))) if pre_release else ()
    return int(major), int(minor or 0), int(patch or 0), 0 if pre_release else 1, identifiers


def _identifier(text: str) -> Identifier:
    """Order numbers below words."""
    return (0, int(text), "") if text.isdigit() else (1, 0, text)
