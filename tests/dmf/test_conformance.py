"""The conformance suites over streams of the shipped profile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.contract import OperationKind
from tests.conformance.suite import DriverConformance, Subject
from tests.conformance.writes import Writable, WriteConformance
from tests.dmf.connections import driver
from tests.dmf.server import DataManagement
from tests.sap_odata.connections import streams

FO = streams("dynamics-fo-onpremises")
CREATE, UPDATE = OperationKind.CREATE, OperationKind.UPDATE
ORDER = {
    "vendorKey": "usmf~1001",
    "title": 'Shelves, and "more"',
    "currencyKey": "USD",
    "dueAt": "2026-03-01T00:00:00Z",
    "lineItems": [
        {"materialKey": "usmf~D0001", "quantity": "2", "price": "10.5", "name": "Cabinet; oak"},
        {"materialKey": "usmf~D0002", "quantity": "1.5", "price": "0.25", "name": "Cäbinet 2"},
    ],
}
VENDOR = {"organizationKey": "dat", "code": "2001", "name": "Neu, & Söhne", "customFields": {"group": "10"}}


@pytest.mark.parametrize(("name", "form"), [("purchase_orders", "CSV-Unicode"), ("vendors", "XML-Attribute")])
class TestDataManagement(DriverConformance):
    @pytest.fixture
    async def subject(
        self, small: DataManagement, tmp_path: Path, name: str, form: str
    ) -> AsyncIterator[Subject]:
        small.form = form
        made = driver(small, tmp_path)
        spec = replace(FO[name].spec, columns=None, write={})
        yield Subject(made, spec, frozenset(spec.options.get("lines", {})), page_sizes=(3, 1_000))
        await made.aclose()


class TestOrderWrites(WriteConformance):
    @pytest.fixture
    async def writable(self, small: DataManagement, tmp_path: Path) -> AsyncIterator[Writable]:
        made = driver(small, tmp_path)
        yield Writable(
            made,
            replace(FO["purchase_orders"].spec, columns=None),
            records={CREATE: ORDER, UPDATE: {"key": "usmf~00000001", "title": "Other"}},
            refused={
                CREATE: {**ORDER, "vendorKey": "usmf~1005"},
                UPDATE: {"key": "usmf~00000002", "title": "Other"},
            },
            amount="lineItems.price",
            amount_column="lines.PURCHASEPRICE",
        )
        await made.aclose()
