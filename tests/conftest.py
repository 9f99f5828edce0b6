"""Every test ends: one that hangs says where every thread stands, and fails."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from concur.testing.watchdog import watchdog

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = float(os.environ.get("TEST_LIMIT", "120"))  # seconds; a hang, not a slow machine


@pytest.fixture(autouse=True)
def _ends(request: pytest.FixtureRequest) -> Iterator[None]:
    with watchdog(LIMIT, request.node.nodeid):
        yield
