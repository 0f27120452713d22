"""A small lab for every control: commands that make something it refuses, and mend it.

The commands need a POSIX shell and nothing but `sealmark`; each is a line of its own, so that
they can be copied one by one.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

_HOME = "--home state"
_UPDATE = f"sealmark advisories update --from feeds {_HOME}"
_IMAGE = "sealmark check oci:image --home state"
_NOW = '"now"'


@dataclass(frozen=True, slots=True)
class Lab:
    """Shell commands in order: what is prepared, what is refused, how it is mended, allowed."""

    prepare: tuple[str, ...]
    refused: str
    mend: tuple[str, ...]
    allowed: str

    def script(self) -> tuple[str, ...]:
        """Return the lines to copy, in a new directory with a state of its own."""
        return (
            "cd $(mktemp -d)",
            *self.prepare,
            f"{self.refused}  # refused",
            *self.mend,
            f"{self.allowed}  # allowed",
        )


def _file(name: str, content: object) -> str:
    """A line that writes JSON; the word "now" becomes the time at which it runs."""
    text = json.dumps(content, separators=(",", ":")).replace(_NOW, "\"'$(date -u +%FT%TZ)'\"")
    return f"echo '{text}' > {name}"


def _npm(name: str, version: str) -> dict[str, str]:
    purl = f"pkg:npm/{name}@{version}"
    return {"type": "library", "name": name, "version": version, "purl": purl}


def _system(version: str) -> dict[str, str]:
    return {"type": "operating-system", "name": "debian", "version": version}


def _bill(name: str, *components: dict[str, str], **more: Any) -> str:
    start = {"bomFormat": "CycloneDX", "specVersion": "1.6"}
    return _file(name, {**start, "components": components, **more})


def _judge(bill: str) -> str:
    return f"sealmark check sbom:{bill} {_HOME}"


def _advisory(id_: str, package: str, fixed: str | None = None, file: str = "npm") -> str:
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    record = {
        "id": id_,
        "modified": "now",
        "summary": f"A hole in {package}",
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "affected": [
            {
                "package": {"ecosystem": "npm", "name": package},
                "ranges": [{"type": "SEMVER", "events": events}],
            }
        ],
    }
    return _file(f"feeds/{file}.jsonl", record)


def _exploited(cve: str) -> str:
    listed = [{"cveID": cve, "dateAdded": "2026-01-01"}]
    catalogue = {
        "catalogVersion": "1",
        "dateReleased": "now",
        "count": 1,
        "vulnerabilities": listed,
    }
    return _file("feeds/kev.json", catalogue)


def _image(execution: dict[str, Any]) -> tuple[str, ...]:
    """Lines that write an image without layers: its configuration is what is judged."""
    config = {
        "os": "linux",
        "architecture": "amd64",
        "config": execution,
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    start = '{"schemaVersion":2,'
    return (
        _file("config", config),
        f"echo '{start}\"config\":'$(put config)',\"layers\":[]}}' > manifest",
        f"echo '{start}\"manifests\":['$(put manifest)']}}' > image/index.json",
    )


_LAYOUT = (
    "mkdir -p image/blobs/sha256",
    """echo '{"imageLayoutVersion":"1.0.0"}' > image/oci-layout""",
    "hash() { sha256sum $1 | cut -c 1-64; }",
    "size() { wc -c < $1; }",
    """name() { printf '{"mediaType":"%s","digest":"sha256:%s","size":%d}' $*; }""",
    "kind() { echo application/vnd.oci.image.$1.v1+json; }",
    "put() { cp $1 image/blobs/sha256/$(hash $1); name $(kind $1) $(hash $1) $(size $1); }",
)
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
# Made once for this very image, by a key that was thrown away: another image needs both anew.
_KEY = "MCowBQYDK2VwAyEAmWTOfEa1mRckf0UXPi6eC3X8qozvVZC+9o7a3Hc3/lg="
_SIGNATURE = (
    "Vr0URmnA3MnNUKOibgEurra4pHyr0gl+WfnkfhpgIA6wg+UCTwcDt89pmMUb0nmOzib8gqow3xyKu0Gd3stfDw=="
)
_STATEMENT = json.dumps(
    {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {
                "digest": {
                    "sha256": "916d0f57d65dac38e968eb903763e36e122c6afe81dcafb206fe1aac836eaf17"
                }
            }
        ],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
    },
    separators=(",", ":"),
)


def _lines(name: str, *lines: str) -> str:
    """A line that writes lines."""
    quoted = " ".join(f"'{line}'" for line in lines)
    return f"printf '%s\\n' {quoted} > {name}"


def _trusting(*lines: str) -> tuple[str, ...]:
    """Lines that write a key, and a trust file which asks for its signature."""
    key = ("-----BEGIN PUBLIC KEY-----", _KEY, "-----END PUBLIC KEY-----")
    return _lines("release.pub", *key), _lines("trust.toml", *lines)


def _signed() -> tuple[str, ...]:
    """Lines that put a bundle beside the image, as what refers to it."""
    bundle = {
        "mediaType": _BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": ""}},
        "dsseEnvelope": {
            "payload": base64.b64encode(_STATEMENT.encode()).decode(),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": _SIGNATURE}],
        },
    }
    kinds = f"bundle) echo {_BUNDLE};; *) echo application/vnd.oci.image.manifest.v1+json;;"
    part, start = "'$(put bundle)'", '{"schemaVersion":2,'
    parts = f'"config":{part},"layers":[{part}],"subject":\'$(put manifest)\'}}'
    entries = "'$(put manifest),$(put referrer)'"
    return (
        _file("bundle", bundle),
        f"kind() {{ case $1 in {kinds} esac; }}",
        f'echo \'{start}"artifactType":"{_BUNDLE}",{parts}\' > referrer',
        f"echo '{start}\"manifests\":[{entries}]}}' > image/index.json",
    )


_LODASH = _npm("lodash", "4.17.20")
_OTHER_NEWS = ("mkdir feeds", _advisory("CVE-2026-10000", "left"), _UPDATE)

LABS: dict[str, Lab] = {
    "no-fixable-vulnerabilities": Lab(
        (
            "mkdir feeds",
            _advisory("CVE-2021-23337", "lodash", "4.17.21"),
            _UPDATE,
            _bill("old.json", _LODASH),
        ),
        _judge("old.json"),
        (_bill("new.json", _npm("lodash", "4.17.21")),),
        _judge("new.json"),
    ),
    "no-known-exploited": Lab(
        (
            "mkdir feeds",
            _advisory("CVE-2026-10000", "left"),
            _exploited("CVE-2026-10000"),
            _UPDATE,
            _bill("with.json", _npm("left", "1.0.0"), _LODASH),
        ),
        _judge("with.json"),
        (_bill("without.json", _LODASH),),
        _judge("without.json"),
    ),
    "no-malicious-packages": Lab(
        (
            "mkdir feeds",
            _advisory("CVE-2026-10000", "left"),
            _advisory("MAL-2026-1", "lodahs", file="malicious"),
            _UPDATE,
            _bill("typo.json", _npm("lodahs", "1.0.0")),
        ),
        _judge("typo.json"),
        (_bill("meant.json", _npm("lodash", "4.17.21")),),
        _judge("meant.json"),
    ),
    "not-root": Lab(
        (*_LAYOUT, *_image({})),
        _IMAGE,
        _image({"User": "65532:65532"}),
        _IMAGE,
    ),
    "no-secrets-in-configuration": Lab(
        (*_LAYOUT, *_image({"User": "65532", "Env": ["DB_PASSWORD=kX9vQ2mR7tLw4zPb"]})),
        _IMAGE,
        _image({"User": "65532", "Env": ["DB_PASSWORD_FILE=/run/secrets/db"]}),
        _IMAGE,
    ),
    "signed-by": Lab(
        (
            *_LAYOUT,
            *_image({"User": "65532:65532"}),
            *_trusting(
                "[signers.release]",
                'key = "release.pub"',
                "without-log = true",
                "[roles.release]",
                'signers = ["release"]',
            ),
        ),
        f"sealmark check oci:image@sha256:$(hash manifest) --trust trust.toml {_HOME}",
        _signed(),
        f"sealmark check oci:image@sha256:$(hash manifest) --trust trust.toml {_HOME}",
    ),
    "not-end-of-life": Lab(
        (*_OTHER_NEWS, _bill("old.json", _system("8"), _LODASH)),
        _judge("old.json --end-of-life deny"),
        (_bill("new.json", _system("13"), _LODASH),),
        _judge("new.json --end-of-life deny"),
    ),
    "advisories-fresh": Lab(
        (_bill("app.json", _LODASH),),
        _judge("app.json"),
        _OTHER_NEWS,
        _judge("app.json"),
    ),
    "inventory-complete": Lab(
        (*_OTHER_NEWS, _bill("part.json", _LODASH, compositions=[{"aggregate": "incomplete"}])),
        _judge("part.json"),
        (_bill("whole.json", _LODASH, compositions=[{"aggregate": "complete"}]),),
        _judge("whole.json"),
    ),
}
