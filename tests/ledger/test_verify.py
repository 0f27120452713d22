"""Verification: whatever was changed, by whomever, is noticed and named."""

from __future__ import annotations

import os
import shutil
import tracemalloc
from pathlib import Path
from random import Random

import pytest
from tests.support.ledger_directory import check, files_under, new_ledger

from sealmark.ledger.errors import MalformedError, UnreadableFileError
from sealmark.ledger.key import SigningKey, load_key
from sealmark.ledger.log import Ledger
from sealmark.ledger.merkle import leaf_hash
from sealmark.ledger.opening import key_path
from sealmark.ledger.tiles import encode_entries


def bodies_of(entry: bytes) -> list[str]:
    """Entries of these tests name their bodies after a space."""
    return entry.decode("utf-8", "replace").split(" ")[1:]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of 600 entries in seven appends, with two bodies."""
    root = tmp_path_factory.mktemp("verify") / "log"
    ledger = Ledger.open(root, create=True, origin="test.example/log")
    first, second = ledger.put_body(b"first body"), ledger.put_body(b"second body")
    ledger.append([b"a %s %s" % (first.encode(), second.encode())])
    for start in range(1, 600, 100):
        ledger.append([b"%d" % n for n in range(start, min(600, start + 100))])
    return root


@pytest.fixture
def root(original: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "log"
    shutil.copytree(original, copy)
    shutil.copy2(key_path(original), key_path(copy))
    return copy


def kinds(root: Path, against: bytes | None = None) -> set[str]:
    key = load_key(key_path(root)).verifier("test.example/log")
    result = check(root, key, against, bodies_of)
    assert result.ok == (not result.problems)
    return {problem.kind for problem in result.problems}


def test_an_untouched_ledger_verifies(root: Path) -> None:
    key = load_key(key_path(root)).verifier("test.example/log")
    result = check(root, key, (root / "checkpoint").read_bytes(), bodies_of)
    assert result.ok
    assert (result.entries, result.bodies, result.pending) == (600, 2, 0)


def test_any_byte_changed_in_any_file_is_noticed(root: Path) -> None:
    random = Random(6962)
    names = [name for name, content in files_under(root).items() if content]
    assert len(names) > 12
    for name in names:
        path = root / name
        whole = path.read_bytes()
        places = {0, len(whole) - 1, *(random.randrange(len(whole)) for _ in range(4))}
        for place in sorted(places):
            spoilt = bytearray(whole)
            spoilt[place] ^= 1 << random.randrange(8)
            path.write_bytes(spoilt)
            assert kinds(root), f"byte {place} of {name}"
        path.write_bytes(whole)
    assert not kinds(root)


@pytest.mark.slow
def test_every_byte_of_every_small_file_matters(tmp_path: Path) -> None:
    root = tmp_path / "log"
    new_ledger(root, 4, batch=2).append([b"a"], [b"body"])
    for name, whole in files_under(root).items():
        for place in range(len(whole)):
            for bit in range(8):
                spoilt = bytearray(whole)
                spoilt[place] ^= 1 << bit
                (root / name).write_bytes(spoilt)
                assert kinds(root), f"bit {bit} of byte {place} of {name}"
        (root / name).write_bytes(whole)


def test_any_file_missing_cut_or_lengthened_is_noticed(root: Path) -> None:
    outgrown = {name for name in files_under(root) if ".p/" in name and "/002.p/88" not in name}
    outgrown.discard("tile/1/000.p/2")
    for name, whole in files_under(root).items():
        path = root / name
        for spoilt in (whole[:-1], whole + b"x", whole + whole, b"") if whole else ():
            path.write_bytes(spoilt)
            assert kinds(root), f"{len(spoilt)} bytes of {name}"
        path.unlink()
        # A copy made for others has no head, and may lack what tlog-tiles lets a log remove.
        spare = name in outgrown or name in ("head", "lock", "head.lock")
        assert bool(kinds(root)) != spare, name
        path.write_bytes(whole)


def test_a_changed_entry_is_named_by_its_index_with_both_hashes(root: Path) -> None:
    path = root / "tile/entries/001"
    path.write_bytes(path.read_bytes().replace(b"\x00\x03300", b"\x00\x03333"))
    key = load_key(key_path(root)).verifier("test.example/log")
    result = check(root, key)
    first = result.problems[0]
    assert first.kind == "entry"
    assert first.where == "tile/0/001 (entry 300)"
    assert first.expected == leaf_hash(b"300").hex()
    assert first.got == leaf_hash(b"333").hex()
    assert {problem.kind for problem in result.problems[1:]} == {"tile", "root"}


def test_files_that_do_not_belong_to_the_log_are_noticed(root: Path) -> None:
    for name in ("tile/0/003", "tile/0/002.p/89", "tile/7/000", "tile/0/x", "tile/entries/000.p/x"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"")
        assert kinds(root) == {"stray"}, name
        (root / name).unlink()
    (root / "bodies/sha256/zz").mkdir()
    (root / "bodies/sha256/zz/zz").write_bytes(b"")
    assert kinds(root) == {"stray"}


def test_a_stray_file_may_have_any_name_and_is_reported_printably(root: Path) -> None:
    Path(os.fsdecode(os.fsencode(root) + b"/tile/\xff\x1b[31m")).write_bytes(b"")
    key = load_key(key_path(root)).verifier("test.example/log")
    (problem,) = check(root, key).problems
    assert str(problem).isprintable()
    assert problem.where == "tile/\\udcff\\x1b[31m"


def test_a_body_an_entry_needs_must_be_there(root: Path) -> None:
    for name in [name for name in files_under(root) if name.startswith("bodies/")]:
        (root / name).unlink()
    key = load_key(key_path(root)).verifier("test.example/log")
    result = check(root, key, None, bodies_of)
    assert {problem.kind for problem in result.problems} == {"body"}
    assert len(result.problems) == 2
    assert "entry 0" in result.problems[0].where


def test_an_entry_that_names_no_digest_where_one_should_be_is_noticed(tmp_path: Path) -> None:
    root = tmp_path / "log"
    new_ledger(root).append([b"a sha256:../../etc/passwd"])
    assert kinds(root) == {"body"}


def rewritten(root: Path, entries: list[bytes]) -> None:
    """What the key's holder can do: a whole new log under the same key and name."""
    shutil.rmtree(root)
    Ledger.open(root, create=True, origin="test.example/log").append(entries)


