"""What a JSON document is, told by its keys before it is parsed."""

from __future__ import annotations

from typing import Any

import msgspec


class _Keys(msgspec.Struct):
    """Just enough of a JSON object to tell what it is."""

    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    modified: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    affected: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    ecosystem: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    cve: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    catalog: msgspec.Raw | msgspec.UnsetType = msgspec.field(
        default=msgspec.UNSET, name="catalogVersion"
    )


class Shape:
    """The keys of a JSON object; of what is none, only whether it is JSON."""

    def __init__(self, content: bytes) -> None:
        self._keys = _decoded(content, _Keys)
        self.is_object = self._keys is not None
        self.is_json = self.is_object or _decoded(content, msgspec.Raw) is not None

    @property
    def is_record(self) -> bool:
        """An OSV record."""
        return self._has("id", "modified")

    @property
    def may_be_record(self) -> bool:
        """Damaged, or with half of what makes a record: it may have been one."""
        return not self.is_json or self._has("id") or self._has("affected")

    @property
    def is_statement(self) -> bool:
        """A statement that a package is not affected."""
        return self._has("id", "ecosystem", "cve")

    @property
    def is_catalogue(self) -> bool:
        """CISA's catalogue."""
        return self._has("catalog")

    def _has(self, *keys: str) -> bool:
        return self._keys is not None and all(
            getattr(self._keys, key) is not msgspec.UNSET for key in keys
        )


def records_of(content: bytes) -> list[msgspec.Raw] | None:
    """Return the items of a JSON list that begins with an OSV record, None for anything else."""
    records: list[msgspec.Raw] | None = _decoded(content, list[msgspec.Raw])
    return records if records and Shape(bytes(records[0])).is_record else None


def is_end_of_life(content: bytes) -> bool:
    """Say whether a document is end-of-life data, in either of its two forms."""
    data = _decoded(content, dict[str, msgspec.Raw])
    if data is None:
        return False
    first = _decoded(bytes(next(iter(data.values()), b"null")), Any)
    return "result" in data or (isinstance(first, dict) and "releases" in first)


def _decoded(content: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
