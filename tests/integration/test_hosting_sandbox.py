"""A real driver of the registry behind the process boundary, started as the agent starts it."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from agent.clock import SystemClock
from agent.errors import ConfigurationError, SourceChanged
from agent.hosting.driver import HostedDriver
from drivers.contract import OperationKind, OutcomeStatus, ReadMode, ReadRequest, StreamSpec, WriteCommand
from drivers.sandbox.driver import SandboxDriver

OPTIONS = {"time": "fixed", "advance": 86_400, "size": 100}
ORDERS = StreamSpec("purchase_orders", "purchase_order", {"replication_key": "changed_at"})


@pytest.fixture
async def hosted():
    driver = HostedDriver("demo", "sandbox", OPTIONS, {}, clock=SystemClock())
    yield driver
    await driver.aclose()


async def test_the_same_pages_come_through_the_boundary_as_without_it(hosted):
    direct = SandboxDriver("demo", OPTIONS, {})
    for mode in ReadMode:
        request = ReadRequest(
            ORDERS, mode, page_rows=7, end=await direct.signpost(ORDERS), keys=["4500000300", "x"]
        )
        async with aclosing(hosted.read(request)) as reading:
            received = [page async for page in reading]
        expected = [page async for page in direct.read(request)]

        assert [(page.cursor, page.complete) for page in received] == [
            (page.cursor, page.complete) for page in expected
        ]
        assert all(a.table.equals(b.table) for a, b in zip(received, expected, strict=True))


async def test_every_verb_answers_as_without_the_boundary(hosted):
    direct = SandboxDriver("demo", OPTIONS, {})
    command = WriteCommand(OperationKind.CREATE, "purchase_order", {"vendorKey": "V-INVALID"}, "k1", ORDERS)

    assert await hosted.check() == await direct.check()
    assert await hosted.describe() == direct.describe()
    assert await hosted.discover() == await direct.discover()
    assert await hosted.signpost(ORDERS) == await direct.signpost(ORDERS)
    outcome = await hosted.execute(command)
    assert outcome == await direct.execute(command)
    assert outcome.status is OutcomeStatus.FAILED
    assert await hosted.find_effect(command) is None
    assert await hosted.operations([ORDERS]) == await direct.operations([ORDERS])
    assert list(await hosted.columns(ORDERS)) == list(await direct.columns(ORDERS))


async def test_no_read_asks_for_more_rows_at_once_than_the_connection_allows():
    driver = HostedDriver("demo", "sandbox", OPTIONS, {}, clock=SystemClock(), rows_per_call=9)
    request = ReadRequest(ORDERS, ReadMode.KEYS, page_rows=10_000)
    try:
        async with aclosing(driver.read(request)) as reading:
            sizes = [page.table.num_rows async for page in reading]
        plan = await driver.plan(request)
    finally:
        await driver.aclose()

    assert max(sizes) == 8  # and one more is asked for, to see whether there is another
    assert (plan.rows_per_call, plan.rows, plan.calls) == (8, sum(sizes), len(sizes))


async def test_an_unknown_driver_is_a_configuration_error():
    driver = HostedDriver("demo", "os.system", {}, {}, clock=SystemClock())
    with pytest.raises(ConfigurationError, match="there is no driver named") as caught:
        await driver.describe()
    await driver.aclose()

    assert caught.value.where == "demo: connection.driver"


async def test_an_error_of_a_stream_names_its_place_once(hosted):
    request = ReadRequest(StreamSpec("invoices", "purchase_order"), ReadMode.SCAN)
    with pytest.raises(SourceChanged) as caught:
        await anext(hosted.read(request))

    assert caught.value.where == "demo.streams.invoices.read"
