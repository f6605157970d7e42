"""The conformance suite against the fake SAP, over every way of calling it and every reader of tables."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.conformance.suite import DriverConformance, Subject
from tests.integration.sap_sources import PROFILES, orders, site, ties


class TestRfc(DriverConformance):
    @pytest.fixture(params=sorted(PROFILES))
    async def subject(self, request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
        with site(request.param) as found:
            driver = found.driver()
            yield Subject(driver, orders(), line_sets=frozenset({"items", "schedule"}), ties=ties())
            await driver.aclose()
