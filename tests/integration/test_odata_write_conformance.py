"""The conformance suite of writes over both versions of OData, with tokens against forgery and marks of versions."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

from drivers.contract import OperationKind, WriteCommand
from tests.conformance.writes import Writable, WriteConformance
from tests.odata.orders import ORDER, driver, writable_service, writable_stream


@pytest.mark.parametrize("version", [2, 4], ids=["v2", "v4"])
class TestODataWrites(WriteConformance):
    @pytest.fixture
    async def writable(self, version: int) -> AsyncIterator[Writable]:
        server = writable_service(version)
        server.start()
        made = driver(server, csrf="fetch")
        stream = writable_stream()
        keys = []
        for _ in range(3):
            command = WriteCommand(
                OperationKind.CREATE, "purchase_order", ORDER, f"cf-{uuid.uuid4().hex}", stream
            )
            keys.append((await made.execute(command)).key)
        yield Writable(
            made,
            stream,
            records={
                OperationKind.CREATE: ORDER,
                OperationKind.UPDATE: {"key": keys[0], "notes": "Nuts", "totalNetValue": "1.5"},
                OperationKind.DELETE: {"key": keys[1]},
                OperationKind.SET_STATUS: {"key": keys[2], "status": "approved"},
            },
            refused={
                OperationKind.CREATE: {**ORDER, "vendorKey": "V-BLOCKED"},
                OperationKind.SET_STATUS: {"key": keys[2], "status": "closed"},
            },
            amount="lineItems.quantity",
            amount_column="lines.Qty",
            amounts=("0.1", "12345678.01", "1.005", "123456789012345678.12345678901234567891"),
        )
        await made.aclose()
        server.stop()
