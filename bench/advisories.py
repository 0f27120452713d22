"""Archives of advisories as publishers serve them, of their size, made of ../shared's records."""

from __future__ import annotations

import gzip
import json
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import zstandard
from tests.support.publisher import EPSS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SHARED = Path("../shared/advisories")
KEPT = Path(".bench") / "advisories"
# How often each file's records are taken, under other ids, so that an archive has the number of
# records publishers have today: most of npm's report malicious packages.
_ARCHIVES = {
    "Alpine": (("alpine", 1),),
    "Debian": (("debian-12", 1), ("debian-11-13", 1)),
    "PyPI": (("pypi", 1), ("malicious-pypi", 1)),
    "npm": (("npm", 1), ("malicious-npm", 10)),
}
_SCORES = 300_000


def published() -> dict[str, Path]:
    """Return files by the path they are served under, made once."""
    if not SHARED.is_dir():
        sys.exit(f"this part is made of the advisories in {SHARED}, which are not there")
    KEPT.mkdir(parents=True, exist_ok=True)
    files = {f"/osv/{name}/all.zip": KEPT / f"{name}.zip" for name in _ARCHIVES}
    for name, sources in _ARCHIVES.items():
        if not (KEPT / f"{name}.zip").exists():
            _write_archive(KEPT / f"{name}.zip", sources)
    (KEPT / "kev.json").write_bytes(b"".join(_lines("kev.json.zst")))
    (KEPT / "eol.json").write_bytes(b"".join(_lines("eol.json.zst")))
    if not (KEPT / "epss.csv.gz").exists():
        rows = (f"CVE-{2000 + n % 27}-{10000 + n},0.{n:06},0.{n:06}\n" for n in range(_SCORES))
        (KEPT / "epss.csv.gz").write_bytes(gzip.compress(EPSS + "".join(rows).encode()))
    return files | {f"/{n}": KEPT / n for n in ("kev.json", "eol.json", "epss.csv.gz")}


def counted(path: Path) -> str:
    """Say how large an archive is."""
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
    unpacked = sum(info.file_size for info in infos)
    size = path.stat().st_size
    return f"{len(infos):,} records, {size / 1e6:.0f} MB, {unpacked / 1e6:.0f} MB unpacked"


def _write_archive(path: Path, sources: Iterable[tuple[str, int]]) -> None:
    unfinished = path.with_suffix(".new")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, times in sources:
            for line in _lines(f"{name}.jsonl.zst"):
                record = json.loads(line)
                for turn in range(times):
                    identifier = record["id"] + (f"-{turn}" if turn else "")
                    content = json.dumps({**record, "id": identifier})
                    archive.writestr(f"{name}-{identifier}.json", content)
    unfinished.rename(path)


def _lines(name: str) -> Iterator[bytes]:
    with (SHARED / name).open("rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        yield from stream.read().splitlines()
