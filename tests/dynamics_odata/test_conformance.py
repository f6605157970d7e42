"""The conformance suites over streams of the shipped profiles."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from drivers.contract import OperationKind, StreamSpec
from tests.conformance.suite import DriverConformance, Subject
from tests.conformance.writes import Writable, WriteConformance
from tests.dynamics_odata import test_business_central, test_finops
from tests.dynamics_odata.business_central import BusinessCentral
from tests.dynamics_odata.connections import business_central, finance_and_operations
from tests.dynamics_odata.cronus import guid
from tests.dynamics_odata.finops import FinanceAndOperations
from tests.sap_odata.connections import streams

BC, FO = streams("dynamics-bc"), streams("dynamics-fo")
CREATE, UPDATE, DELETE = OperationKind.CREATE, OperationKind.UPDATE, OperationKind.DELETE


def subject_of(spec: StreamSpec, stamp: str, step: str) -> StreamSpec:
    """As the suite asks for it: every column, and a replication key also where the profile compares."""
    given = {"replication_key": stamp, "replication_step": step, "replication_nulls": False}
    return replace(spec, columns=None, write={}, options={**given, **spec.options})


# Lines, and none; ids that are not compared in order.
@pytest.mark.parametrize("name", ["purchase_orders", "inventory_items"])
class TestBusinessCentral(DriverConformance):
    @pytest.fixture
    async def subject(self, central: BusinessCentral, name: str) -> AsyncIterator[Subject]:
        central.largest_page = 11
        driver = business_central(central)
        spec = BC[name].spec
        yield Subject(
            driver,
            subject_of(spec, "lastModifiedDateTime", "1s"),
            frozenset(spec.options.get("lines", {})),
            page_sizes=(3, 1_000),
        )
        await driver.aclose()


class TestBusinessCentralOrderWrites(WriteConformance):
    @pytest.fixture
    async def writable(self, central: BusinessCentral) -> AsyncIterator[Writable]:
        driver = business_central(central)
        order = json.loads(json.dumps(test_business_central.ORDER))
        key = str(guid("order 4"))
        yield Writable(
            driver,
            BC["purchase_orders"].spec,
            records={
                CREATE: order,
                UPDATE: {"key": str(guid("order 3")), "lineItems": [{"lineNo": "10000", "quantity": "4"}]},
                DELETE: {"key": key},
            },
            refused={
                CREATE: {**order, "vendorKey": str(guid("vendor 5"))},
                UPDATE: {"key": key, "dueAt": "2026-03-01T00:00:00Z"},
                DELETE: {"key": str(guid("order 5"))},
            },
            amount="lineItems.quantity",
            amount_column="lines.quantity",
            amounts=("0.1", "12345678.01", "1.005"),
        )
        await driver.aclose()


# Keys of several parts, lines in the same answer and of a set of their own.
@pytest.mark.parametrize(
    ("name", "stamp"), [("purchase_orders", "AccountingDate"), ("work_orders", "DeliveryDate")]
)
class TestFinanceAndOperations(DriverConformance):
    @pytest.fixture
    async def subject(self, fo: FinanceAndOperations, name: str, stamp: str) -> AsyncIterator[Subject]:
        fo.largest_page = 11
        driver = finance_and_operations(fo)
        spec = FO[name].spec
        lines = frozenset(spec.options["lines"])
        yield Subject(driver, subject_of(spec, stamp, "exact"), lines, page_sizes=(3, 1_000))
        await driver.aclose()


class TestFinanceAndOperationsOrderWrites(WriteConformance):
    @pytest.fixture
    async def writable(self, fo: FinanceAndOperations) -> AsyncIterator[Writable]:
        driver = finance_and_operations(fo)
        order = json.loads(json.dumps(test_finops.ORDER))
        change = {"key": "usmf~00000010", "lineItems": [{"lineNo": "1", "quantity": "4"}]}
        yield Writable(
            driver,
            FO["purchase_orders"].spec,
            records={CREATE: order, UPDATE: change, DELETE: {"key": "usmf~00000005"}},
            refused={
                CREATE: {**order, "vendorKey": "usmf~1005"},
                UPDATE: {"key": "usmf~00000002", "title": "x"},
                DELETE: {"key": "usmf~00000002"},
            },
            amount="lineItems.quantity",
            amount_column="lines.OrderedPurchaseQuantity",
            amounts=("0.1", "12345678.01", "1.005"),
        )
        await driver.aclose()
