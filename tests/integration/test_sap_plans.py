"""What a plan says of a read over RFC, and that it reads nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drivers.contract import Mark, MarkKind, ReadMode, ReadRequest, StreamSpec
from drivers.rfc.planning import COUNTER
from tests.integration.sap_sources import PROFILES, orders, site
from tests.sap.modules import MODULES

ITEMS = StreamSpec("items", "inventory_item", {"table": "EKET"})
READERS = ("RFC_READ_TABLE", "/BODS/RFC_READ_TABLE2")


@pytest.mark.parametrize("way", sorted(PROFILES))
async def test_a_whole_table_is_counted_without_being_read(way: str) -> None:
    with site(way) as found:
        driver = found.driver()
        plan = await driver.plan(ReadRequest(ITEMS, ReadMode.SCAN, page_rows=10))
        read = [page async for page in driver.read(ReadRequest(ITEMS, ReadMode.SCAN, page_rows=10))]
        await driver.aclose()

    assert plan.rows == sum(page.table.num_rows for page in read)
    assert plan.objects == ("EKET",)
    assert plan.calls is not None


async def test_a_plan_calls_no_reader_of_tables() -> None:
    with site("sdk, plain reader") as found:
        driver = found.driver()
        plan = await driver.plan(ReadRequest(orders(), ReadMode.SCAN))
        await driver.aclose()

        assert not [name for name, _ in found.system.calls if name in READERS]
    assert {"EKKO", "LFA1", "EKPO", "EKET", "CDHDR"} == set(plan.objects)
    assert plan.rows is None
    assert any("EKKO has 26 rows in all" in note for note in plan.notes)


async def test_the_calls_of_a_plan_are_those_that_a_read_makes() -> None:
    with site("sdk, sorted ET_DATA") as found:
        driver = found.driver()
        request = ReadRequest(
            StreamSpec("vendors", "vendor", {"table": "ZTIES"}), ReadMode.SCAN, page_rows=100
        )
        plan = await driver.plan(request)
        found.system.calls.clear()
        assert sum([page.table.num_rows async for page in driver.read(request)]) == 1_000
        calls = [name for name, _ in found.system.calls if name in READERS]
        await driver.aclose()

    assert plan.calls == len(calls) == 10


async def test_a_user_who_may_not_count_learns_that_the_read_does_not_need_it() -> None:
    with site("sdk, plain reader") as found:
        user = found.system.users["RFCUSER"]
        allowed = MODULES.keys() - {COUNTER}
        found.system.users["RFCUSER"] = replace(user, functions=frozenset({"RFCPING", *allowed}))
        driver = found.driver()
        plan = await driver.plan(ReadRequest(ITEMS, ReadMode.SCAN))
        await driver.aclose()

    assert (plan.rows, plan.calls) == (None, None)
    assert any("cannot be counted" in note and "does not need it" in note for note in plan.notes)


async def test_details_are_counted_as_the_calls_that_they_are_and_make_pages_short() -> None:
    detail = {
        "function": "BAPI_PO_GETDETAIL1",
        "parameters": {"PURCHASEORDER": "EBELN"},
        "columns": {"S": "POHEADER.STATUS"},
    }
    stream = StreamSpec("po", "purchase_order", {"table": "EKKO", "details": {"bapi": detail}})
    with site("sdk, sorted ET_DATA") as found:
        driver = found.driver()
        plan = await driver.plan(ReadRequest(stream, ReadMode.SCAN, page_rows=2_000))
        await driver.aclose()

    assert (plan.rows, plan.calls) == (26, 1 + 26)
    assert plan.rows_per_call == 100


async def test_changes_are_said_to_be_listed_first() -> None:
    with site("sdk, plain reader") as found:
        driver = found.driver()
        start = Mark(MarkKind.DATE, "2026-02-20")
        request = ReadRequest(orders(), ReadMode.CHANGES, start=start, end=Mark(MarkKind.DATE, "2026-03-15"))
        plan = await driver.plan(request)
        await driver.aclose()

    assert "What changed is listed first: CDHDR, EKPO." in plan.notes


async def test_no_call_asks_for_more_rows_than_it_may_also_for_lines_and_lookups() -> None:
    with site("sdk, plain reader") as found:
        driver = found.driver()
        request = ReadRequest(orders(), ReadMode.SCAN, page_rows=4, call_rows=5)
        rows = sum([page.table.num_rows async for page in driver.read(request)])
        await driver.aclose()
        asked = [given["ROWCOUNT"] for name, given in found.system.calls if name in READERS]

    assert rows == 25
    # Twice and a few: a range is read with room for what others write meanwhile, and that it was too small is seen.
    assert max(asked) <= 2 * 4 + 10
