"""Who brought a package: compared over the layers' copies of a database, each read once."""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import tarfile
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.support.forge import Forge, special, tar

from sealmark.adapters.layer_cache import DirectoryCache
from sealmark.adapters.oci_layout import OciLayout
from sealmark.artifact.image import load_image
from sealmark.artifact.platform import Platform
from sealmark.evidence.component import Origin
from sealmark.scan.attribution import since
from sealmark.scan.image import look
from sealmark.scan.inventory.assemble import UNKNOWN
from sealmark.scan.inventory.facts import FileFacts, Package, Trouble, identity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sealmark.evidence.inventory import Inventory

    Members = Sequence[tuple[str | tarfile.TarInfo, bytes]]

LOCK = (
    b'{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1.0.0",'
    b'"resolved":"https://registry.npmjs.org/a/-/a-1.0.0.tgz"}}}'
)
STATUS = "var/lib/dpkg/status"
APK = "lib/apk/db/installed"
RELEASE = ("etc/os-release", b'ID=debian\nVERSION_ID="12"\n')
GONE = ("var/lib/dpkg/.wh.status", b"")


def deb(*packages: str) -> bytes:
    """Return a status file of `name=version`."""
    stanza = "Package: {}\nStatus: install ok installed\nVersion: {}\nArchitecture: amd64\n"
    return "\n".join(stanza.format(*package.split("=")) for package in packages).encode()


def apk(*packages: str) -> bytes:
    return "".join("P:{}\nV:{}\nA:x86_64\n\n".format(*p.split("=")) for p in packages).encode()


def inventory(tmp_path: Path, *layers: Members, lines: Sequence[str] = ()) -> Inventory:
    """Take the inventory of an image of these layers, read and then from the cache."""
    forge = Forge(tmp_path / "image")
    image = forge.image(*(forge.layer(tar(*members)) for members in layers))
    manifest = json.loads(forge.path(image["digest"]).read_bytes())
    config = json.loads(forge.path(manifest["config"]["digest"]).read_bytes())
    config["history"] = [{"created_by": line} for line in lines]
    manifest["config"] = forge.document(config, manifest["config"]["mediaType"])
    forge.offer(forge.document(manifest, manifest["mediaType"]))
    source = OciLayout(forge.layout)
    loaded = load_image(source, Platform("linux", "amd64"), chosen=True)
    cache = DirectoryCache(tmp_path / "cache", b"secret", pytest.fail)
    read = look(loaded, source, cache)
    assert look(loaded, source, cache) == read
    return read.inventory


def brought(found: Inventory) -> dict[str, int | str | None]:
    """Return the layer of each package, else why it is not known."""
    return {
        f"{c.name}={c.version}": (c.where.unknown or c.where.layer) if c.where else "nowhere"
        for c in found.components
    }


def test_a_package_came_with_the_layer_that_first_had_this_version(tmp_path: Path) -> None:
    found = inventory(
        tmp_path,
        [RELEASE, (STATUS, deb("libc6=1", "openssl=1", "perl=5"))],
        [(STATUS, deb("libc6=1", "openssl=2", "perl=5", "curl=8"))],
        [(STATUS, deb("libc6=1", "openssl=2", "curl=7", "vim=9"))],
        lines=("ADD rootfs /", "RUN upgrade openssl", "RUN downgrade curl"),
    )
    assert brought(found) == {"curl=7": 2, "libc6=1": 0, "openssl=2": 1, "vim=9": 2}
    assert [layer.instruction for layer in found.layers][1] == "RUN upgrade openssl"
    assert {c.locations[0].layer for c in found.components} == {2}, "who wrote the file last"


def test_what_was_removed_and_comes_again_comes_with_the_later_layer(tmp_path: Path) -> None:
    layers = [[(STATUS, deb("a=1", "b=1"))], [(STATUS, deb("a=1"))], [(STATUS, deb("a=1", "b=1"))]]
    assert brought(inventory(tmp_path / "1", *layers)) == {"a=1": 0, "b=1": 2}
    layers[1] = [GONE]
    assert brought(inventory(tmp_path / "2", *layers)) == {"a=1": 2, "b=1": 2}


