"""The conformance suite against real PostgreSQL, MariaDB and SQLite over real ODBC."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.conformance.suite import DriverConformance, Subject
from tests.integration.odbc_sources import Source, orders, ties

pytestmark = pytest.mark.integration


class TestOdbc(DriverConformance):
    @pytest.fixture
    async def subject(self, source: Source) -> AsyncIterator[Subject]:
        driver = source.driver()
        yield Subject(driver, orders(), line_sets=frozenset({"lines"}), ties=ties())
        await driver.aclose()
