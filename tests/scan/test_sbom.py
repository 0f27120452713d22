from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.bom import EVIDENCE, INVENTORY, STAMP, SUBJECT
from tests.support.large import large_inventory

from sealmark.evidence.component import Component, Location, OperatingSystem, Source
from sealmark.evidence.document import Evidence
from sealmark.evidence.inventory import Inventory, Problem
from sealmark.evidence.sbom.cyclonedx import cyclonedx
from sealmark.evidence.sbom.spdx import spdx
from sealmark.scan.sbom import read
from sealmark.scan.sbom.read import SbomError, parse_sbom

if TYPE_CHECKING:
    from pathlib import Path

WRITERS = [cyclonedx, spdx]


def parsed(document: Any) -> Inventory:
    return parse_sbom(json.dumps(document).encode())


def cyclonedx_of(*components: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "components": [{"type": "library", **component} for component in components],
        **more,
    }


def spdx_of(*packages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"spdxVersion": "SPDX-2.3", "packages": list(packages), **more}


def one(document: dict[str, Any]) -> Component:
    inventory = parsed(document)
    (component,) = inventory.components
    return component


def with_purl(purl: str, **more: Any) -> dict[str, Any]:
    reference = {"referenceType": "purl", "referenceLocator": purl}
    return {"externalRefs": [{"referenceCategory": "PACKAGE_MANAGER", **reference}], **more}


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("inventory", [INVENTORY, large_inventory(50)], ids=["odd", "large"])
def test_what_we_write_reads_back_as_the_same_inventory(write: Any, inventory: Inventory) -> None:
    ordered = msgspec.structs.replace(
        inventory, components=tuple(sorted(inventory.components, key=lambda c: c.purl))
    )
    evidence = Evidence(subject=SUBJECT, inventory=ordered)
    assert parsed(write(evidence, STAMP)) == ordered


WORDS = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=30)


@pytest.mark.parametrize("write", WRITERS)
@settings(deadline=None)
@given(
    st.builds(
        Component,
        type=st.just("npm"),
        name=st.just("shop"),
        version=st.just("1.0.0"),
        purl=st.just("pkg:npm/shop@1.0.0"),
        ecosystem=st.sampled_from([None, "npm"]),
        source=st.none() | st.builds(Source, WORDS, WORDS),
        architecture=st.none() | WORDS,
        licenses=st.lists(WORDS, unique=True, max_size=3).map(tuple),
        supplier=st.none() | WORDS,
        installed=st.booleans(),
        locations=st.lists(st.builds(Location, WORDS, st.none() | st.integers(0, 2))).map(tuple),
    )
)
def test_no_fact_about_a_component_is_lost_on_the_way(write: Any, component: Component) -> None:
    inventory = msgspec.structs.replace(INVENTORY, components=(component,), errors=())
    again = parsed(write(Evidence(subject=SUBJECT, inventory=inventory), STAMP))
    assert again.components == (component,)


def test_syft_names_source_and_place() -> None:
    found = one(
        cyclonedx_of(
            {
                "name": "login",
                "version": "1:4.13+dfsg1-1+b1",
                "purl": "pkg:deb/debian/login@1%3A4.13%2Bdfsg1-1%2Bb1?arch=amd64"
                "&upstream=shadow%404.13%2Bdfsg1-1&distro=debian-12",
                "licenses": [{"license": {"id": "GPL-1.0-only"}}, {"license": {"name": "BSD"}}],
                "properties": [
                    {"name": "syft:package:type", "value": "deb"},
                    {"name": "syft:location:0:path", "value": "/var/lib/dpkg/status"},
                    {"name": "syft:location:0:layerID", "value": "sha256:1"},
                ],
            }
        )
    )
    assert found == Component(
        type="deb",
        name="login",
        version="1:4.13+dfsg1-1+b1",
        purl="pkg:deb/debian/login@1:4.13%2Bdfsg1-1%2Bb1?arch=amd64&distro=debian-12"
        "&upstream=shadow%404.13%2Bdfsg1-1",
        ecosystem="Debian:12",
        source=Source("shadow", "4.13+dfsg1-1"),
        architecture="amd64",
        licenses=("GPL-1.0-only", "BSD"),
        locations=(Location("/var/lib/dpkg/status"),),
    )


