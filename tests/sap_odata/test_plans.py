"""What a plan says of a read over OData: counted by the service, or said not to be."""

from __future__ import annotations

import pytest

from drivers.contract import ReadMode, ReadRequest
from tests.odata.orders import driver, orders, service
from tests.sap_odata.connections import business_one, s4hana, streams
from tests.sap_odata.gateway import Gateway
from tests.sap_odata.service_layer import ServiceLayer


@pytest.mark.parametrize("name", ["purchase_orders", "purchase_orders_v4"])
async def test_a_service_counts_what_a_read_would_bring(gateway: Gateway, name: str) -> None:
    spec = streams("sap-s4hana")[name].spec
    made = s4hana(gateway)
    request = ReadRequest(spec, ReadMode.SCAN, page_rows=5)
    plan = await made.plan(request)
    rows = sum([page.table.num_rows async for page in made.read(request)])
    await made.aclose()

    assert (plan.rows, plan.exact, plan.rows_per_call) == (rows, True, 5)
    assert plan.calls is not None
    assert plan.calls >= -(-rows // 5)
    assert all("/" in name for name in plan.objects)


async def test_service_layer_counts_too(service_layer: ServiceLayer) -> None:
    spec = streams("sap-business-one")["vendors"].spec
    made = business_one(service_layer)
    request = ReadRequest(spec, ReadMode.SCAN)
    plan = await made.plan(request)
    rows = sum([page.table.num_rows async for page in made.read(request)])
    await made.aclose()

    assert (plan.rows, plan.exact) == (rows, True)


@pytest.mark.parametrize("version", [2, 4])
async def test_a_service_that_does_not_count_is_not_read_to_be_counted(version: int) -> None:
    server = service(version)
    server.start()
    made = driver(server)
    plan = await made.plan(ReadRequest(orders(own_set=True), ReadMode.SCAN))
    await made.aclose()
    server.stop()

    assert plan.rows is None or plan.exact
    assert plan.rows is not None or any("neither by $count" in note for note in plan.notes)
    assert len(plan.objects) == 2


async def test_no_request_asks_for_more_records_than_it_may_also_for_lines() -> None:
    server = service(4)
    server.start()
    made = driver(server)
    request = ReadRequest(orders(own_set=True), ReadMode.SCAN, page_rows=3, call_rows=4)
    pages = [page async for page in made.read(request)]
    await made.aclose()
    server.stop()

    assert max(page.table.num_rows for page in pages) <= 3
    asked = [int(seen.query["$top"]) for seen in server.seen if "$top" in seen.query]
    assert asked
    assert max(asked) <= 4
