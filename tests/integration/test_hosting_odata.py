"""OData behind the process boundary, started as the agent starts it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing

import pytest

from agent.clock import SystemClock
from agent.errors import CredentialsRefused, Throttled
from agent.hosting.driver import HostedDriver
from drivers.contract import OperationKind, OutcomeStatus, ReadMode, ReadRequest, WriteCommand
from tests.odata.orders import ORDER, orders, writable_service, writable_stream
from tests.odata.server import ROOT, Fault, ODataServer


@pytest.fixture
def server() -> Iterator[ODataServer]:
    made = writable_service(2)
    made.user = ("ann", "right")
    made.start()
    yield made
    made.stop()


def hosted(server: ODataServer, word: str = "right") -> HostedDriver:
    options = {
        "url": server.url,
        "service": ROOT[1:],
        "csrf": "fetch",
        "auth": {"kind": "basic", "user": "ann"},
    }
    return HostedDriver("erp", "odata", options, {"password": word}, clock=SystemClock())


async def test_reading_and_writing_across_the_boundary(server: ODataServer) -> None:
    driver = hosted(server)
    try:
        assert all(step.ok for step in await driver.check([orders(), writable_stream()]))
        command = WriteCommand(OperationKind.CREATE, "purchase_order", ORDER, "k-1", writable_stream())
        outcome = await driver.execute(command)
        async with aclosing(driver.read(ReadRequest(orders(), ReadMode.SCAN, page_rows=2))) as reading:
            found = [
                key
                for page in [page async for page in reading]
                for key in page.table.column("OrderNo").to_pylist()
            ]
        assert outcome.status is OutcomeStatus.SUCCEEDED
        assert outcome.key in found
        assert len(found) == len(server.rows["Orders"])
    finally:
        await driver.aclose()


async def test_errors_cross_the_boundary_as_what_they_are(server: ODataServer) -> None:
    wrong = hosted(server, "wrong")
    with pytest.raises(CredentialsRefused):
        await anext(wrong.read(ReadRequest(orders(), ReadMode.SCAN)))
    await wrong.aclose()

    driver = hosted(server)
    server.faults.append(Fault("/Orders", 429, {"Retry-After": "9"}))
    with pytest.raises(Throttled) as caught:
        await anext(driver.read(ReadRequest(orders(), ReadMode.SCAN)))
    await driver.aclose()
    assert caught.value.retry_after == 9
