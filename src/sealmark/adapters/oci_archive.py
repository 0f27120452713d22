"""`oci-archive:FILE[:TAG]`: an OCI image layout inside a tar file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealmark.adapters.layout import Layout
from sealmark.errors import UnreadableError, UsageError

if TYPE_CHECKING:
    from sealmark.adapters.archive import Archive


class OciArchive(Layout):
    """A layout in an archive; `tag` or `digest` chooses among its images, or it has only one."""

    def __init__(self, archive: Archive, tag: str = "", digest: str = "") -> None:
        if "oci-layout" not in archive:
            if "manifest.json" in archive:
                raise UsageError(f"{archive} is no OCI archive; read it as docker-archive:")
            raise UnreadableError(f"{archive} is no OCI archive: it has no file `oci-layout`")
        super().__init__(archive, tag, digest)