def test_the_same_version_for_another_architecture_is_another_package(tmp_path: Path) -> None:
    foreign = deb("a=1").replace(b"amd64", b"i386")
    found = inventory(tmp_path, [(STATUS, deb("a=1"))], [(STATUS, deb("a=1") + b"\n" + foreign)])
    assert sorted((c.architecture, c.where and c.where.layer) for c in found.components) == [
        ("amd64", 0),
        ("i386", 1),
    ]


def test_apk_is_compared_likewise(tmp_path: Path) -> None:
    found = inventory(
        tmp_path,
        [(APK, apk("musl=1.2-r0", "busybox=1-r0"))],
        [("srv/x", b"")],
        [(APK, apk("musl=1.2-r0", "busybox=1-r1", "curl=8-r0"))],
    )
    assert brought(found) == {"busybox=1-r1": 2, "curl=8-r0": 2, "musl=1.2-r0": 0}


def test_distroless_images_have_a_file_for_each_package(tmp_path: Path) -> None:
    directory = "var/lib/dpkg/status.d/"
    found = inventory(
        tmp_path,
        [(directory + "base", deb("base-files=12")), (directory + "ssl", deb("libssl3=1"))],
        [(directory + "ssl", deb("libssl3=2"))],
        [(directory + "base", deb("base-files=12"))],
    )
    assert brought(found) == {"base-files=12": 0, "libssl3=2": 1}


def test_rewriting_the_metadata_of_an_application_does_not_bring_it(tmp_path: Path) -> None:
    place = "usr/lib/python3/dist-packages/a-1.dist-info/METADATA"
    content = b"Name: a\nVersion: 1\n"
    found = inventory(tmp_path, [(place, content)], [(place, content + b"License: MIT\n")])
    assert brought(found) == {"a=1": 0}


@pytest.mark.parametrize(
    "unreadable",
    [
        pytest.param((STATUS, b"not a stanza\n"), id="not dpkg's"),
        pytest.param((STATUS, b"\0" * 64), id="noise"),
        pytest.param((STATUS, deb("a=1") + b"\nPackage: b\nVersion: 1\n"), id="half of it"),
    ],
)
def test_behind_a_copy_that_cannot_be_read_nobody_knows_who_brought_what(
    tmp_path: Path, unreadable: tuple[str, bytes]
) -> None:
    found = inventory(
        tmp_path,
        [(STATUS, deb("a=1", "b=1"))],
        [unreadable],
        [(STATUS, deb("a=1", "b=1", "c=1"))],
        [(STATUS, deb("a=1", "b=1", "c=1", "d=1"))],
    )
    known = {"a=1": 0} if b"Package: a" in unreadable[1] else {"a=1": UNKNOWN}
    assert brought(found) == known | {"b=1": UNKNOWN, "c=1": UNKNOWN, "d=1": 3}


def test_where_a_broken_copy_is_the_last_what_it_still_names_is_known(tmp_path: Path) -> None:
    broken = deb("a=1", "c=1") + b"\nPackage: b\n"
    found = inventory(tmp_path, [(STATUS, deb("a=1"))], [(STATUS, broken)])
    assert brought(found) == {"a=1": 0, "c=1": 1}


def test_a_squashed_image_brought_everything_with_its_one_layer(tmp_path: Path) -> None:
    found = inventory(tmp_path, [RELEASE, (STATUS, deb("a=1"))], lines=("",))
    assert brought(found) == {"a=1": 0}
    assert found.base is None


def test_what_several_files_name_came_with_the_last_of_them(tmp_path: Path) -> None:
    manifest = b'{"name": "a", "version": "1.0.0"}'
    found = inventory(
        tmp_path,
        [("x/node_modules/a/package.json", manifest)],
        [("b/node_modules/a/package.json", manifest)],
        [
            (
                "c/package-lock.json",
                LOCK,
            )
        ],
    )
    (component,) = found.components
    assert component.where == Origin(path="/b/node_modules/a/package.json", layer=1)
    assert len(component.locations) == 3


NAMES = [Package(type="deb", name=n, version=v) for n in "ab" for v in "12"]


