"""`dir:PATH`: a root file system on disk is read whole, and never left."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.shop import OS_RELEASE, PASSWD, dpkg_status

from sealmark.adapters.root_directory import RootDirectory, open_root
from sealmark.artifact.file import FileEntry
from sealmark.cli.options import SourceOptions
from sealmark.cli.state import state_under
from sealmark.cli.wiring import take_evidence
from sealmark.errors import UnreadableError, UsageError
from sealmark.scan.root_directory import Unread, look_at_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealmark.evidence.inventory import Inventory

LODASH = b'{"name": "lodash", "version": "4.17.20"}'


def put(root: Path, name: str, content: bytes) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small Debian, with the links that a real one has."""
    root = tmp_path / "root"
    put(root, "usr/lib/os-release", OS_RELEASE)
    put(root, "etc/passwd", PASSWD)
    put(root, "var/lib/dpkg/status", dpkg_status("3.0.8-1"))
    put(root, "srv/node_modules/lodash/package.json", LODASH)
    (root / "etc/os-release").symlink_to("../usr/lib/os-release")
    (root / "bin").symlink_to("usr/bin")
    return root


def look(root: Path) -> Inventory:
    with open_root(root) as source:
        return look_at_root(source)


def names(inventory: Inventory) -> set[str]:
    return {component.name for component in inventory.components}


def test_a_tree_gives_its_components_and_its_operating_system(root: Path) -> None:
    found = look(root)
    assert names(found) == {"base-files", "libssl3", "lodash"}
    assert found.operating_system is not None
    assert found.operating_system.id == "debian"
    assert (found.errors, found.layers) == ((), ())


def test_the_evidence_is_about_the_digest_of_the_inventory(root: Path, tmp_path: Path) -> None:
    options, state = SourceOptions(None, no_cache=False), state_under(tmp_path / "state")
    first = take_evidence(f"dir:{root}", options, state, None)
    assert first.subject.kind == "rootfs"
    assert first.settings is None
    (root / "srv/unrelated").write_bytes(b"x")
    assert take_evidence(f"dir:{root}", options, state, None).subject == first.subject
    put(root, "var/lib/dpkg/status", dpkg_status("3.0.9-1"))
    assert take_evidence(f"dir:{root}", options, state, None).subject != first.subject


@pytest.mark.parametrize("target", ["{outside}", "../../outside/status", "/../../outside/status"])
def test_a_link_out_of_the_root_is_not_followed(target: str, root: Path, tmp_path: Path) -> None:
    outside = put(tmp_path, "outside/status", dpkg_status("6.6.6"))
    (root / "var/lib/dpkg/status").unlink()
    (root / "var/lib/dpkg/status").symlink_to(target.format(outside=outside))
    assert names(look(root)) == {"lodash"}


def test_an_absolute_link_is_read_from_the_root(root: Path) -> None:
    (root / "usr/share").mkdir()
    (root / "var/lib/dpkg").rename(root / "usr/share/moved")
    (root / "var/lib/dpkg").symlink_to("/usr/share/moved")
    assert names(look(root)) == {"base-files", "libssl3", "lodash"}


def test_a_directory_linked_out_of_the_root_is_not_walked(root: Path, tmp_path: Path) -> None:
    put(tmp_path, "outside/node_modules/evil/package.json", b'{"name": "evil", "version": "1"}')
    (root / "opt").symlink_to(tmp_path / "outside")
    (root / "self").symlink_to(".")
    assert "evil" not in names(look(root))


def test_loops_of_links_end(root: Path) -> None:
    for name in ("etc/os-release", "var/lib/dpkg/status"):
        (root / name).unlink()
    (root / "etc/os-release").symlink_to("/etc/os-release")
    (root / "var/lib/dpkg/status").symlink_to("available")
    (root / "var/lib/dpkg/available").symlink_to("status")
    found = look(root)
    assert names(found) == {"lodash"}
    status = [problem for problem in found.errors if "deb" in problem.affects]
    assert "not read: its links lead in a circle" in {problem.what for problem in status}


def test_packages_in_a_linked_directory_are_found(root: Path) -> None:
    (root / "var/lib/dpkg").rename(root / "srv/dpkg")
    (root / "srv/dpkg/status").unlink()
    put(root, "srv/dpkg/status.d/zlib1g", b"Package: zlib1g\nVersion: 1:1.2\n")
    (root / "var/lib/dpkg").symlink_to("../../srv/dpkg")
    assert names(look(root)) == {"zlib1g", "lodash"}


def test_a_fifo_in_place_of_a_database_is_a_problem_and_does_not_hang(root: Path) -> None:
    (root / "var/lib/dpkg/status").unlink()
    os.mkfifo(root / "var/lib/dpkg/status")
    (problem,) = look(root).errors
    assert "not a regular file" in problem.what
    assert "deb" in problem.affects


