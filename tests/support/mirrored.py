"""A copy as `sealmark copy` makes it, where a test is about the place and not about the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealmark.artifact.mirror import put_whole
from sealmark.artifact.whole import find_whole

if TYPE_CHECKING:
    from sealmark.artifact.source import ImageTarget, ReferrerSource
    from sealmark.artifact.whole import Whole


def mirror(source: ReferrerSource, target: ImageTarget, tag: str) -> Whole:
    """Put all of an image into `target` and name it `tag`."""
    whole = find_whole(source)
    put_whole(source, target, whole)
    target.put_manifest(whole.named, tag)
    return whole
