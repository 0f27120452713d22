"""Layers are read side by side: in order, all or nothing, and not beyond the first failure."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from sealmark.adapters.side_by_side import SideBySide
from sealmark.artifact.digest import Digest
from sealmark.artifact.manifest import Descriptor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealmark.artifact.manifest import RawManifest

DESCRIPTOR = Descriptor(media_type="x", digest=Digest.of(b""), size=0)
SOON = 30


class Endless:
    """A source whose blobs do not end by themselves."""

    def manifest(self, descriptor: Descriptor | None) -> RawManifest:
        raise AssertionError(descriptor)

    @contextmanager
    def blob(self, descriptor: Descriptor) -> Iterator[Iterator[bytes]]:
        assert descriptor is DESCRIPTOR
        yield iter(lambda: b"x", b"")


def test_results_come_in_the_order_of_what_was_given() -> None:
    first_is_done_last = threading.Event()

    def make(number: int) -> int:
        if number == 0:
            assert first_is_done_last.wait(SOON)
        if number == 2:
            first_is_done_last.set()
        return number * number

    assert SideBySide(Endless(), 2).each(make, range(5)) == [0, 1, 4, 9, 16]


def test_no_more_are_read_at_once_than_said() -> None:
    counting = threading.Lock()
    now, most = 0, 0

    def make(number: int) -> int:
        nonlocal now, most
        with counting:
            now += 1
            most = max(most, now)
        time.sleep(0.002)
        with counting:
            now -= 1
        return number

    assert SideBySide(Endless(), 3).each(make, range(50)) == list(range(50))
    assert most == 3


def test_a_failure_is_raised_and_ends_the_reading_of_the_others() -> None:
    reading, ended = threading.Event(), threading.Event()
    work = SideBySide(Endless(), 2)

    def make(number: int) -> None:
        if number == 1:
            assert reading.wait(SOON)
            raise ValueError("layer 1")
        try:
            with work.blob(DESCRIPTOR) as chunks:
                for _ in chunks:
                    reading.set()
        finally:
            ended.set()

    with pytest.raises(ValueError, match="layer 1"):
        work.each(make, range(9))
    assert ended.wait(SOON)
    assert threading.active_count() < 9


def test_one_piece_of_work_needs_no_thread() -> None:
    seen = SideBySide(Endless(), 2).each(lambda _: threading.current_thread(), [0])
    assert seen == [threading.current_thread()]
