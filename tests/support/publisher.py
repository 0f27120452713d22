"""A publisher of feeds on the loopback interface, honest or not, in the clear or over TLS."""

from __future__ import annotations

import gzip
import io
import json
import ssl
import zipfile
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from threading import Event, Thread
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.support.advisories import SPOKEN, record

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

EPSS = b"#model_version:v1,score_date:2026-11-24T00:00:00+0000\ncve,epss,percentile\n"


def archive(*records: bytes, **members: bytes) -> bytes:
    """Return records as OSV's archives hold them, a file each, and `members` as they are."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as written:
        for item in records:
            written.writestr(f"{json.loads(item)['id']}.json", item)
        for name, item in members.items():
            written.writestr(f"{name}.json", item)
    return target.getvalue()


def kev(*cves: str) -> bytes:
    """Return a catalogue of exploited vulnerabilities."""
    listed = [{"cveID": cve, "dateAdded": "2026-01-01"} for cve in cves]
    catalogue = {
        "catalogVersion": "1",
        "dateReleased": SPOKEN,
        "count": len(listed),
        "vulnerabilities": listed,
    }
    return json.dumps(catalogue).encode()


def end_of_life() -> bytes:
    """Return end-of-life dates as endoflife.date's API gives them."""
    debian = {
        "name": "debian",
        "category": "os",
        "releases": [{"name": "12", "eolFrom": "2026-06-10", "eoesFrom": "2028-06-30"}],
    }
    return json.dumps({"generated_at": SPOKEN, "result": [debian]}).encode()


class Publisher:
    """A web server: `files` by path, `answers` to give first, `drip` to send byte by byte.

    With `tls`, a folder, it speaks TLS with a certificate of its own, `tls/ca.pem`.
    """

    def __init__(self, tls: Path | None = None) -> None:
        self.files = {
            "/osv/Debian/all.zip": archive(json.dumps(record("DEBIAN-CVE-2024-1")).encode()),
            "/kev.json": kev("CVE-2024-0001"),
            "/epss.csv.gz": gzip.compress(EPSS + b"CVE-2024-0001,0.5,0.9\n"),
            "/eol.json": end_of_life(),
        }
        self.answers: dict[str, list[tuple[int, dict[str, str]]]] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.drip: dict[str, bytes] = {}
        self.seen: list[tuple[str, int]] = []
        self.asked: list[dict[str, str]] = []
        self.closing = Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = False
        if tls is not None:
            self.server.socket = _certified(tls).wrap_socket(self.server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}"
        self.thread = Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def answer(self, path: str, known: str | None) -> tuple[int, dict[str, str], bytes]:
        """Return what is answered to one request."""
        if self.answers.get(path):
            status, headers = self.answers[path].pop(0)
            return status, headers, b""
        if path not in self.files:
            return 404, {}, b"<html>nothing here</html>"
        etag = f'"{hash(self.files[path])}"'
        if etag == known:
            return 304, {}, b""
        return 200, {"ETag": etag, **self.headers.get(path, {})}, self.files[path]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def _handler(publisher: Publisher) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            publisher.asked.append(dict(self.headers))
            if path in publisher.drip:
                self._drip(publisher.drip[path])
                return
            status, headers, body = publisher.answer(path, self.headers["If-None-Match"])
            publisher.seen.append((path, status))
            self.send_response(status)
            for name, value in {"Content-Length": f"{len(body)}", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def _drip(self, content: bytes) -> None:
            """Send a little, then a byte now and then until the other side has gone."""
            try:
                self.wfile.write(content)
                while not publisher.closing.wait(0.05):
                    self.wfile.write(b"x")
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _certified(folder: Path) -> ssl.SSLContext:
    """Write a certificate of 127.0.0.1 that is its own CA into `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "publisher")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(certificate.public_bytes(pem))
    plain = serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    (folder / "key.pem").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context
