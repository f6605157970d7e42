"""The contract of drivers, against pages of the server here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from drivers.contract import OperationKind, StreamSpec
from drivers.soap.driver import soap_driver
from tests.conformance.suite import DriverConformance, Subject
from tests.conformance.writes import Writable, WriteConformance
from tests.nav.company import connection, nav, rows, vendor
from tests.nav.server import NavServer, Page

LINES = {"lines": {"part": "PurchLines"}}
WRITE: dict[str, Any] = {
    "keys": ["vendorKey", "lineItems.materialKey"],
    "idempotency_key_length": 32,
    "create": {
        "required": ["vendorKey", "lineItems", "lineItems.materialKey", "lineItems.quantity"],
        "find": "Vendor_Order_No",
        "reference": "result.No",
        "steps": [
            {
                "create": "PurchaseOrder",
                "values": {
                    "Buy_from_Vendor_No": "vendorKey",
                    "Order_Date": "orderDate",
                    "Vendor_Order_No": "idempotencyKey",
                },
                "lines": {
                    "PurchLines": {
                        "for_each": "lineItems",
                        "values": {
                            "Type": {"const": "Item"},
                            "No": "lineItems.materialKey",
                            "Quantity": "lineItems.quantity",
                            "Direct_Unit_Cost": "lineItems.price",
                        },
                    }
                },
            }
        ],
    },
    "update": {
        "steps": [
            {
                "update": "PurchaseOrder",
                "set": {"Due_Date": "dueAt", "Posting_Description": "title"},
                "lines": {
                    "PurchLines": {
                        "for_each": "lineItems",
                        "match": {"Line_No": "lineItems.lineNo"},
                        "values": {"Quantity": "lineItems.quantity", "No": "lineItems.materialKey"},
                        "others": "delete",
                    }
                },
            }
        ]
    },
    "delete": {"steps": [{"delete": "PurchaseOrder"}]},
    "set_status": {
        "statuses": {"approved": "Released"},
        "steps": [{"call": "PurchaseRelease.ReleaseOrder", "values": {"documentNo": "key"}}],
    },
}
ORDER = {"vendorKey": "V1", "lineItems": [{"materialKey": "I1", "quantity": "2.5", "price": "9.90"}]}


def orders(**more: Any) -> StreamSpec:
    read = {"page": "PurchaseOrder", "lines": LINES}
    return StreamSpec("orders", "purchase_order", read, write=more.get("write", {}))


def vendors(replication_key: str = "Last_Date_Modified") -> StreamSpec:
    return StreamSpec("vendors", "vendor", {"page": "Vendors", "replication_key": replication_key})


@pytest.fixture(scope="module")
def resting() -> Iterator[NavServer]:
    server = nav()
    tied = [vendor(number, Last_Date_Modified=date(2026, 6, 1)) for number in range(1_000)]
    page = server.pages["Vendors"]
    server.add(Page("Tied", page.wsdl.replace(b"Vendors", b"Tied"), ("No",), rows(*tied)))
    server.start()
    yield server
    server.stop()


class TestOrders(DriverConformance):
    @pytest.fixture
    async def subject(self, resting: NavServer, tmp_path: Path) -> AsyncIterator[Subject]:
        driver = soap_driver("nav", *connection(resting, tmp_path))
        ties = StreamSpec("tied", "vendor", {"page": "Tied", "replication_key": "Last_Date_Modified"})
        # The streams of one connection need not all have a replication key; the suite asks this one for changes.
        dated = StreamSpec(
            "orders",
            "purchase_order",
            {"page": "PurchaseOrder", "replication_key": "Order_Date", "lines": LINES},
        )
        yield Subject(driver, dated, line_sets=frozenset({"lines"}), ties=ties)
        await driver.aclose()


class TestVendorsByMoment(DriverConformance):
    @pytest.fixture
    async def subject(self, resting: NavServer, tmp_path: Path) -> AsyncIterator[Subject]:
        driver = soap_driver("nav", *connection(resting, tmp_path, page_size=5))
        yield Subject(driver, vendors("Changed_At"))
        await driver.aclose()


class TestWrites(WriteConformance):
    @pytest.fixture
    async def writable(self, tmp_path: Path) -> AsyncIterator[Writable]:
        server = nav()
        server.start()
        driver = soap_driver("nav", *connection(server, tmp_path))
        stream = orders(write=WRITE)
        open_order, released = "106000", "106001"
        yield Writable(
            driver,
            stream,
            records={
                OperationKind.CREATE: ORDER,
                OperationKind.UPDATE: {"key": open_order, "title": "Changed", "dueAt": "2026-08-01"},
                OperationKind.DELETE: {"key": open_order},
                OperationKind.SET_STATUS: {"key": open_order, "status": "approved"},
            },
            refused={
                OperationKind.CREATE: {**ORDER, "vendorKey": "NOBODY"},
                OperationKind.UPDATE: {"key": released, "dueAt": "2026-08-01"},
                OperationKind.DELETE: {"key": released},
            },
            amount="lineItems.quantity",
            amount_column="lines.Quantity",
        )
        await driver.aclose()
        server.stop()
