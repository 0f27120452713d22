"""Appending, reading and proving, on a real directory."""

from __future__ import annotations

import errno
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support import ledger_oracle as oracle
from tests.support.ledger_directory import check, files_under, new_ledger, storage

from sealmark.ledger.bodies import MAX_BODY_BYTES
from sealmark.ledger.directory import Directory
from sealmark.ledger.disk import Disk
from sealmark.ledger.errors import (
    BusyError,
    DamagedError,
    LedgerError,
    MalformedError,
    MissingError,
    MisuseError,
    StorageError,
    UnprovenError,
)
from sealmark.ledger.key import SigningKey, load_key
from sealmark.ledger.log import Ledger
from sealmark.ledger.merkle import leaf_hash, verify_consistency, verify_inclusion
from sealmark.ledger.opening import key_path, open_for_reading
from sealmark.ledger.proof import Proof, verify_proof

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_entries_are_read_back_in_the_order_they_were_appended(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path / "log")
    assert ledger.append([b"one", b""]) == (0, 1)
    assert ledger.append([b"three"]) == (2,)
    assert ledger.append([]) == ()
    assert list(ledger.entries(0, 3)) == [b"one", b"", b"three"]
    assert ledger.entry(2) == b"three"
    assert ledger.size == Ledger.open(tmp_path / "log").size == 3


def test_a_log_is_whole_by_an_independent_reading_at_every_step(tmp_path: Path) -> None:
    root = tmp_path / "log"
    ledger = new_ledger(root)
    expected: list[bytes] = []
    for count in (1, 1, 253, 1, 1, 254, 1, 1, 300, 600):
        batch = [b"entry %d" % (len(expected) + n) for n in range(count)]
        assert ledger.append(batch) == tuple(range(len(expected), len(expected) + count))
        expected += batch
        assert oracle.check_log(files_under(root), ledger.verifier_key.public) == expected
        assert check(root, ledger.verifier_key).ok


def test_a_log_of_three_tile_levels_is_whole(tmp_path: Path) -> None:
    root = tmp_path / "log"
    ledger = new_ledger(root)
    ledger.append([b"%d" % n for n in range(65_530)])
    ledger.append([b"%d" % n for n in range(65_530, 65_550)])
    files = files_under(root)
    assert {"tile/1/000", "tile/2/000.p/1", "tile/0/256.p/14"} <= set(files)
    assert len(oracle.check_log(files, ledger.verifier_key.public)) == 65_550
    result = check(root, ledger.verifier_key)
    outgrown = 3  # the partial tiles of the first 65,530, two levels and the bundle
    assert (result.ok, result.entries, result.tiles) == (True, 65_550, 259 + outgrown)
    assert verify_proof(ledger.prove(65_540), ledger.verifier_key).entry == b"65540"


def test_partial_tiles_of_past_sizes_stay_until_long_after_the_full_ones(tmp_path: Path) -> None:
    root = tmp_path / "log"
    ledger = new_ledger(root, 260, batch=10)
    assert {f"tile/0/000.p/{width}" for width in (20, 30, 250)} <= set(files_under(root))
    for number in range(300):
        ledger.append([b"more %d" % number])
    partial = [name for name in files_under(root) if ".p/" in name]
    assert not [name for name in partial if "/000.p/" in name and not name.startswith("tile/1")]
    assert not (root / "tile/0/000.p").exists()
    assert "tile/0/001.p/255" in partial
    assert check(root, ledger.verifier_key).ok


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    return new_ledger(tmp_path_factory.mktemp("grown") / "log", 700)


LEAVES = [leaf_hash(b"entry %d" % n) for n in range(700)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_proofs_from_tiles_are_those_of_the_rfc(grown: Ledger, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 700))
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(0, size))
    root = oracle.tree_hash(LEAVES[:size])
    path = grown.prove_inclusion(index, size)
    assert list(path) == oracle.audit_path(index, LEAVES[:size])
    assert verify_inclusion(LEAVES[index], index, size, path, root)
    proof = grown.prove_consistency(old, size)
    assert list(proof) == oracle.consistency(old, LEAVES[:size])
    assert verify_consistency(old, oracle.tree_hash(LEAVES[:old]), size, root, proof)