def test_a_rewrite_by_the_keys_own_holder_is_noticed_by_who_kept_a_checkpoint(root: Path) -> None:
    kept = (root / "checkpoint").read_bytes()
    for size in (600, 601, 2000):
        rewritten(root, [b"rewritten-%d" % n for n in range(size)])
        assert not kinds(root), "alone it looks whole"
        assert kinds(root, kept) == {"kept"}


def test_a_log_that_shrank_is_noticed_by_who_kept_a_checkpoint(root: Path) -> None:
    kept = (root / "checkpoint").read_bytes()
    entries = [b"%d" % n for n in range(599)]
    rewritten(root, entries)
    assert kinds(root, kept) == {"kept"}


def test_a_log_that_grew_continues_every_checkpoint_it_had(tmp_path: Path) -> None:
    root = tmp_path / "log"
    ledger = new_ledger(root)
    kept = [ledger.signed_checkpoint()]
    for count in (1, 254, 1, 1, 255, 3, 80):
        ledger.append([b"%d" % n for n in range(count)])
        kept.append(ledger.signed_checkpoint())
    for checkpoint in kept:
        assert not kinds(root, checkpoint)


def test_a_kept_checkpoint_of_another_log_or_key_is_refused(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    stranger = Ledger.open(other, create=True, origin="other.example/log")
    assert kinds(root, stranger.signed_checkpoint()) == {"kept"}
    namesake = Ledger.open(tmp_path / "third", create=True, origin="test.example/log")
    assert kinds(root, namesake.signed_checkpoint()) == {"kept"}
    with pytest.raises(MalformedError, match="the kept checkpoint"):
        kinds(root, b"not a checkpoint")


def test_another_key_verifies_nothing(root: Path) -> None:
    result = check(root, SigningKey.generate().verifier("test.example/log"))
    assert not result.ok
    assert result.checkpoint is None


def test_nothing_at_all_is_not_verified(tmp_path: Path) -> None:
    assert not check(tmp_path / "log", SigningKey.generate().verifier("x")).ok


def test_entries_committed_but_not_published_are_checked_too(root: Path) -> None:
    ledger = Ledger.open(root)
    stale = {name: (root / name).read_bytes() for name in ("checkpoint", "head")}
    ledger.append([b"late"])
    head = (root / "head").read_bytes()
    from sealmark.ledger.storage import staged_name

    (root / "checkpoint").write_bytes(stale["checkpoint"])
    staged = root / staged_name(head)
    staged.write_bytes(encode_entries([b"late"]))
    key = load_key(key_path(root)).verifier("test.example/log")
    result = check(root, key)
    assert (result.ok, result.pending) == (True, 1)
    staged.write_bytes(encode_entries([b"lame"]))
    assert kinds(root) == {"head"}
    staged.unlink()
    assert kinds(root) == {"head"}


def test_links_pipes_and_oversized_files_are_not_followed_or_waited_for(root: Path) -> None:
    path = root / "tile/0/000"
    whole = path.read_bytes()
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(UnreadableFileError, match="tile/0/000"):
        kinds(root)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UnreadableFileError, match="regular file"):
        kinds(root)
    path.unlink()
    path.write_bytes(whole)
    os.truncate(root / "tile/entries/000", 1 << 40)
    assert "entry" in kinds(root)


def test_problems_are_counted_beyond_those_listed(tmp_path: Path) -> None:
    root = tmp_path / "log"
    ledger = new_ledger(root)
    ledger.append([b"a sha256:" + b"%064x" % n for n in range(300)])
    result = check(root, ledger.verifier_key, None, bodies_of)
    assert (len(result.problems), result.unlisted) == (100, 200)


def test_memory_stays_bounded_whatever_the_size(tmp_path: Path) -> None:
    root = tmp_path / "log"
    ledger = new_ledger(root)
    for start in range(0, 60_000, 20_000):
        ledger.append([b"%d" % n * 20 for n in range(start, start + 20_000)])
    tracemalloc.start()
    try:
        assert check(root, ledger.verifier_key).ok
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000
