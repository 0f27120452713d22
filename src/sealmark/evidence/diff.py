"""What changed from one artifact to another: software, vulnerabilities, settings, layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from sealmark.evidence.component import Component
from sealmark.evidence.document import Evidence, Subject
from sealmark.evidence.inventory import Inventory
from sealmark.evidence.vulnerability import Coverage, Vulnerabilities, Vulnerability

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sealmark.evidence.settings import Settings

    Order = Callable[[str, str, str], int | None]
    Identity = tuple[str, str]

K = TypeVar("K")
V = TypeVar("V")


class Replaced(msgspec.Struct, frozen=True, kw_only=True):
    """One package in two versions."""

    before: Component
    after: Component


class SettingChange(msgspec.Struct, frozen=True, kw_only=True):
    """A setting and its two values, as text; empty where there is none."""

    name: str
    before: str
    after: str


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What is different in `after`.

    `changed` holds packages whose versions nobody can order. `new` and `fixed` are what affects
    only one of the two; a vulnerability whose component is gone counts as fixed. `doubts` say why
    these lists may be wrong: advisories not asked, or not the same ones. `layers_shared` counts
    the layers that both begin with.
    """

    before: Subject
    after: Subject
    added: tuple[Component, ...] = ()
    removed: tuple[Component, ...] = ()
    upgraded: tuple[Replaced, ...] = ()
    downgraded: tuple[Replaced, ...] = ()
    changed: tuple[Replaced, ...] = ()
    unchanged: int = 0
    new: tuple[Vulnerability, ...] = ()
    fixed: tuple[Vulnerability, ...] = ()
    remaining: tuple[Vulnerability, ...] = ()
    doubts: tuple[str, ...] = ()
    settings: tuple[SettingChange, ...] = ()
    layers_shared: int = 0
    layers_before: int = 0
    layers_after: int = 0


def compare(before: Evidence, after: Evidence, order: Order | None = None) -> Difference:
    """Return what is different in `after`.

    `order` compares two versions of a package type: negative, 0, positive, or None where it
    cannot. Without it every new version is `changed`.
    """
    old, new = before.inventory or Inventory(), after.inventory or Inventory()
    gone, come, replaced, same = _pair(_by_identity(old.components), _by_identity(new.components))
    moves = {change.after.purl: _direction(change, order) for change in replaced}
    was = _affected(before.vulnerabilities, old)
    now = _affected(after.vulnerabilities, new)
    return Difference(
        before=before.subject,
        after=after.subject,
        added=tuple(come),
        removed=tuple(gone),
        upgraded=tuple(c for c in replaced if moves[c.after.purl] == 1),
        downgraded=tuple(c for c in replaced if moves[c.after.purl] == -1),
        changed=tuple(c for c in replaced if moves[c.after.purl] is None),
        unchanged=same + sum(moves[c.after.purl] == 0 for c in replaced),
        new=_only_in(now, was),
        fixed=_only_in(was, now),
        remaining=tuple(found for key, found in sorted(now.items()) if key in was),
        doubts=tuple(_doubts(before.vulnerabilities, after.vulnerabilities)),
        settings=tuple(_setting_changes(before.settings, after.settings)),
        layers_shared=_shared(old, new),
        layers_before=len(old.layers),
        layers_after=len(new.layers),
    )


def _by_identity(components: Iterable[Component]) -> dict[Identity, dict[str, Component]]:
    """Index by what stays the same across versions, then by version."""
    found: dict[Identity, dict[str, Component]] = {}
    for component in components:
        found.setdefault(_identity(component), {})[component.version] = component
    return found


def _identity(component: Component) -> Identity:
    """Return the package URL without version and qualifiers, and the architecture."""
    head = component.purl.partition("?")[0].partition("#")[0]
    name, at, _ = head.rpartition("@")
    return (name if at else head, component.architecture or "")


