"""The signature of an archive's `InRelease`, checked by gpgv with the keyrings that apt names."""

from __future__ import annotations

import base64
import binascii
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sealmark.errors import ServiceError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_FRAME = (
    b"-----BEGIN PGP SIGNED MESSAGE-----",
    b"-----BEGIN PGP SIGNATURE-----",
    b"-----END PGP SIGNATURE-----",
)
_ARMOR = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"
_MAX_KEYRING = 8 << 20
_SECONDS = 60


class UnverifiedError(UnreadableError):
    """An index is not signed by a key of the keyring."""


def verified(signed: bytes, keyrings: Sequence[str] = ()) -> bytes:
    """Return the text a clear-signed message holds. Raises UnverifiedError or ServiceError.

    One good signature by a key of the keyrings is enough (archives sign with several keys), a bad
    one is too many. The text is what gpgv hands back, so nothing outside the signature is read.
    """
    if not _is_one_message(signed):
        raise UnverifiedError("the index is not one clear-signed message and nothing else")
    named = keyrings or (KEYRING,)
    with tempfile.TemporaryDirectory(prefix="sealmark-") as directory:
        home = Path(directory)
        message, text = home / "InRelease", home / "Release"
        message.write_bytes(signed)
        rings = [_ring(Path(path), home / f"keyring-{n}.gpg") for n, path in enumerate(named)]
        status = _gpgv(home, rings, message, text)
        words = [line.split()[1] for line in status.splitlines() if line.startswith("[GNUPG:] ")]
        if not {"GOODSIG", "VALIDSIG"} <= set(words) or "BADSIG" in words or not text.is_file():
            raise UnverifiedError(f"the index is not signed by a key of {', '.join(named)}")
        return text.read_bytes()


def _is_one_message(signed: bytes) -> bool:
    """Tell whether the frame's three lines are there once, in order, with nothing around them.

    Within the signed text such lines are escaped (RFC 9580, section 7.1). What more a file held
    gpgv would read as well, and hand back as if it belonged to the rest.
    """
    lines = [line.rstrip() for line in signed.split(b"\n")]
    while lines and not lines[-1]:
        lines.pop()
    frame = tuple(line for line in lines if line.startswith(b"-----"))
    return frame == _FRAME and lines[0] == _FRAME[0] and lines[-1] == _FRAME[-1]


def _ring(path: Path, copy: Path) -> Path:
    """Return a keyring gpgv can read: an armored one (`….asc`) is unwrapped into `copy`."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_KEYRING)
    except OSError:
        raise ServiceError(f"{path}: no such keyring, so no index can be verified") from None
    if not content.lstrip().startswith(_ARMOR):
        return path.resolve()
    try:
        copy.write_bytes(b"".join(_unwrapped(block) for block in content.split(_ARMOR)[1:]))
    except binascii.Error:
        raise ServiceError(f"{path}: a damaged keyring, so no index can be verified") from None
    return copy


def _unwrapped(block: bytes) -> bytes:
    """Return what an armored block (RFC 9580, section 6.2) holds after headers and blank line."""
    body = block.partition(b"-----END")[0].replace(b"\r\n", b"\n").partition(b"\n\n")[2]
    return base64.b64decode(body.partition(b"\n=")[0])


def _gpgv(home: Path, keyrings: Sequence[Path], message: Path, text: Path) -> str:
    command = ["gpgv", "--homedir", str(home), "--status-fd", "1", "--output", str(text)]
    command += ["--weak-digest", "SHA1", "--weak-digest", "RIPEMD160"]  # MD5 is weak to it anyway
    for keyring in keyrings:
        command += ["--keyring", str(keyring)]
    try:
        done = subprocess.run(
            [*command, str(message)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise ServiceError("gpgv is needed to verify a Debian index: install it") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServiceError(f"gpgv did not answer: {error}") from None
    return done.stdout.decode(errors="replace")
