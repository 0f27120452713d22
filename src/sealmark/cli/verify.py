"""`sealmark verify IMAGE`: who signed it, and whether those have who must have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealmark.artifact.image import child_manifests, load_image
from sealmark.artifact.platform import Platform
from sealmark.artifact.reference import parse_reference
from sealmark.cli.options import (
    Moment,
    SourceOptions,
    TrustOptions,
    output_option,
    source_options,
    trust_options,
)
from sealmark.cli.output import terminal_for, write_output
from sealmark.cli.signers import SignerOptions, signer_options, trust_of
from sealmark.cli.state import current_state, home_option
from sealmark.cli.transports import open_source
from sealmark.cli.wiring import clock, whom_to_ask
from sealmark.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from sealmark.artifact.manifest import RawManifest
    from sealmark.artifact.source import ImageSource
    from sealmark.cli.trusted import Asking


@click.command(name="verify")
@click.argument("image")
@signer_options
@trust_options
@click.option("--each-platform", is_flag=True, help="Ask it of every image of an index, too.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How the answer is written.",
)
@output_option
@click.option("--now", type=Moment(), help="Verify as of this time instead of the clock's.")
@source_options
@home_option
def command(
    image: str,
    signer: SignerOptions,
    trusted: TrustOptions,
    each_platform: bool,
    style: str,
    output: Path,
    now: datetime | None,
    source: SourceOptions,
) -> int:
    """Find the signatures of IMAGE and verify them; nothing else of the image is read.

    Name --key, or --certificate-identity with --certificate-oidc-issuer; without either, every
    role of the trust file that speaks for the repository must be fulfilled. Of an index the index
    itself must be signed; with --platform its image for that platform, or an index that holds it.
    IMAGE is written as for `sealmark check`.

    Exit codes: 0 verified, 1 refused, 3 usage, 4 input unreadable, 5 a service failed.
    """
    from sealmark.cli.render.signatures import RENDERERS, Target, Verification
    from sealmark.cli.trusted import gather

    asking = _asking(signer, trusted, now or clock())
    named = parse_reference(image)
    if named.transport in ("dir", "sbom"):
        raise UsageError(f"{image}: a {named.transport} keeps no signatures; name an image")
    with open_source(named, source) as opened:
        targets = tuple(
            Target(str(chain[-1].digest), platform, gather(opened, named, chain, asking))
            for platform, chain in _targets(opened, source.platform, each_platform)
        )
    answer = Verification(image, targets)
    write_output(RENDERERS[style](answer, terminal_for(output)), output, style)
    return 0 if answer.holds else 1


def _asking(signer: SignerOptions, trusted: TrustOptions, now: datetime) -> Asking:
    from sealmark.cli.trusted import Asking

    if signer.names_somebody:
        if trusted.trust:
            raise UsageError("--trust and a signer named by options exclude each other")
        return Asking(trust_of(signer), trusted.repository, now)
    asking = None if signer.says_how else whom_to_ask(trusted, current_state(), now)
    if asking is None:
        raise UsageError(
            "name --key, or --certificate-identity and --certificate-oidc-issuer, or a --trust file"
        )
    return asking


def _targets(
    source: ImageSource, platform: str | None, each: bool
) -> Iterator[tuple[str, tuple[RawManifest, ...]]]:
    """Yield what must be signed: a platform's name, and the manifests any of which may be."""
    if platform is not None:
        if each:
            raise UsageError("--platform and --each-platform exclude each other")
        image = load_image(source, Platform.parse(platform), chosen=True)
        yield str(image.platform), image.manifests
        return
    named = source.manifest(None)
    yield "", (named,)
    if each:
        for found, raw in child_manifests(source, named):
            yield str(found), (raw,)