def test_trivy_keeps_the_epoch_in_a_qualifier_and_the_source_in_properties() -> None:
    source = {"SrcName": "util-linux", "SrcVersion": "2.38.1", "SrcRelease": "5+deb12u1"}
    inventory = parsed(
        cyclonedx_of(
            {"type": "operating-system", "name": "debian", "version": "12.5"},
            {
                "name": "bsdutils",
                "version": "1:2.38.1-5+deb12u1",
                "purl": "pkg:deb/debian/bsdutils@2.38.1-5%2Bdeb12u1?arch=amd64"
                "&distro=debian-12.5&epoch=1",
                "properties": [
                    {"name": f"aquasecurity:trivy:{name}", "value": value}
                    for name, value in source.items()
                ],
            },
            {
                "type": "application",
                "name": "package-lock.json",
                "properties": [{"name": "aquasecurity:trivy:Class", "value": "lang-pkgs"}],
            },
        )
    )
    (found,) = inventory.components
    assert found.version == "1:2.38.1-5+deb12u1"
    assert found.source == Source("util-linux", "2.38.1-5+deb12u1")
    assert found.ecosystem == "Debian:12"
    assert inventory.errors == ()
    system = inventory.operating_system
    assert system is not None
    assert (system.id, system.version_id, system.ecosystem) == ("debian", "12.5", "Debian:12")


@pytest.mark.parametrize(
    ("purl", "ecosystem"),
    [
        ("pkg:apk/alpine/musl@1.2.3-r1?distro=alpine-3.16.3", "Alpine:v3.16"),
        ("pkg:apk/alpine/musl@1.2.3-r1?distro=3.17.2", "Alpine:v3.17"),
        ("pkg:apk/wolfi/openssl@3.0.0-r0?distro=wolfi-20220914", "Wolfi"),
        ("pkg:deb/debian/bash@5?distro=bookworm", "Debian:12"),
        ("pkg:deb/debian/bash@5?distro=debian-bookworm", "Debian:12"),
        ("pkg:deb/debian/bash@5?os_name=debian&os_version=11", "Debian:11"),
        ("pkg:deb/ubuntu/bash@5?distro=ubuntu-22.04", "Ubuntu:22.04"),
        ("pkg:rpm/alma/bash@5?distro=alma-9.3", "AlmaLinux:9"),
        ("pkg:rpm/rocky/bash@5?distro=rocky-9.3", "Rocky Linux:9"),
        ("pkg:deb/debian/bash@5", None),
        ("pkg:deb/ubuntu/bash@5?distro=debian-12", None),
        ("pkg:deb/debian/bash@5?distro=sid", None),
        ("pkg:npm/lodash@4", "npm"),
        ("pkg:pypi/requests@2", "PyPI"),
        ("pkg:golang/golang.org/x/net@v0.1.0", "Go"),
        ("pkg:maven/org.apache/log4j@2", "Maven"),
        ("pkg:generic/openssl@3", None),
    ],
)
def test_the_package_url_says_whose_advisories_apply(purl: str, ecosystem: str | None) -> None:
    assert one(cyclonedx_of({"name": "x", "purl": purl})).ecosystem == ecosystem


@pytest.mark.parametrize(
    ("purl", "stated", "name"),
    [
        ("pkg:npm/%40babel/core@7", "core", "@babel/core"),
        ("pkg:maven/org.apache.logging/log4j@2", "log4j", "org.apache.logging:log4j"),
        ("pkg:golang/github.com/burntsushi/toml@1", "github.com/BurntSushi/toml", None),
        ("pkg:pypi/pyyaml@6", "PyYAML", None),
        ("pkg:deb/debian/libssl3@3", "something-else", "libssl3"),
        ("pkg:composer/symfony/yaml@1", "yaml", "symfony/yaml"),
    ],
)
def test_a_name_is_the_one_advisories_use(purl: str, stated: str, name: str | None) -> None:
    assert one(cyclonedx_of({"name": stated, "purl": purl})).name == (name or stated)


def test_the_operating_system_is_what_all_packages_agree_on() -> None:
    purl = "pkg:deb/debian/bash@5?distro=debian-12&upstream=bash"
    system = parsed(cyclonedx_of({"name": "bash", "purl": purl})).operating_system
    assert system == OperatingSystem(
        id="debian", version_id="12", ecosystem="Debian:12", support_ends="2028-06-30"
    )
    other = {"name": "dash", "purl": purl.replace("bash", "dash").replace("12", "11")}
    assert parsed(cyclonedx_of({"name": "bash", "purl": purl}, other)).operating_system is None


