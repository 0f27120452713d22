"""One small Sigstore for the room's tests; its keys are made once."""

from __future__ import annotations

import pytest
from tests.support.sigstore.world import World


@pytest.fixture(scope="session")
def world() -> World:
    return World()
