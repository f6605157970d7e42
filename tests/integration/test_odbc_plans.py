"""What a plan says of a read, on real databases."""

from __future__ import annotations

import pytest

from drivers.contract import Mark, MarkKind, ReadMode, ReadRequest, StreamSpec
from tests.integration.odbc_sources import Source

pytestmark = pytest.mark.integration

ORDERS = StreamSpec(
    "orders",
    "purchase_order",
    {
        "query": "select * from orders",
        "key": ["order_no"],
        "replication_key": "changed",
        "lines": {
            "lines": {
                "query": "select * from order_lines",
                "parent": ["order_no"],
                "order_by": ["line_no"],
            }
        },
    },
)


async def test_a_plan_counts_what_a_window_and_changes_would_bring(source: Source) -> None:
    driver = source.driver()
    end = await driver.signpost(ORDERS)
    start = Mark(MarkKind.TIMESTAMP, "2026-02-10T00:00:00")
    try:
        for mode in (ReadMode.WINDOW, ReadMode.CHANGES):
            request = ReadRequest(ORDERS, mode, start=start, end=end, page_rows=7)
            plan = await driver.plan(request)
            read = [page async for page in driver.read(request)]

            assert (plan.rows, plan.exact) == (sum(page.table.num_rows for page in read), True)
            assert plan.objects == ("orders", "order_lines")
    finally:
        await driver.aclose()


async def test_a_count_that_takes_too_long_becomes_the_databases_own_estimate(
    postgres_source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivers.odbc.planning.PLAN_SECONDS", 1)
    slow = {"query": "select g as id, pg_sleep(0.01) as nap from generate_series(1, 5000) g", "key": ["id"]}
    driver = postgres_source.driver()
    try:
        plan = await driver.plan(ReadRequest(StreamSpec("slow", "vendor", slow), ReadMode.SCAN))

        assert not plan.exact
        assert plan.rows is not None
        assert "longer than 1 seconds" in plan.notes[0]
        # The limit of the count is not that of what follows.
        assert (await driver.signpost(ORDERS)) is not None
    finally:
        await driver.aclose()
