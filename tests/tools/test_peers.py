"""`make peers`: built once, skipped with a reason, never silently wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tools.peers import PEERS, GoProgram, UnavailableError, make

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


@dataclass
class Fake:
    name: str = "fake"
    sources: str = "one"
    missing: str = ""
    builds: list[str] = field(default_factory=list)

    def state(self) -> str:
        return self.sources

    def build(self, target: Path) -> None:
        if self.missing:
            raise UnavailableError(self.missing)
        self.builds.append(self.sources)
        target.write_text(self.sources)


def test_a_peer_is_built_once_and_again_when_its_sources_change(tmp_path: Path) -> None:
    fake = Fake()
    assert [make(fake, tmp_path), make(fake, tmp_path)] == ["built", "up to date"]
    fake.sources = "two"
    assert make(fake, tmp_path) == "built"
    assert fake.builds == ["one", "two"]


def test_a_peer_that_cannot_be_had_is_skipped_and_no_old_one_is_left(tmp_path: Path) -> None:
    make(Fake(), tmp_path)
    gone = Fake(sources="two", missing="no compiler")
    assert make(gone, tmp_path) == "skipped: no compiler"
    assert not (tmp_path / "bin/fake").exists()


def test_without_go_a_go_program_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert make(GoProgram("x", tmp_path), tmp_path / "out").startswith("skipped: no `go` on PATH")


def test_every_peer_has_its_own_name_and_its_sources() -> None:
    assert len({peer.name for peer in PEERS}) == len(PEERS)
    assert all(len(peer.state()) == 64 for peer in PEERS)
