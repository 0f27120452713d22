"""Notes, keys, checkpoints, tiles and proof files: what they read, and all that they refuse."""

from __future__ import annotations

import base64
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.ledger_directory import fixed_key

from sealmark.ledger.bodies import body_digest, body_name, digest_of_name
from sealmark.ledger.checkpoint import Checkpoint, open_checkpoint, unsafe_read_checkpoint
from sealmark.ledger.errors import LedgerError, MalformedError, MisuseError, UnprovenError
from sealmark.ledger.key import SigningKey
from sealmark.ledger.merkle import EMPTY_ROOT, leaf_hash
from sealmark.ledger.note import MAX_SIGNATURES, Note, Signature, VerifierKey
from sealmark.ledger.proof import Proof, verify_proof
from sealmark.ledger.tiles import (
    ENTRIES,
    Tile,
    decode_bundle,
    decode_entries,
    decode_tile,
    edge_tiles,
    encode_entries,
    width_at,
)

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "log.example/one"
SIGNER = fixed_key(1)
KEY = SIGNER.verifier(NAME)
OTHER = fixed_key(2)
CHECKPOINT = Checkpoint(NAME, 1, leaf_hash(b"only entry"))
SIGNED = SIGNER.sign(CHECKPOINT.text(), NAME)
PROOF = Proof(b"only entry", 0, (), SIGNED).encode()


def test_a_note_published_by_others_is_read_and_its_key_believed() -> None:
    """The example of the signed-note package of the Go project."""
    key = VerifierKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )
    line = (
        "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXg"
        "KvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    note = Note.parse(f"{text}\n{line}".encode())
    key.verify(note)
    assert note.text == text
    assert str(key).startswith("PeterNeumann+c74f20a3+")
    with pytest.raises(UnprovenError, match="does not fit"):
        key.verify(Note(text + "!\n", note.signatures))


def test_unknown_signatures_are_ignored_and_the_known_one_must_hold() -> None:
    witness = Signature("witness.example", b"abcd", b"x" * 72)
    note = Note.parse(SIGNED)
    both = Note(note.text, (witness, *note.signatures))
    assert open_checkpoint(both.encode(), KEY) == CHECKPOINT
    broken = Note(note.text, (*note.signatures, Signature(NAME, KEY.id, b"y" * 64)))
    with pytest.raises(UnprovenError, match="does not fit"):
        open_checkpoint(broken.encode(), KEY)


def test_a_checkpoint_of_another_key_or_origin_is_refused() -> None:
    with pytest.raises(UnprovenError, match="expected a signature by"):
        open_checkpoint(OTHER.sign(CHECKPOINT.text(), NAME), KEY)
    elsewhere = Checkpoint("log.example/two", 1, CHECKPOINT.root)
    with pytest.raises(UnprovenError, match=r"expected 'log\.example/one'"):
        open_checkpoint(SIGNER.sign(elsewhere.text(), NAME), KEY)


def test_a_checkpoint_keeps_its_extension_lines() -> None:
    extended = Checkpoint(NAME, 1, CHECKPOINT.root, ("more", "lines"))
    assert open_checkpoint(SIGNER.sign(extended.text(), NAME), KEY) == extended


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{NAME}\n1\n",
        f"\n1\n{base64.b64encode(EMPTY_ROOT).decode()}\n",
        f"{NAME}\n01\n{base64.b64encode(EMPTY_ROOT).decode()}\n",
        f"{NAME}\n-1\n{base64.b64encode(EMPTY_ROOT).decode()}\n",
        f"{NAME}\n\u0661\n{base64.b64encode(EMPTY_ROOT).decode()}\n",
        f"{NAME}\n9223372036854775808\n{base64.b64encode(EMPTY_ROOT).decode()}\n",
        f"{NAME}\n0\n{base64.b64encode(bytes(32)).decode()}\n",
        f"{NAME}\n1\n{base64.b64encode(bytes(31)).decode()}\n",
        f"{NAME}\n1\n{base64.b64encode(bytes(32)).decode()}\n\nx\n",
        f"{NAME}\n1\n{base64.b64encode(bytes(32)).decode()}",
    ],
)
def test_a_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        Checkpoint.parse_text(text)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\n\n\xe2\x80\x94 a aaaaaaaa\n",
        b"text\n",
        b"text\n\n",
        b"text\n\n- a YWFhYWFh\n",
        "text\n\n\u2014 a YWFhYWFh".encode(),
        "text\n\n\u2014 a YWFhYQ==\n".encode(),
        "text\n\n\u2014 a YWFhYWFhYR==\n".encode(),
        "text\n\n\u2014 a b YWFhYWFh\n".encode(),
        "text\n\n\u2014 a+b YWFhYWFh\n".encode(),
        "te\txt\n\n\u2014 a YWFhYWFh\n".encode(),
        "te\xffxt\n\n\u2014 a YWFhYWFh\n".encode("latin-1", "replace"),
        ("text\n\n" + "\u2014 a YWFhYWFh\n" * (MAX_SIGNATURES + 1)).encode(),
        b"x" * 1_000_001,
    ],
)
def test_bytes_that_are_no_note_are_refused(note: bytes) -> None:
    with pytest.raises(MalformedError):
        Note.parse(note)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        f"x{KEY}",
        str(KEY).replace("+", "-"),
        str(KEY)[:-4],
        str(KEY) + "\n",
        f"a b+{KEY.id.hex()}+" + str(KEY).split("+", 2)[2],
        f"{NAME}+00000000+" + str(KEY).split("+", 2)[2],
    ],
)
def test_a_text_that_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        VerifierKey.parse(text)


