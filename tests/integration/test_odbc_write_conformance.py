"""The conformance suite of writes against real PostgreSQL, MariaDB and SQLite over real ODBC."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

from drivers.contract import OperationKind
from tests.conformance.writes import Writable, WriteConformance
from tests.integration.odbc_sources import Source
from tests.integration.odbc_write_sources import ORDER, command, order_stream

pytestmark = pytest.mark.integration


class TestOdbcWrites(WriteConformance):
    @pytest.fixture
    async def writable(self, writable_source: Source) -> AsyncIterator[Writable]:
        driver = writable_source.driver()
        stream = order_stream(writable_source.kind)
        keys = []
        for _ in range(3):
            made = await driver.execute(
                command(OperationKind.CREATE, ORDER, stream, f"cf-{uuid.uuid4().hex}")
            )
            keys.append(made.key)
        yield Writable(
            driver,
            stream,
            records={
                OperationKind.CREATE: ORDER,
                OperationKind.UPDATE: {"key": keys[0], "title": "Nuts", "totalNetValue": "1.5"},
                OperationKind.DELETE: {"key": keys[1]},
                OperationKind.SET_STATUS: {"key": keys[2], "status": "approved"},
            },
            refused={
                OperationKind.CREATE: {**ORDER, "vendorKey": "V-BLOCKED"},
                OperationKind.SET_STATUS: {"key": keys[2], "status": "closed"},
            },
            amount="lineItems.quantity",
            amount_column="lines.qty",
            amounts=("0.1", "12345678.01", "1.005", "123456789012345678.12345678901234567891"),
        )
        await driver.aclose()
