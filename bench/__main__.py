"""`make bench`: whole commands, each as a ratio against a peer or the feature off, in one run.

`python -m bench PART...` measures some parts only: bundle, start-up, debian, layers,
many-files, advisories, debian-facts.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.advisories import counted, published
from bench.bundle import verify_bundle
from bench.debian_report import debian_facts
from bench.images import debian_image, layered_image, many_files_image
from bench.measure import HEADER, PROCESSOR_HEADER, SEALMARK, repeat
from tests.support.publisher import Publisher

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# What a Python program does without us: read every member of the same layer, hash nothing.
_TARFILE = (
    "import sys,tarfile\n"
    "with tarfile.open(sys.argv[1],'r|gz') as t:\n"
    "    print(sum(m.size for m in t))\n"
)
_HASH = (
    "import sys,hashlib\nprint(hashlib.file_digest(open(sys.argv[1],'rb'),'sha256').hexdigest())"
)


def layer_of(layout: Path) -> str:
    return str(max((layout / "blobs" / "sha256").iterdir(), key=lambda blob: blob.stat().st_size))


def check_debian(home: Path) -> None:
    layout = debian_image()
    blob = layer_of(layout)
    check = [SEALMARK, "check", "--home", str(home), f"oci:{layout}:bench"]
    peer = repeat("stdlib tarfile reads the layer", [sys.executable, "-c", _TARFILE, blob])
    start = repeat("an interpreter that hashes the blob", [sys.executable, "-c", _HASH, blob])
    cold = repeat(
        "check, cold",
        check,
        before=lambda: shutil.rmtree(home / "cache", ignore_errors=True),
        expect=(0, 1, 2),
    )
    cached = repeat("check, layers cached", check, times=9, expect=(0, 1, 2))
    print(f"\nA minimal Debian, one gzip layer of {Path(blob).stat().st_size / 1e6:.0f} MB\n")
    print(HEADER)
    for figure in (peer, start, cold, cached):
        print(figure.row(peer))


_ONE_BY_ONE = (
    "import sealmark.cli.wiring as wiring\n"
    "from sealmark.cli.main import main\n"
    "wiring.LAYERS_AT_ONCE = 1\n"
    "main()\n"
)


def check_layers(home: Path, count: int = 4) -> None:
    layout = layered_image(count)
    size = sum(blob.stat().st_size for blob in (layout / "blobs" / "sha256").iterdir())
    check = ["check", "--no-cache", "--home", str(home), f"oci:{layout}:bench"]
    alone = repeat(
        "check, one layer at a time",
        [sys.executable, "-c", _ONE_BY_ONE, *check],
        times=9,
        expect=(0, 1, 2),
    )
    together = repeat("check", [SEALMARK, *check], times=9, expect=(0, 1, 2))
    print(f"\n{count} gzip layers of {size / 1e6:.0f} MB together\n")
    print(HEADER)
    for figure in (alone, together):
        print(figure.row(alone))


def start_up(_: Path) -> None:
    nothing = repeat("python -c pass", [sys.executable, "-c", "pass"], times=9)
    print("\nStart-up\n")
    print(HEADER)
    print(nothing.row(nothing))
    print(repeat("sealmark --help", [SEALMARK, "--help"], times=9).row(nothing))


def many_files(home: Path, count: int = 3_000_000) -> None:
    layout = many_files_image(count)
    peer = repeat(
        "stdlib tarfile reads the layer",
        [sys.executable, "-c", _TARFILE, layer_of(layout)],
        times=1,
    )
    check = [SEALMARK, "check", "--home", str(home), f"oci:{layout}:bench"]
    cold = repeat("check, cold", [*check, "--no-cache"], times=1, expect=(0, 1, 2))
    repeat("fill the cache", check, times=1, expect=(0, 1, 2))
    cached = repeat("check, layers cached", check, times=1, expect=(0, 1, 2))
    print(f"\n{count:,} small files in one layer\n")
    print(HEADER)
    for figure in (peer, cold, cached):
        print(figure.row(peer))


# What has to be done at the least: read every member, parse its JSON.
_UNZIP = (
    "import sys,json,zipfile\n"
    "for path in sys.argv[1:]:\n"
    "    with zipfile.ZipFile(path) as z:\n"
    "        for name in z.namelist():\n"
    "            json.loads(z.read(name))\n"
)


def update_advisories(home: Path) -> None:
    files = published()
    archives = {path.split("/")[2]: file for path, file in files.items() if "/osv/" in path}
    with Publisher() as publisher:
        publisher.files = {path: file.read_bytes() for path, file in files.items()}
        addresses = {"osv": "osv", "kev": "kev.json", "eol": "eol.json", "epss": "epss.csv.gz"}
        urls = [f"--{name}-url={publisher.url}/{path}" for name, path in addresses.items()]
        update = [SEALMARK, "advisories", "update", "--home", str(home), *urls]
        unzip = [sys.executable, "-c", _UNZIP, *map(str, archives.values())]
        peer = repeat("stdlib zipfile and json read the archives", unzip, times=1)
        cold = repeat(
            "update, everything new",
            update,
            times=1,
            before=lambda: shutil.rmtree(home / "data", ignore_errors=True),
        )
        same = repeat("update, nothing new", update, times=1)
        one = repeat(
            "update, one small feed new", update, times=1, before=lambda: _change(publisher)
        )
    print("\nAdvisories over loopback, KEV, EPSS and end-of-life dates besides\n")
    for name, file in archives.items():
        print(f"* {name}: {counted(file)}")
    database = (home / "data" / "advisories.db").stat().st_size
    print(f"* the database made of them: {database / 1e6:.0f} MB\n")
    print(PROCESSOR_HEADER)
    for figure in (peer, cold, same, one):
        print(figure.processor_row(peer))


def _change(publisher: Publisher) -> None:
    publisher.files["/kev.json"] += b" "


PARTS: dict[str, Callable[[Path], None]] = {
    "bundle": verify_bundle,
    "start-up": start_up,
    "debian": check_debian,
    "layers": check_layers,
    "many-files": many_files,
    "advisories": update_advisories,
    "debian-facts": debian_facts,
}


def main(wanted: Sequence[str]) -> None:
    unknown = set(wanted) - set(PARTS)
    if unknown:
        sys.exit(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory() as temporary:
        for part in wanted or PARTS:
            PARTS[part](Path(temporary))


if __name__ == "__main__":
    main(sys.argv[1:])
