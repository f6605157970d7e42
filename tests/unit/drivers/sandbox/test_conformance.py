"""The sandbox holds what every driver holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from drivers.contract import OperationKind, ReadMode, ReadRequest, StreamSpec
from drivers.sandbox.driver import SandboxDriver
from tests.conformance.suite import DriverConformance, Subject, pages, rows
from tests.conformance.writes import Writable, WriteConformance

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


class TestSandboxWrites(WriteConformance):
    @pytest.fixture(params=STREAMS)
    async def writable(self, request: pytest.FixtureRequest) -> AsyncIterator[Writable]:
        entity, _ = STREAMS[request.param]
        driver = SandboxDriver("sandbox", OPTIONS, {})
        stream = StreamSpec(request.param, entity, {"replication_key": "changed_at"})
        yield await _writable(driver, stream)
        await driver.aclose()


async def _writable(driver: SandboxDriver, stream: StreamSpec) -> Writable:
    key = (await _first_open(driver, stream))["__key"]
    order = {
        "vendorKey": "0000100001",
        "lineItems": [{"materialKey": await _in_stock(driver), "quantity": "2.5", "price": "1.1"}],
    }
    makes: dict[str, dict[str, Any]] = {
        "purchase_order": order,
        "work_order": {"title": "oil the pump", "assetKey": "EQ-00000001"},
        "inventory_item": {"code": "X-1", "name": "seal"},
        "vendor": {"name": "O'Brien & Söhne"},
        "asset": {"code": "A-1", "name": "pump"},
    }
    records: dict[OperationKind, dict[str, Any]] = {
        OperationKind.CREATE: makes[stream.entity],
        OperationKind.UPDATE: {"key": key, "notes": "checked"},
    }
    refused = {}
    if stream.entity in ("purchase_order", "work_order"):
        records[OperationKind.SET_STATUS] = {"key": key, "status": "closed"}
    if stream.entity == "purchase_order":
        refused[OperationKind.CREATE] = {**order, "vendorKey": "V-INVALID"}
    amount = "lineItems.price" if stream.entity == "purchase_order" else ""
    return Writable(driver, stream, records, changes=False, refused=refused, amount=amount)


async def _first_open(driver: SandboxDriver, stream: StreamSpec) -> dict[str, Any]:
    return next(
        row
        for row in rows(await pages(driver, ReadRequest(stream, ReadMode.SCAN)))
        if row.get("status_code") not in ("CL", "CA") and row.get("system_status") not in ("60", "99")
    )


async def _in_stock(driver: SandboxDriver) -> str:
    stream = StreamSpec("inventory_items", "inventory_item")
    found = rows(await pages(driver, ReadRequest(stream, ReadMode.SCAN)))
    return next(row["__key"] for row in found if any(stock["on_hand"] for stock in row["stocks"]))