def test_a_component_without_a_package_url_or_version_is_not_taken_for_harmless() -> None:
    inventory = parsed(
        cyclonedx_of(
            {"name": "leftpad", "version": "1"},
            {"name": "rightpad", "purl": "pkg:npm/rightpad"},
            {"name": "badpad", "purl": "npm:badpad"},
            {"type": "file", "name": "/etc/passwd"},
        )
    )
    assert inventory.components == ()
    assert [problem.what for problem in inventory.errors] == [
        "leftpad 1 has no package URL",
        "badpad: not a package URL, must start with 'pkg:': 'npm:badpad'",
        "rightpad has no version",
    ]


def test_a_list_without_any_source_package_says_too_little_about_debian() -> None:
    purl = "pkg:deb/debian/libssl3@3?distro=debian-12"
    assert parsed(cyclonedx_of({"name": "libssl3", "purl": purl})).errors == (
        Problem(
            what="no deb package names its source package, which advisories are about",
            affects=("deb",),
        ),
    )


def test_a_debian_package_without_a_source_is_its_own_source_where_others_name_theirs() -> None:
    purls = ("libssl3@3?upstream=openssl&distro=debian-12", "bash@5?distro=debian-12")
    inventory = parsed(
        cyclonedx_of(*[{"name": "x", "purl": f"pkg:deb/debian/{purl}"} for purl in purls])
    )
    assert [component.source for component in inventory.components] == [
        Source("bash", "5"),
        Source("openssl", "3"),
    ]
    assert inventory.errors == ()


def test_a_list_that_calls_itself_incomplete_is_believed() -> None:
    document = cyclonedx_of(compositions=[{"aggregate": "incomplete"}])
    assert parsed(document).errors == (
        Problem(what="the SBOM says of itself that it is incomplete"),
    )


def test_components_inside_components_are_found() -> None:
    inner = {"type": "library", "name": "b", "purl": "pkg:npm/b@1"}
    outer = {"name": "a", "purl": "pkg:npm/a@1", "components": [inner]}
    assert [c.name for c in parsed(cyclonedx_of(outer)).components] == ["a", "b"]


def test_one_package_listed_twice_is_one_component_with_two_places() -> None:
    places = [
        {
            "name": "a",
            "purl": "pkg:npm/a@1",
            "evidence": {"occurrences": [{"location": path}]},
        }
        for path in ("/x/package.json", "/y/package.json")
    ]
    found = one(cyclonedx_of(*places))
    assert found.locations == (Location("/x/package.json"), Location("/y/package.json"))


def test_what_the_document_is_about_is_no_component_of_it() -> None:
    about = {"type": "application", "name": "shop", "version": "1", "purl": "pkg:npm/shop@1"}
    inventory = parsed(
        cyclonedx_of({"name": "a", "purl": "pkg:npm/a@1"}, metadata={"component": about})
    )
    assert [component.name for component in inventory.components] == ["a"]
    alone = parsed(cyclonedx_of(metadata={"component": about}))
    assert [component.name for component in alone.components] == ["shop"]


def test_an_excluded_component_is_not_installed() -> None:
    assert not one(
        cyclonedx_of({"name": "a", "purl": "pkg:npm/a@1", "scope": "excluded"})
    ).installed


def test_every_package_url_of_an_spdx_package_counts() -> None:
    urls = ["pkg:npm/lodash@4.17.20", "pkg:pypi/requests@2.19.1", "pkg:npm/lodash@4.17.20"]
    package = {
        "SPDXID": "SPDXRef-1",
        "name": "lodash",
        "versionInfo": "4.17.20",
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": url,
            }
            for url in urls
        ],
    }
    found = [component.purl for component in parsed(spdx_of(package)).components]
    assert sorted(found) == sorted(set(urls))


def test_spdx_of_syft_is_read() -> None:
    inventory = parsed(
        spdx_of(
            {
                "SPDXID": "SPDXRef-DocumentRoot",
                "name": "alpine",
                "primaryPackagePurpose": "CONTAINER",
            },
            with_purl(
                "pkg:apk/alpine/libssl3@3.1.4-r5?arch=x86_64&upstream=openssl&distro=alpine-3.19.1",
                SPDXID="SPDXRef-1",
                name="libssl3",
                versionInfo="3.1.4-r5",
                supplier="Person: Natanael Copa (ncopa@alpinelinux.org)",
                sourceInfo="acquired package info from APK DB: lib/apk/db/installed",
                licenseConcluded="NOASSERTION",
                licenseDeclared="Apache-2.0",
            ),
            relationships=[
                {
                    "spdxElementId": "SPDXRef-DOCUMENT",
                    "relationshipType": "DESCRIBES",
                    "relatedSpdxElement": "SPDXRef-DocumentRoot",
                }
            ],
        )
    )
    (found,) = inventory.components
    assert found.source == Source("openssl", "3.1.4-r5")
    assert found.supplier == "Natanael Copa (ncopa@alpinelinux.org)"
    assert found.licenses == ("Apache-2.0",)
    assert found.locations == (Location("/lib/apk/db/installed"),)
    assert inventory.errors == ()


