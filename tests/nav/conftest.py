"""A server of pages for whoever needs none of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.nav.company import nav
from tests.nav.server import NavServer


@pytest.fixture
def server() -> Iterator[NavServer]:
    made = nav()
    made.start()
    yield made
    made.stop()
