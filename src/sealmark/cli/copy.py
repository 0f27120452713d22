"""`sealmark copy SOURCE TARGET`: an image with all that belongs to it, or nothing."""

from __future__ import annotations

import click

from sealmark.artifact.mirror import check_named, check_whole, put_whole
from sealmark.artifact.reference import parse_reference
from sealmark.artifact.whole import find_whole
from sealmark.cli.destinations import open_destination, tag_of
from sealmark.cli.options import SourceOptions, registry_options
from sealmark.cli.output import write_output
from sealmark.cli.state import home_option
from sealmark.cli.transports import open_source
from sealmark.errors import UsageError


@click.command(name="copy")
@click.argument("image", metavar="SOURCE")
@click.argument("target")
@registry_options
@home_option
def command(image: str, target: str, source: SourceOptions) -> int:
    """Mirror an image with everything that belongs to it, or fail: never half.

    Copied are the image or index, every image below it, all that refers to any of them, and
    cosign's signatures, attestations and bills beside them. TARGET is NAME[:TAG] in a registry,
    oci:DIR[:TAG] or oci-archive:FILE[:TAG]; without a tag it gets that of SOURCE. It gets the tag
    when everything was found again in its new place; what fails before leaves no tag behind.

    Exit codes: 0 copied, 3 usage, 4 the image is not whole or not what it says, 5 a service failed.
    """
    here, there = parse_reference(image), parse_reference(target)
    if here.transport in ("dir", "sbom"):
        raise UsageError(f"{image}: a {here.transport} cannot be copied; name an image")
    with open_source(here, source) as opened:
        whole = find_whole(opened)
        with open_destination(there, source, tag_of(here)) as place:
            done = put_whole(opened, place.target, whole)
            check_whole(place.copy, place.target, whole)
            place.target.put_manifest(whole.named, place.tag)
            check_named(place.copy, whole)
    write_output(
        f"copied: {image} to {target}\n"
        f"  digest     {done.digest}\n"
        f"  manifests  {len(whole.manifests)}, all found again\n"
        f"  referrers  {len(whole.referrers)}, all listed\n"
        f"  signatures under cosign's tags: {len(whole.tagged)}\n"
        f"  blobs      {done.moved} moved, {done.present} there already"
    )
    return 0