def test_spdx_of_trivy_names_the_source_in_words() -> None:
    purl = "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12.5"
    found = one(
        spdx_of(
            {
                "SPDXID": "SPDXRef-OperatingSystem-1",
                "name": "debian",
                "versionInfo": "12.5",
                "primaryPackagePurpose": "OPERATING-SYSTEM",
            },
            {"SPDXID": "SPDXRef-2", "name": "npm", "primaryPackagePurpose": "APPLICATION"},
            with_purl(
                purl,
                SPDXID="SPDXRef-3",
                name="libssl3",
                versionInfo="3.0.11-1",
                sourceInfo="built package from: openssl 3.0.11-1",
                licenseDeclared="LicenseRef-abc AND MIT",
            ),
            hasExtractedLicensingInfos=[{"licenseId": "LicenseRef-abc", "name": "Artistic"}],
        )
    )
    assert found.source == Source("openssl", "3.0.11-1")
    assert found.licenses == ("Artistic AND MIT",)


def test_the_wrapping_of_githubs_dependency_graph_is_taken_off() -> None:
    package = with_purl("pkg:npm/a@1", SPDXID="SPDXRef-1", name="a", versionInfo="1")
    assert one({"sbom": spdx_of(package)}).name == "a"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected an SBOM as JSON"),
        (b"bom: 1", "expected an SBOM as JSON (CycloneDX or SPDX), got b'bom: 1'"),
        (b"<bom/>", "expected an SBOM as JSON (CycloneDX or SPDX), got XML"),
        (b"SPDXVersion: SPDX-2.3", "got SPDX tag-value"),
        (b"\x1f\x8b\x08", "got gzip"),
        (b'{"bomFormat":"CycloneDX","specVersion":"1.6","spdxVersion":"SPDX-2.3"}', "ambiguous"),
        (b"{", "not a readable JSON object: Input data was truncated"),
        (b"{}", "expected an SBOM with bomFormat CycloneDX or with spdxVersion, got neither"),
        (b'{"@context": "https://spdx.org/rdf/3.0.1/x"}', "SPDX 3 is not read"),
        (b'{"bomFormat":"CycloneDX"}', "expected CycloneDX 1.2 to 1.7, got 'None'"),
        (b'{"bomFormat":"CycloneDX","specVersion":"9"}', "got '9'"),
        (b'{"spdxVersion":"SPDX-1.0"}', "expected SPDX SPDX-2.2 to SPDX-2.3, got 'SPDX-1.0'"),
        (b'{"bomFormat":"CycloneDX","specVersion":"1.5","components":7}', "not a readable Cyc"),
        (b'{"spdxVersion":"SPDX-2.3","packages":[{"name":7}]}', "not a readable SPDX document"),
        (b'{"spdxVersion":"\xff"}', "not a readable JSON object"),
        (b'{"a":' + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_bill_of_materials_is_refused_with_the_reason(
    content: bytes, message: str
) -> None:
    with pytest.raises(SbomError) as refused:
        parse_sbom(content)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_limits_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.dumps(cyclonedx_of(*[{"name": "a", "purl": "pkg:npm/a@1"}] * 4)).encode()
    for name, value in (("MAX_BYTES", 10), ("MAX_VALUES", 10), ("MAX_COMPONENTS", 3)):
        with monkeypatch.context() as patched:
            patched.setattr(read, name, value)
            with pytest.raises(SbomError):
                parse_sbom(document)


def test_properties_of_ours_that_are_damaged_are_refused() -> None:
    about = {
        "type": "container",
        "name": "x",
        "properties": [{"name": "sealmark:layer:1:digest", "value": "sha256:1"}],
    }
    with pytest.raises(SbomError, match="the SBOM is damaged"):
        parsed(cyclonedx_of(metadata={"component": about}))


KEYS = st.sampled_from(
    [
        "components",
        "packages",
        "name",
        "version",
        "purl",
        "properties",
        "value",
        "metadata",
        "component",
        "licenses",
        "license",
        "externalRefs",
        "referenceLocator",
        "annotations",
        "type",
        "evidence",
        "occurrences",
        "location",
        "comment",
        "versionInfo",
        "supplier",
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.sampled_from(["pkg:npm/a@1", "purl", "sealmark:layer:0:digest", "sealmark:properties {"])
)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner), max_leaves=30
)
HEADINGS = st.sampled_from(
    [{"bomFormat": "CycloneDX", "specVersion": "1.4"}, {"spdxVersion": "SPDX-2.2"}, {}]
)


