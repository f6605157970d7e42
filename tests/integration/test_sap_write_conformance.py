"""The conformance suite of writes against the fake SAP, over every way of calling it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from drivers.contract import OperationKind
from tests.conformance.writes import Writable, WriteConformance
from tests.integration.sap_sources import NEW_ORDER, site, writable_orders


class TestRfcWrites(WriteConformance):
    @pytest.fixture(params=["native, wide reader", "sdk, plain reader", "soap, sorted ET_DATA"])
    async def writable(self, request: pytest.FixtureRequest) -> AsyncIterator[Writable]:
        with site(request.param) as found:
            driver = found.driver()
            yield Writable(
                driver,
                writable_orders(),
                records={
                    OperationKind.CREATE: NEW_ORDER,
                    OperationKind.UPDATE: {
                        "key": "4500000003",
                        "terms": "0001",
                        "lineItems": [{"lineNo": "10", "quantity": "5"}],
                    },
                },
                refused={
                    OperationKind.CREATE: NEW_ORDER | {"vendorKey": "0000000999"},
                    OperationKind.UPDATE: {
                        "key": "4500000003",
                        "lineItems": [{"lineNo": "10", "quantity": "0"}],
                    },
                },
                amount="lineItems.price",
                amount_column="items.NETPR",
            )
            await driver.aclose()