def test_a_proof_file_stands_alone(grown: Ledger) -> None:
    for index in (0, 255, 256, 511, 512, 699):
        proven = verify_proof(grown.prove(index), grown.verifier_key)
        assert (proven.index, proven.entry) == (index, b"entry %d" % index)
        assert proven.checkpoint.size == 700


def test_a_proof_of_something_else_is_refused(grown: Ledger) -> None:
    proof = Proof.parse(grown.prove(5))
    for forged in (
        Proof(b"entry 6", proof.index, proof.hashes, proof.checkpoint),
        Proof(proof.entry, 6, proof.hashes, proof.checkpoint),
        Proof(proof.entry, 900, proof.hashes, proof.checkpoint),
        Proof(proof.entry, proof.index, proof.hashes[:-1], proof.checkpoint),
    ):
        with pytest.raises(UnprovenError):
            verify_proof(forged.encode(), grown.verifier_key)
    with pytest.raises(UnprovenError):
        verify_proof(proof.encode(), SigningKey.generate().verifier(grown.verifier_key.name))


def test_what_is_not_there_is_refused_with_the_size_of_the_log(grown: Ledger) -> None:
    for ask in (
        lambda: grown.entry(700),
        lambda: grown.entry(-1),
        lambda: grown.prove(700),
        lambda: grown.prove_inclusion(5, 701),
        lambda: grown.prove_inclusion(5, 5),
        lambda: grown.prove_consistency(701),
    ):
        with pytest.raises(MisuseError, match="the log has 700"):
            ask()


def test_a_ledger_continues_the_checkpoints_it_had_and_no_others(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path / "log", 30)
    kept = ledger.checkpoint()
    ledger.append([b"more"])
    assert ledger.continues(kept)
    other = new_ledger(tmp_path / "other")
    other.append([b"else %d" % n for n in range(30)])
    assert not ledger.continues(other.checkpoint())
    other.append([b"else %d" % n for n in range(30)])
    assert not ledger.continues(other.checkpoint())


def test_bodies_are_kept_once_under_their_digest(tmp_path: Path) -> None:
    root = tmp_path / "log"
    ledger = new_ledger(root)
    digest = ledger.put_body(b"body")
    ledger.append([b"entry"], [b"body", b"another"])
    assert ledger.body(digest) == b"body"
    assert ledger.body("sha256:" + "0" * 64) is None
    assert len([name for name in files_under(root) if name.startswith("bodies/")]) == 2
    with pytest.raises(MalformedError):
        ledger.body("sha256:../../../etc/passwd")


def test_a_body_that_could_not_be_read_back_is_refused(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path / "log")
    with pytest.raises(MisuseError, match="at most 268435456 bytes"):
        ledger.put_body(bytes(MAX_BODY_BYTES + 1))


def test_failing_to_tidy_up_is_not_failing_to_append(tmp_path: Path) -> None:
    class Untidy(Disk):
        def remove(self, name: str) -> None:
            if name.startswith("staging/"):
                raise OSError(errno.EIO, "Input/output error")

    root = tmp_path / "log"
    key = new_ledger(root).verifier_key
    untidy = Directory(Untidy(root))
    assert Ledger(untidy, untidy, key, load_key(key_path(root))).append([b"x"]) == (0,)
    assert check(root, key).ok


def test_a_spoilt_body_is_refused_and_mended_by_whoever_brings_it_again(tmp_path: Path) -> None:
    root = tmp_path / "log"
    ledger = new_ledger(root)
    digest = ledger.put_body(b"body")
    (name,) = [name for name in files_under(root) if name.startswith("bodies/")]
    (root / name).write_bytes(b"BODY")
    with pytest.raises(DamagedError, match="expected sha256:"):
        ledger.body(digest)
    ledger.put_body(b"body")
    assert ledger.body(digest) == b"body"