@settings(deadline=None)
@given(HEADINGS, st.dictionaries(KEYS, TREES))
def test_any_json_is_read_or_refused(heading: dict[str, str], rest: dict[str, Any]) -> None:
    with contextlib.suppress(SbomError):
        parse_sbom(json.dumps({**rest, **heading}).encode("utf-8", "surrogatepass"))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(WRITERS), st.data())
def test_a_document_with_bytes_changed_is_read_or_refused(write: Any, data: st.DataObject) -> None:
    content = bytearray(json.dumps(write(EVIDENCE, STAMP)).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(len(content) - 200, len(content)))
    with contextlib.suppress(SbomError):
        assert isinstance(parse_sbom(bytes(content[:end])), Inventory)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(SbomError) as refused:
        parse_sbom(content)
    assert "\n" not in str(refused.value)


PACKAGE_JSON = {
    "name": "shop",
    "version": "1.0.0",
    "dependencies": {"lodash": "4.17.20", "@babel/code-frame": "7.0.0"},
}
LOCK = {
    "name": "shop",
    "version": "1.0.0",
    "lockfileVersion": 3,
    "packages": {
        "": PACKAGE_JSON,
        "node_modules/lodash": {"version": "4.17.20", "license": "MIT"},
        "node_modules/@babel/code-frame": {"version": "7.0.0", "license": "MIT"},
    },
}


@pytest.mark.parametrize("style", ["cyclonedx", "spdx"])
def test_what_npm_itself_writes_is_read(style: str, tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("needs npm, which writes bills of materials since version 9.5")
    (tmp_path / "package.json").write_text(json.dumps(PACKAGE_JSON))
    (tmp_path / "package-lock.json").write_text(json.dumps(LOCK))
    written = subprocess.run(
        ["npm", "sbom", "--offline", "--package-lock-only", f"--sbom-format={style}"],
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
    )
    if written.returncode:
        pytest.skip("this npm cannot write bills of materials")
    inventory = parse_sbom(written.stdout)
    assert [(c.name, c.version, c.ecosystem, c.licenses) for c in inventory.components] == [
        ("@babel/code-frame", "7.0.0", "npm", ("MIT",)),
        ("lodash", "4.17.20", "npm", ("MIT",)),
    ]
    assert inventory.errors == ()


def test_what_the_cyclonedx_project_writes_is_read() -> None:
    model = pytest.importorskip("cyclonedx.model.component", reason="needs cyclonedx-python-lib")
    from cyclonedx.model.bom import Bom
    from cyclonedx.output import make_outputter
    from cyclonedx.schema import OutputFormat, SchemaVersion
    from packageurl import PackageURL

    purl = PackageURL("pypi", None, "requests", "2.19.1")
    bom = Bom(components=[model.Component(name="requests", version="2.19.1", purl=purl)])
    for version in ("V1_2", "V1_3", "V1_4", "V1_5", "V1_6", "V1_7"):
        text = make_outputter(bom, OutputFormat.JSON, SchemaVersion[version]).output_as_string()
        (component,) = parse_sbom(text.encode()).components
        assert (component.name, component.version) == ("requests", "2.19.1")


def test_one_package_listed_very_often_costs_no_more_than_many_packages() -> None:
    purl = "pkg:npm/a@1"
    entries = [
        {"name": "a", "purl": purl, "evidence": {"occurrences": [{"location": f"/{i}"}]}}
        for i in range(20_000)
    ]
    content = json.dumps(cyclonedx_of(*entries)).encode()
    started = time.perf_counter()
    (component,) = parse_sbom(content).components
    assert len(component.locations) == 20_000
    assert time.perf_counter() - started < 10  # about 0.5 s; quadratic work would take minutes
