"""The connection's bound of rows to a call, held by drivers whose other bounds are higher; for others see their plans."""

from __future__ import annotations

from pathlib import Path

from lxml import etree

from drivers.contract import ReadMode, ReadRequest
from tests.integration import ax_sources
from tests.netsuite import connections
from tests.netsuite.server import NetSuite


async def test_no_answer_of_netsuite_is_asked_for_more_rows_than_it_may_hold() -> None:
    account = NetSuite()
    account.start()
    made = connections.driver(account)
    request = ReadRequest(connections.orders(), ReadMode.SCAN, page_rows=6, call_rows=7)
    rows = sum([page.table.num_rows async for page in made.read(request)])
    plan = await made.plan(request)
    limits = [int(seen.query["limit"]) for seen in account.seen if "limit" in seen.query]
    await made.aclose()
    account.stop()

    assert rows == 23
    assert (max(limits), plan.rows_per_call) == (7, 7)


async def test_no_call_of_ax_reads_more_documents_than_it_may(tmp_path: Path) -> None:
    with ax_sources.opened() as (_, server):
        made = ax_sources.driver(server, tmp_path)
        request = ReadRequest(ax_sources.orders(), ReadMode.SCAN, page_rows=50, call_rows=4)
        rows = sum([page.table.num_rows async for page in made.read(request)])
        plan = await made.plan(request)
        await made.aclose()
        named = [
            len([each for each in etree.fromstring(seen.body).iter() if each.tag.endswith("}EntityKey")])
            for seen in server.seen
            if seen.action.endswith("/read")
        ]

    assert rows > 4
    assert (max(named), plan.rows_per_call) == (4, 4)
