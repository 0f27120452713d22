"""npm packages, against a real `npm install` where npm and a registry are reachable."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.inventory_files import files_under, take_stock

from sealmark.scan.inventory.dispatch import read_file, wants

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sealmark.evidence.component import Component

LOCK = "app/package-lock.json"


def encode(value: object) -> bytes:
    return json.dumps(value).encode()


def locked(lock: object, path: str = LOCK) -> dict[str, Component]:
    _, components, problems = take_stock({path: encode(lock)})
    assert problems == ()
    return {c.name: c for c in components}


def npm(folder: Path, *arguments: str) -> str:
    environment = os.environ | {"npm_config_cache": str(folder / ".cache")}
    done = subprocess.run(
        ["npm", *arguments, "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode:
        pytest.skip(f"npm {arguments[0]} does not work here: {done.stderr.strip()[:80]}")
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("npm") is None:
        pytest.skip("no npm on this machine to compare with")
    folder: Path = tmp_path_factory.mktemp("npm") / "app"
    (folder / "local").mkdir(parents=True)
    (folder / "local" / "package.json").write_text('{"name": "local", "version": "0.0.1"}')
    wanted = {
        "mkdirp": "0.5.1",
        "@sindresorhus/is": "4.6.0",
        "old-minimist": "npm:minimist@0.2.1",
        "local": "file:local",
    }
    (folder / "package.json").write_text(
        json.dumps({"name": "app", "version": "1.0.0", "dependencies": wanted})
    )
    npm(folder, "install", "--ignore-scripts")
    return folder


def listed(tree: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, entry in tree.get("dependencies", {}).items():
        if not str(entry.get("resolved", "")).startswith("file:"):
            yield entry.get("name", name), entry["version"]
        yield from listed(entry)


def test_an_installed_tree_is_exactly_what_npm_lists(project: Path) -> None:
    expected = set(listed(json.loads(npm(project, "ls", "--all", "--json", "--long"))))
    _, components, problems = take_stock(files_under(project / "node_modules", "app/node_modules"))
    assert problems == ()
    assert {(c.name, c.version) for c in components if c.ecosystem == "npm"} == expected
    assert len(expected) >= 4
    assert ("minimist", "0.2.1") in expected


@pytest.mark.parametrize("version", ["1", "2", "3"])
def test_every_lock_file_version_names_the_same_packages(project: Path, version: str) -> None:
    npm(project, "install", "--package-lock-only", f"--lockfile-version={version}")
    _, components, problems = take_stock({LOCK: (project / "package-lock.json").read_bytes()})
    assert problems == ()
    expected = set(listed(json.loads(npm(project, "ls", "--all", "--json", "--long"))))
    assert {(c.name, c.version) for c in components if c.ecosystem == "npm"} == expected
    assert not any(c.installed for c in components)


def test_installed_and_locked_is_one_component_with_both_places() -> None:
    files = {
        "app/node_modules/a/package.json": encode({"name": "a", "version": "1.0.0"}),
        LOCK: encode({"packages": {"node_modules/a": {"version": "1.0.0"}, "": {"name": "app"}}}),
    }
    _, components, _ = take_stock(files)
    assert len(components) == 1
    assert components[0].installed
    assert [x.path for x in components[0].locations] == [
        "/app/node_modules/a/package.json",
        "/app/package-lock.json",
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("node_modules/a/package.json", True),
        ("usr/local/lib/node_modules/npm/node_modules/@npmcli/fs/package.json", True),
        ("app/node_modules/.pnpm/a@1.0.0/node_modules/a/package.json", True),
        ("app/package.json", False),
        ("app/node_modules/a/lib/package.json", False),
        ("app/node_modules/@s/a/test/package.json", False),
        ("app/package-lock.json", True),
        ("package-lock.json", True),
        ("app/npm-shrinkwrap.json", True),
        ("app/node_modules/.package-lock.json", True),
        ("app/node_modules/a/package-lock.json", False),
        ("app/.package-lock.json", False),
        (".package-lock.json", False),
    ],
)
def test_only_the_places_npm_honours_are_read(path: str, expected: bool) -> None:
    assert wants(path.encode()) is expected


def test_a_scoped_package_keeps_its_scope_as_namespace() -> None:
    manifest = encode({"name": "@angular/core", "version": "17.0.0", "license": "MIT"})
    _, components, _ = take_stock({"node_modules/@angular/core/package.json": manifest})
    assert components[0].purl == "pkg:npm/%40angular/core@17.0.0"
    assert components[0].name == "@angular/core"
    assert components[0].licenses == ("MIT",)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"license": "(MIT OR Apache-2.0)"}, ("(MIT OR Apache-2.0)",)),
        ({"license": {"type": "BSD", "url": "x"}}, ("BSD",)),
        ({"licenses": [{"type": "MIT"}, "GPL-2.0", {"type": 1}]}, ("MIT", "GPL-2.0")),
        ({"license": 5, "licenses": {"a": []}}, ()),
    ],
)
def test_every_form_of_licence_field_is_understood(
    fields: dict[str, Any], expected: tuple[str, ...]
) -> None:
    manifest = encode({"name": "a", "version": "1"} | fields)
    assert read_file(b"node_modules/a/package.json", manifest).packages[0].licenses == expected


MANIFESTS: list[dict[str, Any]] = [
    {},
    {"name": "a"},
    {"version": "1"},
    {"name": 1, "version": "1"},
    {"name": "a", "version": []},
    {"name": "", "version": "1"},
    {"name": "a", "version": ""},
]


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_a_package_json_without_name_and_version_is_nobodys(manifest: dict[str, Any]) -> None:
    assert take_stock({"node_modules/a/package.json": encode(manifest)})[1:] == ((), ())


def test_dependencies_from_elsewhere_have_no_ecosystem() -> None:
    found = locked(
        {
            "lockfileVersion": 3,
            "packages": {
                "": {"name": "app", "version": "1.0.0"},
                "node_modules/reg": {
                    "version": "1.0.0",
                    "resolved": "https://registry.example.org/reg/-/reg-1.0.0.tgz",
                },
                "node_modules/bundled": {"version": "1.0.0", "inBundle": True},
                "node_modules/git": {
                    "version": "1.0.0",
                    "resolved": "git+ssh://git@github.com/a/git.git#0123",
                },
                "node_modules/tar": {
                    "version": "1.0.0",
                    "resolved": "https://codeload.github.com/a/b/tar.gz/v1",
                },
                "node_modules/file": {"version": "1.0.0", "resolved": "file:../file.tgz"},
                "node_modules/ws": {"resolved": "packages/ws", "link": True},
                "packages/ws": {"name": "ws", "version": "2.0.0"},
                "packages/nameless": {},
                "node_modules/alias": {"name": "@s/real", "version": "3.0.0"},
                "node_modules/oddly": {"name": 5, "version": "1.0.0"},
            },
        }
    )
    assert {n for n, c in found.items() if c.ecosystem == "npm"} == {
        "reg",
        "bundled",
        "@s/real",
        "oddly",
    }
    assert {n for n, c in found.items() if c.ecosystem is None} == {"git", "tar", "file", "ws"}


def test_the_first_lock_version_nests_and_uses_specifiers() -> None:
    found = locked(
        {
            "lockfileVersion": 1,
            "dependencies": {
                "a": {
                    "version": "1.0.0",
                    "requires": {"b": "^1"},
                    "dependencies": {"b": {"version": "2.0.0", "bundled": True}},
                },
                "alias": {"version": "npm:@s/real@3.0.0"},
                "git": {"version": "git+https://github.com/a/git.git#0123abc"},
                "short": {"version": "github:a/short#fee1"},
                "local": {"version": "file:local"},
                "tar": {"version": "https://example.org/tar.tgz"},
            },
        }
    )
    assert {(n, c.version, c.ecosystem) for n, c in found.items()} == {
        ("a", "1.0.0", "npm"),
        ("b", "2.0.0", "npm"),
        ("@s/real", "3.0.0", "npm"),
        ("git", "0123abc", None),
        ("short", "fee1", None),
        ("local", "file:local", None),
        ("tar", "https://example.org/tar.tgz", None),
    }


HOSTILE = [
    b"",
    b"null",
    b"[]",
    b"\xff\xfe{}",
    b'{"packages": []}',
    b'{"packages": {"node_modules/a": 1}}',
    b'{"packages": {"node_modules/a": {}}}',
    b'{"packages": {"node_modules/": {"version": "1"}}}',
    b'{"packages": ' + b'{"a":' * 100_000,
    b'{"dependencies": ' + b'{"a": {"dependencies": ' * 100_000,
    b'{"dependencies": {"a": {"version": 1}}}',
    b'{"dependencies": {"a": {"version": "npm:@"}}}',
    b'{"packages": {"node_modules/\xff": {"version": "1"}}}',
]


@pytest.mark.parametrize("content", HOSTILE)
def test_a_hostile_lock_file_is_a_problem_and_no_error(content: bytes) -> None:
    facts = read_file(LOCK.encode(), content)
    assert facts.packages == ()
    assert facts.troubles
    assert all("\n" not in t.what and t.affects == ("npm",) for t in facts.troubles)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"license": ' + b"[" * 100_000])
def test_a_hostile_package_json_is_a_problem_and_no_error(content: bytes) -> None:
    facts = read_file(b"node_modules/a/package.json", content)
    assert facts.packages == ()
    assert facts.troubles[0].affects == ("npm",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "version", "license", "licenses", "packages", "dependencies", "type", ""]
            )
            | st.text(max_size=12),
            inner,
            max_size=4,
        )
    ),
)


@given(JSON.map(encode) | st.binary())
def test_any_content_gives_facts(content: bytes) -> None:
    for path in (LOCK.encode(), b"node_modules/a/package.json"):
        facts = read_file(path, content)
        assert all(p.name and p.version for p in facts.packages)