def test_a_verifier_key_is_read_as_it_is_written() -> None:
    assert VerifierKey.parse(str(KEY)) == KEY


@given(st.binary())
@example(SIGNED)
@example(SIGNED[:-1])
def test_any_bytes_are_a_note_that_encodes_back_or_are_refused(data: bytes) -> None:
    with contextlib.suppress(MalformedError):
        assert Note.parse(data).encode() == data


def mutations(data: bytes) -> st.SearchStrategy[bytes]:
    """Bytes near `data`: a slice replaced by something short."""
    cut = st.integers(0, len(data))
    junk = st.binary(max_size=6) | st.sampled_from([b"\n", b"\n\n", b"0", b"=", b" "])
    return st.builds(
        lambda a, b, c: data[: min(a, b)] + c + data[max(a, b) :], cut, cut, junk
    ) | st.builds(lambda a, c: data[:a] + c + data[a + len(c) :], cut, junk)


@given(mutations(SIGNED))
def test_a_changed_checkpoint_is_refused(data: bytes) -> None:
    try:
        assert open_checkpoint(data, KEY) == CHECKPOINT
    except (MalformedError, UnprovenError):
        assert data != SIGNED


@given(mutations(PROOF))
def test_a_changed_proof_proves_nothing_else(data: bytes) -> None:
    try:
        proven = verify_proof(data, KEY)
    except (MalformedError, UnprovenError):
        assert data != PROOF
    else:
        assert (proven.index, proven.entry, proven.checkpoint) == (0, b"only entry", CHECKPOINT)


PARSERS: list[Callable[[bytes], Any]] = [
    Proof.parse,
    unsafe_read_checkpoint,
    SigningKey.from_pem,
    lambda data: verify_proof(data, KEY),
    lambda data: decode_entries(data, most=3),
    lambda data: decode_bundle(data, 2),
    lambda data: decode_tile(data, 2),
    lambda data: Tile.parse(data.decode("latin-1")),
    lambda data: VerifierKey.parse(data.decode("latin-1")),
    lambda data: body_name(data.decode("latin-1")),
    lambda data: digest_of_name(data.decode("latin-1")),
]


@pytest.mark.parametrize("parse", PARSERS)
@given(
    st.binary()
    | mutations(PROOF)
    | mutations(SIGNED)
    | mutations(b"tile/0/x001/234.p/5")
    | mutations(SIGNER.to_pem())
)
def test_a_parser_returns_or_raises_its_own_error(
    parse: Callable[[bytes], Any], data: bytes
) -> None:
    refused: LedgerError | None = None
    try:
        parse(data)
    except LedgerError as error:
        refused = error
    assert refused is None or refused.exit_code in (1, 4)
    assert "\n" not in str(refused)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(1, 999, 255), "tile/1/999.p/255"),
        (Tile(2, 1000), "tile/2/x001/000"),
        (Tile(63, 1_234_067, 1), "tile/63/x001/x234/067.p/1"),
        (Tile(ENTRIES, 1_234_067), "tile/entries/x001/x234/067"),
    ],
)
def test_tiles_are_named_as_tlog_tiles_names_them(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert Tile.parse(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/64/000",
        "tile/00/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000/",
        "/tile/0/000",
        "tile/-1/000",
        "tile/entries/000.p",
        "tile/0/\u0660\u0660\u0660",
    ],
)
def test_other_names_are_no_tiles(path: str) -> None:
    with pytest.raises(MalformedError):
        Tile.parse(path)


@given(st.integers(ENTRIES, 63), st.integers(0, 2**55), st.integers(1, 256))
def test_every_tile_is_found_again_by_its_name(level: int, index: int, width: int) -> None:
    assert Tile.parse(Tile(level, index, width).path) == Tile(level, index, width)


def test_a_tree_of_70000_has_the_partial_tiles_of_the_specification() -> None:
    assert [tile.path for tile in edge_tiles(70_000)] == [
        "tile/0/273.p/112",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ]
    assert [tile.path for tile in edge_tiles(256)] == ["tile/1/000.p/1"]
    assert width_at(ENTRIES, 273, 70_000) == 112
    assert width_at(0, 274, 70_000) == 0


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_entries_come_out_of_a_bundle_as_they_went_in(entries: list[bytes]) -> None:
    assert decode_bundle(encode_entries(entries), len(entries)) == entries


def test_an_entry_has_at_most_65535_bytes() -> None:
    assert decode_bundle(encode_entries([bytes(65_535)]), 1) == [bytes(65_535)]
    with pytest.raises(MisuseError, match="65536 bytes"):
        encode_entries([b"", bytes(65_536)])


def test_a_private_key_survives_its_file_format_and_is_never_printed() -> None:
    pem = SIGNER.to_pem()
    assert SigningKey.from_pem(pem).public == SIGNER.public
    secret = base64.b64decode(pem.split(b"\n")[1])[16:]
    assert secret.hex() not in repr(SIGNER)
    assert base64.b64encode(secret).decode() not in repr(SIGNER)


def test_the_key_file_is_what_other_tools_read() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    private = load_pem_private_key(SIGNER.to_pem(), password=None)
    assert isinstance(private, Ed25519PrivateKey)
    assert private.public_key().public_bytes_raw() == SIGNER.public


def test_a_body_lies_where_its_digest_says() -> None:
    digest = body_digest(b"hello")
    assert body_name(digest) == (
        "bodies/sha256/2c/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    )
    assert digest_of_name(body_name(digest)) == digest
