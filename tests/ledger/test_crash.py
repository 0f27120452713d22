"""Killed at any instruction, with unsynced writes lost: what was acknowledged is there."""

from __future__ import annotations

import errno
import hashlib
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING

import pytest
from tests.support.ledger_directory import fixed_key
from tests.support.ledger_oracle import check_log
from tests.support.simulated_disk import File, Killed, SimulatedDisk

from sealmark.ledger.directory import Directory
from sealmark.ledger.errors import LedgerError, StorageError
from sealmark.ledger.log import Ledger
from sealmark.ledger.opening import found
from sealmark.ledger.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = fixed_key(3)
VERIFIER = KEY.verifier("crash.test/log")


class Life:
    """One log from its founding, killed again and again; knows what it was promised."""

    def __init__(self, random: Random, disk: SimulatedDisk) -> None:
        self.random = random
        self.disk = disk
        self.storage = Directory(disk)
        self.promised: list[bytes] = []
        self.published: list[bytes] = []
        self.bodies: dict[bytes, bytes] = {}
        self.attempts: list[list[bytes]] = []
        self.serial = 0

    def found(self) -> None:
        while True:
            self.disk.fuse = self.random.randint(0, 12)
            try:
                found(self.storage, lambda: KEY, VERIFIER.name)
            except StorageError:
                continue
            except Killed:
                self.stop()
            else:
                return

    def live_until_killed(self) -> None:
        """Append until the fuse is burnt, then look at what is left, then look again, mended."""
        self.disk.fuse = self.random.choice(
            (self.random.randint(0, 40), self.random.randint(0, 200))
        )
        ledger = Ledger(self.storage, self.storage, VERIFIER, KEY)
        try:
            while True:
                batch, bodies = self.batch()
                self.attempts.append(batch)
                with suppress(StorageError):
                    self.acknowledge(batch, ledger.append(batch, bodies))
        except Killed:
            self.stop()
        self.look()

    def batch(self) -> tuple[list[bytes], list[bytes]]:
        count = self.random.choice((1, 1, 1, 2, 5, self.random.randint(1, 300)))
        bodies = [self.random.randbytes(self.random.randint(0, 60)) for _ in range(count % 4)]
        entries = []
        for _ in range(count):
            self.serial += 1
            entry = b"%d %s" % (self.serial, self.random.randbytes(self.random.randint(0, 9)))
            entries.append(entry)
            if bodies:
                self.bodies[entry] = self.random.choice(bodies)
        return entries, bodies

    def acknowledge(self, batch: list[bytes], indices: tuple[int, ...]) -> None:
        self.attempts.pop()
        entries = check_log(self.disk.files(), KEY.public)
        assert entries[: len(self.promised)] == self.promised
        assert self.whole(entries[: indices[0]])
        assert entries[indices[0] :] == batch
        assert indices == tuple(range(indices[0], len(entries)))
        assert entries[: len(self.published)] == self.published
        self.promised, self.attempts = entries, []

    def whole(self, entries: list[bytes]) -> bool:
        """Say whether each attempt that was never acknowledged is there whole, or absent."""
        rest = entries[len(self.promised) :]
        for attempt in self.attempts:
            if rest[: len(attempt)] == attempt:
                rest = rest[len(attempt) :]
        return not rest

    def stop(self) -> None:
        if self.random.random() < 0.7:
            self.disk.lose_power()
        self.disk.fuse = None

    def look(self) -> None:
        """See what an outsider sees before anybody has mended anything."""
        files = self.disk.files()
        entries = check_log(files, KEY.public)
        assert entries[: len(self.promised)] == self.promised
        assert self.whole(entries)
        self.published = max(self.published, entries, key=len)
        for entry in entries:
            if entry in self.bodies:
                name = hashlib.sha256(self.bodies[entry]).hexdigest()
                assert files[f"bodies/sha256/{name[:2]}/{name}"] == self.bodies[entry]

    def verifies(self) -> bool:
        return verify(self.storage, VERIFIER).ok


def kill_repeatedly(
    kills: int,
    seed: int,
    make_disk: Callable[[Random], SimulatedDisk] = SimulatedDisk,
    verify_every: int = 1,
) -> None:
    random = Random(seed)
    life = Life(random, make_disk(random))
    life.found()
    for kill in range(kills):
        if len(life.promised) > 900:
            life = Life(random, make_disk(random))
            life.found()
        life.live_until_killed()
        if kill % verify_every == 0:
            assert life.verifies()


@pytest.mark.parametrize("seed", range(4))
def test_what_was_acknowledged_survives_a_kill_at_any_instruction(seed: int) -> None:
    kill_repeatedly(100, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 20))
def test_what_was_acknowledged_survives_ten_thousand_kills(seed: int) -> None:
    kill_repeatedly(1000, seed, verify_every=10)


class FailingDisk(SimulatedDisk):
    """Full, or broken, now and then: an operation in thirty ends in an error."""

    def burn(self) -> None:
        if self.fuse is not None and self.random.random() < 0.03:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().burn()


def test_a_write_that_fails_leaves_a_whole_log_and_the_next_one_goes_on() -> None:
    kill_repeatedly(150, 3, FailingDisk)


class NoFileSync(SimulatedDisk):
    def sync_file(self, node: File) -> None:
        """Forget it."""


class NoFolderSync(SimulatedDisk):
    def sync_folder(self, name: str) -> None:
        self.burn()


class OnlyInnermostFolderSync(SimulatedDisk):
    def sync_folder(self, name: str) -> None:
        if name in ("", "head") or name.endswith(".p"):
            super().sync_folder(name)


class RenameBeforeWrite(SimulatedDisk):
    """Writes straight to the final name, as code without temporary files would."""

    def rename(self, old: str, new: str) -> None:
        content = self.read(old, 1 << 30) or b""
        self.remove(old)
        self.write_synced(new, content)


@pytest.mark.parametrize(
    "disk", [NoFileSync, NoFolderSync, OnlyInnermostFolderSync, RenameBeforeWrite]
)
def test_the_simulation_notices_a_writer_that_is_careless(disk: type[SimulatedDisk]) -> None:
    with pytest.raises((AssertionError, LedgerError, KeyError, ValueError)):
        kill_through(disk)


def kill_through(disk: type[SimulatedDisk]) -> None:
    for seed in range(20):
        kill_repeatedly(100, seed, disk)