def reference(copies: Sequence[tuple[int, FileFacts | None] | None]) -> dict[object, int | None]:
    """What `since` must say, package by package from the top downwards."""
    last = copies[-1]
    assert last is not None
    answer: dict[object, int | None] = {}
    for package in last[1].packages if last[1] else ():
        first: int | None = last[0]
        for copy in reversed(copies[:-1]):
            if copy is None:
                break
            holds = copy[1] is not None and package in copy[1].packages
            if not holds:
                damaged = copy[1] is None or copy[1].troubles
                first = None if damaged else first
                break
            first = copy[0]
        answer[identity(package)] = first
    return answer


def test_every_short_history_is_told_as_package_by_package() -> None:
    damage = (Trouble("?", ("deb",)),)
    states: list[FileFacts | None] = [None]
    for count in range(3):
        for packages in itertools.combinations(NAMES, count):
            states += [FileFacts(packages=packages), FileFacts(packages=packages, troubles=damage)]
    choice = random.Random(7)
    for length in (1, 2, 3, 4, 5):
        for _ in range(2000):
            copies: list[tuple[int, FileFacts | None] | None] = [
                None if choice.random() < 0.1 else (i, choice.choice(states)) for i in range(length)
            ]
            last = copies[-1][1] if copies[-1] else None
            if last is not None:
                told, expected = since(copies), reference(copies)
                assert {i: told[i] for i in map(identity, last.packages)} == expected


CONTROL = "Package: {}\nVersion: {}\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: x\n"
STEPS = [
    ["-i base_1 tool_1 lib_1"],
    ["-i lib_2", "-r tool"],
    ["-i tool_1 extra_1"],
    ["-i lib_1", "-P extra"],
]


def test_what_dpkg_itself_did_is_told_by_its_database(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "var/lib/dpkg/info").mkdir(parents=True)
    (root / "var/lib/dpkg/updates").mkdir()
    (root / STATUS).touch()
    (root / "var/lib/dpkg/available").touch()
    for name in ("base_1", "tool_1", "lib_1", "lib_2", "extra_1"):
        control = tmp_path / name / "DEBIAN" / "control"
        control.parent.mkdir(parents=True)
        control.write_text(CONTROL.format(*name.split("_")))
        subprocess.run(
            ["dpkg-deb", "-b", name, f"{name}.deb"],
            cwd=tmp_path,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    layers = []
    force = "not-root,script-chrootless,bad-path,downgrade,depends"
    for step in STEPS:
        for line in step:
            action, *names = line.split()
            targets = [f"{name}.deb" if action == "-i" else name for name in names]
            subprocess.run(
                ["dpkg", f"--root={root}", f"--force-{force}", "--log=/dev/null", action, *targets],
                cwd=tmp_path,
                check=True,
                capture_output=True,
                env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
            )
        layers.append([(STATUS, (root / STATUS).read_bytes())])
    assert brought(inventory(tmp_path, *layers)) == {"base=1": 0, "lib=1": 3, "tool=1": 2}


def test_facts_of_a_hidden_copy_are_not_evidence_of_anything_else(tmp_path: Path) -> None:
    found = inventory(tmp_path, [(STATUS, b"broken\n")], [(STATUS, deb("a=1"))])
    assert brought(found) == {"a=1": UNKNOWN}
    assert found.errors == ()
    assert msgspec.json.encode(found.components[0].where) == (
        b'{"path":"/var/lib/dpkg/status","unknown":"' + UNKNOWN.encode() + b'"}'
    )


def test_a_linked_database_came_with_the_link(tmp_path: Path) -> None:
    link = special("lib", tarfile.SYMTYPE, "usr/lib")
    found = inventory(
        tmp_path,
        [link, ("usr/lib/apk/db/installed", apk("musl=1"))],
        [("usr/lib/apk/db/installed", apk("musl=1", "curl=8"))],
    )
    assert brought(found) == {"curl=8": 1, "musl=1": 0}
    hard = special(STATUS, tarfile.LNKTYPE, "srv/status")
    found = inventory(
        tmp_path / "hard", [("srv/status", deb("a=1")), hard], [(STATUS, deb("a=1", "b=1"))]
    )
    assert brought(found) == {"a=1": UNKNOWN, "b=1": UNKNOWN}
