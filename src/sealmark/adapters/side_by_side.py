"""Work done side by side in threads, and ended early where one piece of it fails.

Decompression and hashing let go of the interpreter's lock, and a registry makes one wait: both are
better done for several layers at once (docs/benchmarks.md).
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sealmark.artifact.manifest import Descriptor, RawManifest
    from sealmark.artifact.source import ImageSource

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


class _GivenUpError(Exception):
    """Another piece failed; nobody waits for this one."""


class SideBySide:
    """A source whose blobs may be read by several threads, and the threads that do so."""

    def __init__(self, source: ImageSource, most: int) -> None:
        self._source = source
        self._most = most
        self._given_up = Event()

    def manifest(self, descriptor: Descriptor | None) -> RawManifest:
        """Return manifest bytes."""
        return self._source.manifest(descriptor)

    @contextmanager
    def blob(self, descriptor: Descriptor) -> Iterator[Iterator[bytes]]:
        """Open a blob; its chunks end when the work is given up."""
        with self._source.blob(descriptor) as chunks:
            yield self._while_wanted(chunks)

    def each(self, make: Callable[[_Given], _Made], given: Sequence[_Given]) -> list[_Made]:
        """Return what `make` makes of each, in order. Raises what the first to fail raised."""
        if len(given) < 2:
            return [make(one) for one in given]
        waiting: SimpleQueue[int] = SimpleQueue()
        outcomes: SimpleQueue[tuple[int, _Made | BaseException]] = SimpleQueue()
        for number in range(len(given)):
            waiting.put(number)
        for _ in range(min(self._most, len(given))):
            # Daemons: somebody who interrupts does not wait for a registry that says nothing.
            work = partial(self._work, make, given, waiting, outcomes)
            Thread(target=work, daemon=True).start()
        try:
            return self._gather(len(given), outcomes)
        finally:
            self._given_up.set()

    def _work(
        self,
        make: Callable[[_Given], _Made],
        given: Sequence[_Given],
        waiting: SimpleQueue[int],
        outcomes: SimpleQueue[tuple[int, _Made | BaseException]],
    ) -> None:
        with suppress(Empty):
            while not self._given_up.is_set():
                number = waiting.get_nowait()
                try:
                    outcomes.put((number, make(given[number])))
                except BaseException as error:  # noqa: BLE001 -- raised again where it is awaited
                    outcomes.put((number, error))

    def _gather(
        self, count: int, outcomes: SimpleQueue[tuple[int, _Made | BaseException]]
    ) -> list[_Made]:
        made: dict[int, _Made] = {}
        while len(made) < count:
            number, outcome = outcomes.get()
            if isinstance(outcome, BaseException):
                raise outcome
            made[number] = outcome
        return [made[number] for number in range(count)]

    def _while_wanted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self._given_up.is_set():
                raise _GivenUpError
            yield chunk
