"""What each package-url type demands of its parts (ECMA-427, type definitions).

A type that is not in the table has no rules of its own. Where a definition calls a namespace
required but the conformance set accepts its absence, so do we: real bills of materials write
`pkg:golang/stdlib` and `pkg:deb/curl`, and refusing those would lose components.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_RUN_OF_SEPARATORS = re.compile(r"[-_.]+")
_CHROME_NAME = re.compile(r"[a-p]{32}")
_CHROME_VERSION = re.compile(r"[0-9]+(\.[0-9]+){0,3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TypeRules:
    """How one type normalises and restricts its parts.

    `name` normalises the name. `check` gets (name, version, qualifiers) and returns what is
    wrong, or None. `folds_qualifier_keys` says that a parser accepts upper-case keys,
    `name_is_path` that the name is all after the first segment, with its slashes unencoded.
    """

    namespace: Literal["optional", "required", "prohibited"] = "optional"
    lower_namespace: bool = False
    lower_version: bool = False
    name: Callable[[str, Mapping[str, str]], str] | None = None
    check: Callable[[str, str, Mapping[str, str]], str | None] | None = None
    folds_qualifier_keys: bool = False
    name_is_path: bool = False


def normal_pypi_name(name: str) -> str:
    """Return a Python project name as indexes compare it (PEP 503)."""
    return _RUN_OF_SEPARATORS.sub("-", name).lower()


def _lower(name: str, _qualifiers: Mapping[str, str]) -> str:
    return name.lower()


def _pypi(name: str, _qualifiers: Mapping[str, str]) -> str:
    return normal_pypi_name(name)


def _pub(name: str, _qualifiers: Mapping[str, str]) -> str:
    return name.lower().replace("-", "_")


def _mlflow(name: str, qualifiers: Mapping[str, str]) -> str:
    """Databricks names are not case sensitive, those of other registries are."""
    if "databricks" in qualifiers.get("repository_url", "").lower():
        return name.lower()
    return name


def _check_chrome(name: str, version: str, _qualifiers: Mapping[str, str]) -> str | None:
    if not _CHROME_NAME.fullmatch(name):
        return "the name must be 32 letters from a to p"
    if version and not _CHROME_VERSION.fullmatch(version):
        return "the version must be one to four numbers with dots between them"
    return None


def _check_cpan(name: str, _version: str, _qualifiers: Mapping[str, str]) -> str | None:
    return "the name must be a distribution, not a module with '::'" if "::" in name else None


def _check_julia(_name: str, _version: str, qualifiers: Mapping[str, str]) -> str | None:
    return None if "uuid" in qualifiers else "the qualifier 'uuid' is required"


_BOTH_LOWER = TypeRules(lower_namespace=True, name=_lower)
_NO_NAMESPACE = TypeRules(namespace="prohibited")

NO_RULES = TypeRules()
RULES: dict[str, TypeRules] = {
    "alpm": _BOTH_LOWER,
    "apk": _BOTH_LOWER,
    "bazel": _NO_NAMESPACE,
    "bitbucket": _BOTH_LOWER,
    "bitnami": TypeRules(namespace="prohibited", name=_lower),
    "brew": _BOTH_LOWER,
    "cargo": _NO_NAMESPACE,
    "chrome-extension": TypeRules(namespace="prohibited", check=_check_chrome),
    "cocoapods": _NO_NAMESPACE,
    "composer": _BOTH_LOWER,
    "conda": _NO_NAMESPACE,
    "cpan": TypeRules(check=_check_cpan),
    "cran": _NO_NAMESPACE,
    "deb": _BOTH_LOWER,
    "gem": _NO_NAMESPACE,
    "git": TypeRules(lower_namespace=True, name=_lower, name_is_path=True),
    "github": _BOTH_LOWER,
    "golang": _BOTH_LOWER,
    "hackage": _NO_NAMESPACE,
    "hex": _BOTH_LOWER,
    "huggingface": TypeRules(lower_version=True),
    "julia": TypeRules(namespace="prohibited", check=_check_julia),
    "luarocks": _BOTH_LOWER,
    # The specification forbids upper-case qualifier keys; the conformance set nevertheless
    # requires a parser to accept them for this one type.
    "maven": TypeRules(folds_qualifier_keys=True),
    "mlflow": TypeRules(namespace="prohibited", name=_mlflow),
    "nuget": _NO_NAMESPACE,
    "oci": TypeRules(namespace="prohibited", name=_lower),
    "opam": _NO_NAMESPACE,
    "otp": TypeRules(namespace="prohibited", name=_lower),
    "pub": TypeRules(namespace="prohibited", name=_pub),
    "pypi": TypeRules(namespace="prohibited", name=_pypi),
    "qpkg": TypeRules(lower_namespace=True),
    "rpm": TypeRules(lower_namespace=True),
    "swift": TypeRules(namespace="required"),
    "vcpkg": TypeRules(namespace="prohibited", name=_lower),
    "vscode-extension": TypeRules(namespace="required", lower_namespace=True, name=_lower),
    "yocto": TypeRules(lower_namespace=True),
}
