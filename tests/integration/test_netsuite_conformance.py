"""The conformance suites against a NetSuite of the tests' own, with both ways to sign in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from drivers.contract import OperationKind
from tests.conformance.suite import DriverConformance, Subject
from tests.conformance.writes import Writable, WriteConformance
from tests.netsuite.connections import driver, orders, ties, writable_orders
from tests.netsuite.server import NetSuite


@pytest.mark.parametrize(("signed", "rows"), [(False, 1_000), (True, 5)], ids=["oauth2", "tba_cut_short"])
class TestNetSuite(DriverConformance):
    @pytest.fixture
    async def subject(self, signed: bool, rows: int) -> AsyncIterator[Subject]:
        account = NetSuite(ties=0 if signed else 1_000)
        account.cap = rows
        account.start()
        made = driver(account, signed=signed)
        yield Subject(made, orders(), line_sets=frozenset({"lines"}), ties=None if signed else ties())
        await made.aclose()
        account.stop()


class TestNetSuiteWrites(WriteConformance):
    @pytest.fixture
    async def writable(self) -> AsyncIterator[Writable]:
        account = NetSuite(orders=4)
        account.start()
        made = driver(account)
        lines = [{"materialKey": "201", "quantity": "2", "price": "1.5", "dueAt": "2026-05-06"}]
        order = {"vendorKey": "101", "dueAt": "2026-05-01", "notes": "Urgent: O'Brien", "lineItems": lines}
        bad = {**order, "lineItems": [{**lines[0], "materialKey": "9999"}]}
        yield Writable(
            made,
            writable_orders(),
            records={
                OperationKind.CREATE: order,
                OperationKind.UPDATE: {"key": "1007", "notes": "Later"},
                OperationKind.DELETE: {"key": "1014"},
                OperationKind.SET_STATUS: {"key": "1021", "status": "rejected"},
            },
            refused={
                OperationKind.CREATE: bad,
                OperationKind.UPDATE: {"key": "1007", "lineItems": [{"lineNo": 1, "quantity": "-1"}]},
            },
            amount="lineItems.price",
            amount_column="lines.rate",
        )
        await made.aclose()
        account.stop()
