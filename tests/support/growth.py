"""Tells in what a JSON Schema takes back what an earlier one promised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


_NOTHING = object()


def taken_back(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return what was removed, narrowed or newly demanded; nothing where it only grew."""
    found = []
    for name, part in before["$defs"].items():
        if name not in after["$defs"]:
            found.append(f"{name}: removed")
        else:
            found += [f"{name}{problem}" for problem in _narrowed(part, after["$defs"][name])]
    return found


def _narrowed(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    for name, kind in before.get("properties", {}).items():
        now = after.get("properties", {}).get(name)
        if now is None:
            yield f".{name}: removed"
        else:
            yield from (f".{name}{problem}" for problem in _narrower_value(kind, now))
    for name in sorted(set(after.get("required", ())) - set(before.get("required", ()))):
        yield f".{name}: newly required"
    if before.get("additionalProperties", True) and not after.get("additionalProperties", True):
        yield ": no longer open"


def _narrower_value(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    if "default" in before and before["default"] != after.get("default", _NOTHING):
        yield ": another default, so that leaving it out means something else"
    lost = _accepts(before) - _accepts(after)
    if lost:
        yield f": no longer {', '.join(sorted(lost))}"
    if "items" in before and "items" in after:
        yield from (f"[]{problem}" for problem in _narrower_value(before["items"], after["items"]))


def _accepts(kind: dict[str, Any]) -> set[str]:
    """Return the kinds of values that are accepted, each as a word."""
    if "anyOf" in kind:
        return set().union(*(_accepts(choice) for choice in kind["anyOf"]))
    if "enum" in kind:
        return {repr(value) for value in kind["enum"]}
    if "const" in kind:
        return {repr(kind["const"])}
    if "$ref" in kind:
        return {kind["$ref"]}
    accepted = kind.get("type", "anything")
    return {"integer", "number"} if accepted == "number" else {accepted}