def test_devices_and_set_id_files_are_notable(root: Path) -> None:
    put(root, "usr/bin/su", b"").chmod(0o4755)
    try:
        os.mknod(root / "etc/null", 0o020666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("making a device needs root")
    found = {(file.why, file.location.path) for file in look(root).files}
    assert found == {("setuid", "/usr/bin/su"), ("device", "/etc/null")}


def test_a_link_to_a_device_is_not_read(root: Path) -> None:
    (root / "etc/passwd").unlink()
    (root / "dev").mkdir()
    try:
        os.mknod(root / "dev/zero", 0o020666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("making a device needs root")
    (root / "etc/passwd").symlink_to("/dev/zero")
    (problem,) = look(root).errors
    assert "not a regular file" in problem.what


def test_a_directory_that_may_not_be_read_is_a_problem(root: Path) -> None:
    (root / "srv").chmod(0)
    me = os.geteuid()
    with open_root(root) as source:
        try:
            if me == 0:
                os.seteuid(65534)  # root may read everything
            (problem,) = look_at_root(source).errors
        finally:
            os.seteuid(me)
    (root / "srv").chmod(0o700)
    assert "Permission denied" in problem.what
    assert "npm" in problem.affects
    assert "deb" not in problem.affects


def test_a_tree_too_deep_is_a_problem_and_not_a_crash(tmp_path: Path) -> None:
    parents = [os.open(tmp_path, os.O_DIRECTORY)]
    for _ in range(400):
        os.mkdir("d", dir_fd=parents[-1])
        parents.append(os.open("d", os.O_DIRECTORY, dir_fd=parents[-1]))
    (problem,) = look(tmp_path).errors
    # pytest's own clean-up recurses and would not survive this tree.
    os.close(parents.pop())
    while parents:
        os.rmdir("d", dir_fd=parents[-1])
        os.close(parents.pop())
    assert "directories deep" in problem.what


def test_a_directory_swapped_for_a_link_while_we_look_is_not_followed(
    root: Path, tmp_path: Path
) -> None:
    put(tmp_path, "outside/lib/dpkg/status", b"")
    with open_root(root) as source:
        entries = source.walk()
        while isinstance(found := next(entries), Unread) or found.path != b"var":
            pass
        (root / "var").rename(root / "gone")
        (root / "var").symlink_to(tmp_path / "outside")
        rest = [one.path for one in entries if isinstance(one, FileEntry)]
        assert not [path for path in rest if path.startswith(b"var/")]
        with pytest.raises(UnreadableError):
            source.read(b"var/lib/dpkg/status", 1)


@pytest.mark.parametrize("swap", ["link", "fifo", "directory"])
def test_a_file_swapped_while_we_look_is_a_problem_and_nothing_else_is_read(
    swap: str, root: Path, tmp_path: Path
) -> None:
    outside = put(tmp_path, "outside/status", dpkg_status("6.6.6"))
    status = root / "var/lib/dpkg/status"
    with open_root(root) as source:
        for found in source.walk():
            if isinstance(found, FileEntry) and found.path == b"var/lib/dpkg/status":
                status.unlink()
                if swap == "link":
                    status.symlink_to(outside)
                elif swap == "fifo":
                    os.mkfifo(status)
                else:
                    status.mkdir()
                with pytest.raises(UnreadableError, match="not a regular file"):
                    source.read(found.path, 1 << 20)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_walking_holds_no_more_files_open_than_the_tree_is_deep(root: Path) -> None:
    for number in range(200):
        (root / f"wide/{number}/deeper").mkdir(parents=True)
    before = open_files()
    with open_root(root) as source:
        most = max(open_files() for _ in source.walk())
    assert most - before < 10
    assert open_files() == before


def test_absurdly_many_entries_are_refused(root: Path) -> None:
    descriptor = os.open(root, os.O_DIRECTORY)
    with pytest.raises(UnreadableError, match="more than 5 entries"):
        look_at_root(RootDirectory(descriptor, most_entries=5))
    os.close(descriptor)


def test_other_file_systems_are_left_out(root: Path) -> None:
    descriptor = os.open("/", os.O_DIRECTORY)
    source = RootDirectory(descriptor)
    with pytest.raises(UnreadableError, match="another file system"):
        source.read(b"proc/version", 1000)
    os.close(descriptor)


@pytest.fixture
def mounted(root: Path) -> Iterator[Path]:
    """A file system mounted over the root's /var, where that is allowed."""
    private = ["unshare", "--mount", "--propagation", "private", "true"]
    if shutil.which("mount") is None or subprocess.run(private, check=False).returncode:
        pytest.skip("mounting needs root")
    done = subprocess.run(["mount", "-t", "tmpfs", "none", root / "var"], check=False)
    if done.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield root
    finally:
        subprocess.run(["umount", root / "var"], check=True)


def test_a_file_system_mounted_over_var_is_a_problem_and_not_an_empty_var(mounted: Path) -> None:
    found = look(mounted)
    assert names(found) == {"lodash"}
    (problem,) = found.errors
    assert problem.location is not None
    assert (problem.what, problem.location.path) == (
        "directory not read: another file system is mounted there",
        "/var",
    )
    assert "deb" in problem.affects


def test_a_well_known_directory_that_is_a_link_to_a_file_is_nothing(root: Path) -> None:
    (root / "usr/share").mkdir(parents=True)
    (root / "usr/share/doc").symlink_to("/etc/passwd")
    assert look(root).errors == ()


def test_what_is_no_directory_is_a_usage_error(root: Path) -> None:
    for name in ("etc/passwd", "absent"):
        with pytest.raises(UsageError):
            look(root / name)
