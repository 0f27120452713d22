"""Bills of materials as input: CycloneDX 1.2 to 1.7 and SPDX 2.2 and 2.3, as JSON.

Whoever wrote the document says what is inside; it is taken at its word, but nothing it leaves
open is taken for harmless. A component without a package URL or a version, and a list that calls
itself incomplete, are problems of the inventory, which policy sees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from sealmark.errors import UnreadableError
from sealmark.evidence.sbom.properties import PropertyError
from sealmark.scan.sbom.bill import MAX_COMPONENTS, inventory_of
from sealmark.scan.sbom.cyclonedx import CycloneDx, read_cyclonedx
from sealmark.scan.sbom.spdx import Spdx, read_spdx

if TYPE_CHECKING:
    from sealmark.evidence.inventory import Inventory
    from sealmark.scan.sbom.bill import Bill

MAX_BYTES = 128 << 20
"""Largest document that is read."""
MAX_VALUES = 30 * MAX_COMPONENTS
"""Most JSON values in a document, counted by the marks between them."""

T = TypeVar("T")
_FORMS = ((b"<", "XML"), (b"SPDXVersion:", "SPDX tag-value"), (b"\x1f\x8b", "gzip"))


class SbomError(UnreadableError):
    """A file that is no bill of materials in a form we read, or exceeds the limits."""


_ABSENT = msgspec.Raw()


class _Heading(msgspec.Struct):
    bom_format: Any = msgspec.field(default=None, name="bomFormat")
    spec_version: Any = msgspec.field(default=None, name="specVersion")
    spdx_version: Any = msgspec.field(default=None, name="spdxVersion")
    context: Any = msgspec.field(default=None, name="@context")
    wrapped: msgspec.Raw = msgspec.field(default=_ABSENT, name="sbom")


def parse_sbom(content: bytes) -> Inventory:
    """Return what a bill of materials lists.

    Raises SbomError for other formats and versions, for JSON that does not have the form its
    format prescribes, and for more than MAX_BYTES, MAX_VALUES or MAX_COMPONENTS.
    """
    if len(content) > MAX_BYTES:
        raise SbomError(f"the SBOM has more than {MAX_BYTES} bytes")
    content = content.removeprefix(b"\xef\xbb\xbf")
    if sum(map(content.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise SbomError(f"the SBOM has more than {MAX_VALUES} values")
    if content.lstrip()[:1] != b"{":
        raise SbomError(f"expected an SBOM as JSON (CycloneDX or SPDX), got {_looks_like(content)}")
    try:
        bill = _read(content)
    except PropertyError as error:
        raise SbomError(f"the SBOM is damaged: {error}") from None
    if len(bill.items) > MAX_COMPONENTS:
        raise SbomError(f"the SBOM lists more than {MAX_COMPONENTS} components")
    return inventory_of(bill)


def _looks_like(content: bytes) -> str:
    start = content.lstrip()[:40]
    return next((form for mark, form in _FORMS if start.startswith(mark)), repr(start))


def _read(content: bytes) -> Bill:
    heading = _decode(content, _Heading, "JSON object")
    if heading.wrapped and heading.spdx_version is None:
        content = bytes(heading.wrapped)  # as GitHub's dependency graph hands it out
        heading = _decode(content, _Heading, "JSON object")
    if heading.bom_format is not None and heading.spdx_version is not None:
        raise SbomError("the SBOM calls itself CycloneDX and SPDX: refused as ambiguous")
    if heading.bom_format == "CycloneDX":
        _check("CycloneDX", heading.spec_version, ("1.2", "1.3", "1.4", "1.5", "1.6", "1.7"))
        return read_cyclonedx(_decode(content, CycloneDx, "CycloneDX document"))
    if heading.spdx_version is not None:
        _check("SPDX", heading.spdx_version, ("SPDX-2.2", "SPDX-2.3"))
        return read_spdx(_decode(content, Spdx, "SPDX document"))
    if heading.context is not None:
        raise SbomError("expected CycloneDX or SPDX 2.x, got JSON-LD; SPDX 3 is not read")
    raise SbomError("expected an SBOM with bomFormat CycloneDX or with spdxVersion, got neither")


def _check(format_: str, got: object, accepted: tuple[str, ...]) -> None:
    if got not in accepted:
        versions = f"{accepted[0]} to {accepted[-1]}"
        raise SbomError(f"expected {format_} {versions}, got {str(got)[:40]!r}")


def _decode(content: bytes, type_: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(content, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SbomError(f"not a readable {what}: {error}") from None
    except RecursionError:
        raise SbomError(f"not a readable {what}: nested too deeply") from None