def test_an_empty_ledger_has_a_signed_checkpoint_and_verifies(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path / "log")
    assert ledger.checkpoint().size == 0
    assert check(tmp_path / "log", ledger.verifier_key).ok
    with pytest.raises(MisuseError):
        ledger.prove(0)


def test_the_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    root = tmp_path / "log"
    first = new_ledger(root)
    path = key_path(root)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.parent == root.parent, "not in the directory that may be served"
    assert Ledger.open(root, create=True).verifier_key == first.verifier_key
    path.chmod(0o640)
    with pytest.raises(StorageError, match="chmod 600"):
        Ledger.open(root)


def test_each_new_ledger_has_a_name_of_its_own(tmp_path: Path) -> None:
    one = Ledger.open(tmp_path / "one", create=True)
    two = Ledger.open(tmp_path / "two", create=True)
    assert one.verifier_key.name.startswith("sealmark/")
    assert one.verifier_key.name != two.verifier_key.name


def test_a_key_may_lie_elsewhere(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    ledger = Ledger.open(tmp_path / "log", create=True, key=keys / "mine")
    assert load_key(keys / "mine").public == ledger.verifier_key.public
    assert Ledger.open(tmp_path / "log", key=keys / "mine").append([b"x"]) == (0,)


def test_nothing_is_opened_where_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no ledger in"):
        Ledger.open(tmp_path / "log")
    with pytest.raises(MissingError, match="no ledger in"):
        open_for_reading(tmp_path / "log", SigningKey.generate().verifier("x"))
    assert not (tmp_path / "log").exists()


def test_a_ledger_whose_key_is_lost_can_be_read_but_not_appended_to(tmp_path: Path) -> None:
    root = tmp_path / "log"
    ledger = new_ledger(root, 3)
    key_path(root).unlink()
    with pytest.raises(MissingError, match="restore it from a backup"):
        Ledger.open(root)
    reading = open_for_reading(root, ledger.verifier_key)
    assert reading.entry(2) == b"entry 2"
    with pytest.raises(MisuseError, match="opened for reading"):
        reading.append([b"x"])


@pytest.mark.parametrize("content", [b"", b"x" * 5000, b"-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_a_key_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    root = tmp_path / "log"
    new_ledger(root)
    key_path(root).write_bytes(content)
    with pytest.raises(MalformedError, match="expected an Ed25519 private key"):
        Ledger.open(root)


def test_another_key_cannot_append(tmp_path: Path) -> None:
    root = tmp_path / "log"
    new_ledger(root, 3)
    key_path(root).write_bytes(SigningKey.generate().to_pem())
    before = files_under(root)
    with pytest.raises(UnprovenError):
        Ledger.open(root).append([b"x"])
    assert files_under(root) == before


@pytest.mark.parametrize("origin", ["a b", "a+b", "a\nb", "x" * 201, "\u202eevil"])
def test_a_log_has_a_name_that_notes_can_carry(tmp_path: Path, origin: str) -> None:
    with pytest.raises(MisuseError, match="name"):
        Ledger.open(tmp_path / "log", create=True, origin=origin)


def test_a_log_keeps_its_name(tmp_path: Path) -> None:
    new_ledger(tmp_path / "log")
    with pytest.raises(MisuseError, match=r"is test\.example/log, expected other"):
        Ledger.open(tmp_path / "log", origin="other")


def test_a_new_log_is_not_begun_on_the_ruins_of_another(tmp_path: Path) -> None:
    root = tmp_path / "log"
    new_ledger(root, 3)
    (root / "head").unlink()
    with pytest.raises(DamagedError, match="no head"):
        Ledger.open(root, create=True).append([b"x"])


def test_a_log_whose_checkpoint_was_set_back_publishes_what_is_committed(tmp_path: Path) -> None:
    root = tmp_path / "log"
    ledger = new_ledger(root, 10, batch=5)
    (root / "checkpoint").unlink()
    assert ledger.append([b"more"]) == (10,)
    assert check(root, ledger.verifier_key).ok


def test_a_log_whose_head_was_set_back_is_not_forked(tmp_path: Path) -> None:
    root = tmp_path / "log"
    ledger = new_ledger(root, 5)
    head = (root / "head").read_bytes()
    ledger.append([b"more"])
    (root / "head").write_bytes(head)
    with pytest.raises(DamagedError, match="head is at 5, the checkpoint at 6"):
        ledger.append([b"another history"])


@pytest.mark.parametrize("name", ["tile/0/000.p/10", "tile/entries/000.p/10"])
def test_nothing_is_appended_to_a_damaged_edge(tmp_path: Path, name: str) -> None:
    root = tmp_path / "log"
    ledger = new_ledger(root, 10)
    whole = (root / name).read_bytes()
    for spoilt in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:-1], b"", None):
        if spoilt is None:
            (root / name).unlink()
        else:
            (root / name).write_bytes(spoilt)
        with pytest.raises(DamagedError):
            ledger.append([b"x"])
    assert ledger.size == 10


@pytest.mark.parametrize(
    ("entries", "message"),
    [([bytes(65_536)], "65536 bytes"), ([b""] * 65_537, "at most 65536 entries")],
)
def test_what_the_log_cannot_hold_is_refused_whole(
    tmp_path: Path, entries: list[bytes], message: str
) -> None:
    ledger = new_ledger(tmp_path / "log")
    with pytest.raises(MisuseError, match=message):
        ledger.append([b"fine", *entries][:65_537])
    assert ledger.size == 0


def test_a_writer_waits_for_another_and_then_says_so(tmp_path: Path) -> None:
    root = tmp_path / "log"
    new_ledger(root)
    waiting = Ledger.open(root, wait=0.05)
    with (
        storage(root).hold(),
        pytest.raises(BusyError, match=r"for 0\.05 s"),
    ):
        waiting.append([b"x"])
    assert waiting.append([b"x"]) == (0,)


class Rival(Directory):
    """Storage that loses the first race: another writer is quicker, and nobody holds a lock."""

    def __init__(self, root: Path) -> None:
        super().__init__(Disk(root))
        self.quicker = [Ledger.open(root)]

    def swap(self, old: bytes | None, new: bytes) -> bool:
        while self.quicker:
            self.quicker.pop().append([b"quicker"])
        return super().swap(old, new)

    @contextmanager
    def hold(self) -> Iterator[None]:
        yield


def test_without_any_lock_the_loser_of_a_race_appends_after_the_winner(tmp_path: Path) -> None:
    root = tmp_path / "log"
    ledger = new_ledger(root, 3)
    rival = Rival(root)
    slow = Ledger(rival, rival, ledger.verifier_key, load_key(key_path(root)))
    assert slow.append([b"slower"]) == (4,)
    assert list(ledger.entries(3, 5)) == [b"quicker", b"slower"]
    assert check(root, ledger.verifier_key).ok


def test_threads_that_share_a_ledger_lose_nothing(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path / "log")

    def append(name: int) -> list[int]:
        return [ledger.append([b"%d %d" % (name, n)], [b"%d" % n])[0] for n in range(25)]

    with ThreadPoolExecutor(4) as pool:
        indices = [index for found in pool.map(append, range(4)) for index in found]
    assert sorted(indices) == list(range(100))
    assert check(tmp_path / "log", ledger.verifier_key).ok


def test_litter_of_killed_writers_is_cleared_away(tmp_path: Path) -> None:
    root = tmp_path / "log"
    ledger = new_ledger(root, 3)
    (root / "tmp" / "0").write_bytes(b"half")
    (root / "staging" / ("0" * 64)).write_bytes(b"never committed")
    ledger.append([b"x"])
    assert not list((root / "tmp").iterdir())
    assert not list((root / "staging").iterdir())


def test_a_directory_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LedgerError):
        Ledger.open(tmp_path / "file" / "log", create=True)
    ledger = new_ledger(tmp_path / "log")
    (tmp_path / "log" / "tile").write_bytes(b"in the way")
    with pytest.raises(StorageError, match="tile"):
        ledger.append([b"x"])
