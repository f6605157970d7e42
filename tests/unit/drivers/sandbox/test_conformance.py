"""The sandbox holds what every driver holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from drivers.contract import StreamSpec
from drivers.sandbox.driver import SandboxDriver
from tests.conformance.suite import DriverConformance, Subject

STREAMS: dict[str, tuple[str, frozenset[str]]] = {
    "purchase_orders": ("purchase_order", frozenset({"lines"})),
    "work_orders": ("work_order", frozenset({"tasks", "materials", "resources"})),
    "inventory_items": ("inventory_item", frozenset({"stocks", "suppliers"})),
    "vendors": ("vendor", frozenset()),
    "assets": ("asset", frozenset()),
}
OPTIONS: dict[str, Any] = {"size": 60, "time": "fixed", "advance": 86_400}


class TestSandbox(DriverConformance):
    @pytest.fixture(params=STREAMS)
    async def subject(self, request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
        entity, line_sets = STREAMS[request.param]
        stream = StreamSpec(request.param, entity, {"replication_key": "changed_at"})
        driver = SandboxDriver("sandbox", OPTIONS, {})
        yield Subject(driver, stream, line_sets)
        await driver.aclose()
