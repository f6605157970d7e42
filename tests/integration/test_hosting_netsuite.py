"""NetSuite behind the process boundary, started as the agent starts it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing

import pytest

from agent.clock import SystemClock
from agent.errors import CredentialsRefused
from agent.hosting.driver import HostedDriver
from drivers.contract import OperationKind, OutcomeStatus, ReadMode, ReadRequest, WriteCommand
from tests.netsuite import signatures
from tests.netsuite.connections import ACCOUNT, curve_key, oauth2, orders, rsa_key, writable_orders
from tests.netsuite.server import NetSuite


@pytest.fixture
def account() -> Iterator[NetSuite]:
    made = NetSuite(orders=5)
    made.start()
    yield made
    made.stop()


def hosted(account: NetSuite, pem: str = "") -> HostedDriver:
    auth, secrets = oauth2(account)
    options = {"account": ACCOUNT, "url": account.url, "auth": auth}
    return HostedDriver(
        "erp", "netsuite", options, {"private_key": pem or secrets["private_key"]}, clock=SystemClock()
    )


async def test_reading_planning_and_writing_across_the_boundary(account: NetSuite) -> None:
    driver = hosted(account)
    record = {"vendorKey": "101", "lineItems": [{"materialKey": "201", "quantity": "2"}]}
    try:
        assert all(step.ok for step in await driver.check([writable_orders()]))
        command = WriteCommand(OperationKind.CREATE, "purchase_order", record, "k-1", writable_orders())
        outcome = await driver.execute(command)
        async with aclosing(driver.read(ReadRequest(orders(), ReadMode.SCAN, page_rows=2))) as reading:
            found = [
                key for page in [page async for page in reading] for key in page.table["__key"].to_pylist()
            ]
        assert outcome.status is OutcomeStatus.SUCCEEDED
        assert outcome.key in found
        assert len(found) == 6
    finally:
        await driver.aclose()


async def test_a_refused_key_crosses_the_boundary_as_what_it_is(account: NetSuite) -> None:
    driver = hosted(account, signatures.pem_of(rsa_key()))
    account.public_key = curve_key().public_key()

    with pytest.raises(CredentialsRefused):
        await anext(driver.read(ReadRequest(orders(), ReadMode.SCAN)))
    await driver.aclose()
