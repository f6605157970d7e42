"""The promises of drivers/contract.py over AX 2012's document services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from drivers.contract import OperationKind
from tests.ax import site
from tests.conformance.suite import DriverConformance, Subject
from tests.conformance.writes import Writable, WriteConformance
from tests.integration.ax_sources import driver, opened, orders, ties, vendors


class TestAxOrders(DriverConformance):
    """Orders with lines, keys by getKeys page after page, changes by getChangedKeys."""

    @pytest.fixture
    async def subject(self, tmp_path: Path) -> AsyncIterator[Subject]:
        with opened() as (system, server):
            system.habits.largest_page = 11
            found = driver(server, tmp_path, page_size=9)
            yield Subject(found, orders(), line_sets=frozenset({"lines"}))
            await found.aclose()


class TestAxVendors(DriverConformance):
    """Vendors by findKeys, changes by the document's own ModifiedDateTime."""

    @pytest.fixture
    async def subject(self, tmp_path: Path) -> AsyncIterator[Subject]:
        system = site.system()
        site.fill(system)
        for number in range(1_000):
            system.put("TieService", Number=f"T{number:04d}", changed_at=site.NOW - timedelta(days=1))
        with opened(system) as (_, server):
            found = driver(server, tmp_path)
            yield Subject(found, vendors(), ties=ties())
            await found.aclose()


class TestAxWrites(WriteConformance):
    @pytest.fixture
    async def writable(self, tmp_path: Path) -> AsyncIterator[Writable]:
        with opened() as (_, server):
            found = driver(server, tmp_path)
            create = {
                "vendorKey": "V-0001",
                "dueAt": "2026-05-04",
                "totalNetValue": "12.5",
                "lineItems": [{"materialKey": "I-1", "name": "Bolt", "quantity": "3", "price": "0.5"}],
            }
            yield Writable(
                found,
                orders(),
                records={
                    OperationKind.CREATE: create,
                    OperationKind.UPDATE: {"key": "ST00003", "notes": "By the back door"},
                    OperationKind.SET_STATUS: {"key": "ST00004", "status": "received"},
                    OperationKind.DELETE: {"key": "ST00005"},
                },
                refused={OperationKind.CREATE: create | {"vendorKey": "BLOCKED"}},
                amount="lineItems.price",
                amount_column="lines.PurchPrice",
            )
            await found.aclose()