def _pair(
    before: Mapping[Identity, Mapping[str, Component]],
    after: Mapping[Identity, Mapping[str, Component]],
) -> tuple[list[Component], list[Component], list[Replaced], int]:
    """Return what is gone, what has come, what was replaced, and how much is the same.

    One version in place of one other is a replacement; with several, nobody knows which took
    whose place.
    """
    gone: list[Component] = []
    come: list[Component] = []
    replaced: list[Replaced] = []
    same = 0
    for identity in sorted({*before, *after}):
        old, new = before.get(identity, {}), after.get(identity, {})
        left = [component for version, component in old.items() if version not in new]
        right = [component for version, component in new.items() if version not in old]
        same += len(new) - len(right)
        if len(left) == len(right) == 1:
            replaced.append(Replaced(before=left[0], after=right[0]))
        else:
            gone += left
            come += right
    return gone, come, replaced, same


def _direction(change: Replaced, order: Order | None) -> int | None:
    """Return 1 for an upgrade, -1 for a downgrade, 0 for two spellings of one version."""
    if order is None:
        return None
    found = order(change.after.type, change.before.version, change.after.version)
    return found if found is None else (found < 0) - (found > 0)


def _affected(
    known: Vulnerabilities | None, inventory: Inventory
) -> dict[tuple[str, Identity], Vulnerability]:
    """Index what affects the artifact by vulnerability and package, whichever its version."""
    components = {component.purl: component for component in inventory.components}
    found = {}
    for finding in known.findings if known else ():
        if finding.status == "affected":
            component = components.get(finding.component)
            identity = _identity(component) if component else (finding.component, "")
            found[finding.id, identity] = finding
    return found


def _only_in(these: Mapping[K, V], those: Mapping[K, object]) -> tuple[V, ...]:
    return tuple(value for key, value in these.items() if key not in those)


def _doubts(before: Vulnerabilities | None, after: Vulnerabilities | None) -> Iterator[str]:
    for when, known in (("before", before), ("after", after)):
        if known is None:
            yield f"no advisories were asked about the one {when}"
        else:
            yield from (_gap(line, when) for line in known.coverage if line.feed is None)
            yield from (_unread(line, when) for line in known.coverage if line.nameless)
            undecided = sum(finding.status == "unknown" for finding in known.findings)
            if undecided:
                yield f"of the one {when}, {undecided} findings could not be decided"
    if before and after and before.database != after.database:
        yield "the two were judged by different advisory databases"


def _gap(line: Coverage, when: str) -> str:
    return f"no feed covers {line.components} {line.ecosystem} components of the one {when}"


def _unread(line: Coverage, when: str) -> str:
    return (
        f"of {line.feed}, which speaks for the one {when}, {line.nameless} records are unreadable"
    )


def _setting_changes(before: Settings | None, after: Settings | None) -> Iterator[SettingChange]:
    old, new = _texts(before), _texts(after)
    for name in dict.fromkeys((*old, *new)):
        if old.get(name, "") != new.get(name, ""):
            yield SettingChange(name=name, before=old.get(name, ""), after=new.get(name, ""))


def _texts(settings: Settings | None) -> dict[str, str]:
    """Return the settings as text; `created` differs in every build and says nothing."""
    if settings is None:
        return {}
    root = {True: "yes", False: "no", None: "not known"}[settings.runs_as_root]
    texts = {
        "user": settings.user,
        "runs as root": root,
        "entrypoint": _words(settings.entrypoint),
        "command": _words(settings.command),
        "working directory": settings.working_directory,
        "environment": _words(settings.environment),
        "exposed ports": _words(settings.exposed_ports),
        "volumes": _words(settings.volumes),
        "health check": "yes" if settings.health_check else "no",
        "stop signal": settings.stop_signal,
        "secrets": ", ".join(f"{secret.where} ({secret.kind})" for secret in settings.secrets),
    }
    return texts | {f"label {name}": value for name, value in settings.labels.items()}


def _words(values: Sequence[str]) -> str:
    return " ".join(values)


def _shared(before: Inventory, after: Inventory) -> int:
    pairs = zip(before.layers, after.layers, strict=False)
    count = 0
    for old, new in pairs:
        if old.diff_id != new.diff_id:
            break
        count += 1
    return count
