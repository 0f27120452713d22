"""How far the reading of layers has come, on a terminal only, and gone when it is done."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress, TaskID

    from sealmark.artifact.image import Image
    from sealmark.artifact.manifest import Descriptor, RawManifest
    from sealmark.artifact.source import ImageSource

_ROOM_FOR_BAR = 60


@contextmanager
def watched(source: ImageSource, image: Image, stream: TextIO | None) -> Iterator[ImageSource]:
    """Give `source` back so that its layers are seen being read on `stream`, if that is one."""
    if stream is None or not stream.isatty() or os.environ.get("TERM") == "dumb":
        yield source
        return
    with ExitStack() as shown:
        yield _Watched(source, image, stream, shown)


class _Watched:
    """A source that counts what is read of it; nothing is shown before the first layer is."""

    def __init__(self, source: ImageSource, image: Image, stream: TextIO, shown: ExitStack) -> None:
        self._source = source
        self._digests = [layer.descriptor.digest for layer in image.layers]
        self._stream = stream
        self._shown = shown
        self._progress: Progress | None = None
        self._beginning = Lock()

    def manifest(self, descriptor: Descriptor | None) -> RawManifest:
        """Return manifest bytes."""
        return self._source.manifest(descriptor)

    @contextmanager
    def blob(self, descriptor: Descriptor) -> Iterator[Iterator[bytes]]:
        """Open a blob, and show how much of it was read."""
        progress = self._begun()
        number = self._digests.index(descriptor.digest) + 1
        name = f"layer {number} of {len(self._digests)}"
        task = progress.add_task(name, total=descriptor.size)
        try:
            with self._source.blob(descriptor) as chunks:
                yield _counted(chunks, progress, task)
        finally:
            progress.remove_task(task)

    def _begun(self) -> Progress:
        """Return the bars; layers are read by several threads."""
        with self._beginning:
            if self._progress is None:
                self._progress = self._shown.enter_context(_bars(self._stream))
            return self._progress


def _counted(chunks: Iterator[bytes], progress: Progress, task: TaskID) -> Iterator[bytes]:
    for chunk in chunks:
        progress.advance(task, len(chunk))
        yield chunk


def _bars(stream: TextIO) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
    from rich.table import Column

    console = Console(file=stream)
    read = DownloadColumn(binary_units=True, table_column=Column(no_wrap=True))
    bar = [BarColumn()] if console.width >= _ROOM_FOR_BAR else []
    return Progress(TextColumn("{task.description}"), *bar, read, console=console, transient=True)
