"""Finance & Operations with its file storage for one test, each on a port of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dmf.server import DataManagement
from tests.dynamics_odata.usmf import Books


@pytest.fixture
def small() -> Iterator[DataManagement]:
    """Few orders, and nothing to wait for."""
    made = DataManagement(Books(orders=9))
    made.looks = made.url_looks = 0
    made.start()
    yield made
    made.stop()


@pytest.fixture
def fo() -> Iterator[DataManagement]:
    made = DataManagement()
    made.start()
    yield made
    made.stop()
