"""A real registry that wants tokens, and the service that gives them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.support.mirrored import mirror
from tests.support.registry import Server, running_registry
from tests.support.shop import build_shop
from tests.support.token_service import token_service

from sealmark.adapters.oci_layout import OciLayout
from sealmark.adapters.registry import Access, open_registry
from sealmark.adapters.registry_credentials import Credentials
from sealmark.adapters.registry_push import open_registry_target
from sealmark.artifact.image import load_image
from sealmark.artifact.platform import Platform
from sealmark.artifact.repository import parse_image_name
from sealmark.errors import ServiceError

if TYPE_CHECKING:
    from pathlib import Path

LOGIN = ("alice", "correct horse")
AMD64 = Platform("linux", "amd64")


def test_who_has_a_login_pushes_and_everybody_pulls(tmp_path: Path) -> None:
    build_shop(tmp_path)
    shop = OciLayout(tmp_path / "shop", tag="1.0")
    with (
        token_service(tmp_path, LOGIN) as (service, tokens),
        running_registry(tmp_path / "registry", Server(tokens=tokens)) as address,
    ):
        name = parse_image_name(f"{address}/team/shop:1.0")
        known = Credentials(*LOGIN)
        with open_registry_target(name, Access(), lambda: known) as target:
            mirror(shop, target, "1.0")
        assert len(service.seen) == 1
        assert "scope=repository%3Ateam%2Fshop%3Apull%2Cpush" in service.seen[0].path
        with open_registry(name, Access(), lambda: None) as source:
            assert load_image(source, AMD64, chosen=False) == load_image(shop, AMD64, chosen=False)
        assert "authorization" not in service.seen[1].headers
        with (
            open_registry_target(name, Access(), lambda: None) as target,
            pytest.raises(ServiceError, match="wants a login"),
        ):
            mirror(shop, target, "1.1")
        wrong = Credentials(LOGIN[0], "wrong")
        with (
            open_registry(name, Access(), lambda: wrong) as source,
            pytest.raises(ServiceError, match="refuses the login"),
        ):
            source.manifest(None)


@pytest.mark.slow
def test_a_token_that_runs_out_is_renewed_by_the_way(tmp_path: Path) -> None:
    """The registry allows a minute of leeway, which the token's dates use up."""
    build_shop(tmp_path)
    shop = OciLayout(tmp_path / "shop", tag="1.0")
    with (
        token_service(tmp_path, LOGIN, seconds=-57) as (service, tokens),
        running_registry(tmp_path / "registry", Server(tokens=tokens)) as address,
    ):
        name = parse_image_name(f"{address}/team/shop:1.0")
        known = Credentials(*LOGIN)
        with open_registry_target(name, Access(), lambda: known) as target:
            mirror(shop, target, "1.0")
            asked = len(service.seen)
            time.sleep(4)
            mirror(shop, target, "1.1")
        assert len(service.seen) == asked + 1
