"""A service of each kind for one test, over HTTP on a port of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dynamics_odata.business_central import BusinessCentral
from tests.dynamics_odata.finops import FinanceAndOperations


@pytest.fixture
def central() -> Iterator[BusinessCentral]:
    made = BusinessCentral()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def fo() -> Iterator[FinanceAndOperations]:
    made = FinanceAndOperations()
    made.start()
    yield made
    made.stop()
