"""What the sandbox's tables hold, and how they change."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contract import (
    KEY_COLUMN,
    Mark,
    MarkKind,
    Page,
    ReadMode,
    ReadRequest,
    SourceChanged,
    StreamSpec,
)
from drivers.sandbox.driver import SandboxDriver
from drivers.sandbox.options import read_options
from drivers.sandbox.purchase_orders import CODES, IMPOSSIBLE_DATE, PurchaseOrders
from drivers.sandbox.tables import InventoryItems

TABLES = ("purchase_orders", "work_orders", "inventory_items", "vendors", "assets")
DAY = 86_400
FIXED = {"time": "fixed", "advance": 30 * DAY}


def stream(table: str) -> StreamSpec:
    return StreamSpec(table, "", {"table": table, "replication_key": "changed_at"})


async def read(driver: SandboxDriver, table: str = "purchase_orders", **request: Any) -> list[Page]:
    asked = ReadRequest(stream(table), **({"mode": ReadMode.SCAN} | request))
    return [page async for page in driver.read(asked)]


async def rows(driver: SandboxDriver, table: str = "purchase_orders", **request: Any) -> list[dict[str, Any]]:
    return [row for page in await read(driver, table, **request) for row in page.table.to_pylist()]


@pytest.mark.parametrize("table", TABLES)
async def test_the_same_seed_and_moment_give_the_same_records(table):
    first = await rows(SandboxDriver("a", {"seed": 7, **FIXED}, {}), table)
    second = await rows(SandboxDriver("b", {"seed": 7, **FIXED}, {}), table)
    other = await rows(SandboxDriver("a", {"seed": 8, **FIXED}, {}), table)

    assert first == second
    assert first != other


async def test_the_numbers_behind_a_seed_never_change():
    """A record seen once is the record seen by every later version, so that a stored checkpoint keeps its meaning."""
    driver = SandboxDriver("a", {"time": "fixed", "size": 10, "bad_records": 0}, {})
    first = (await rows(driver))[0]

    assert first["order_number"] == "4499999991"
    assert first["lines"][0]["item_number"].startswith("0000000000000100")
    assert PurchaseOrders(read_options({}, "a")).chance.bits("x", np.array([1]))[0] == 15235586520549704262


async def test_orders_are_in_every_state():
    codes = {row["status_code"] for row in await rows(SandboxDriver("a", FIXED, {}))}

    assert codes == set(CODES.values())


async def test_totals_are_the_exact_sums_of_the_lines():
    for row in await rows(SandboxDriver("a", FIXED, {})):
        assert sum(line["net_amount"] for line in row["lines"]) == row["net_amount"]
        assert sum(line["tax_amount"] for line in row["lines"]) == row["tax_amount"]
        assert row["net_amount"] + row["tax_amount"] == row["gross_amount"]


async def test_a_line_is_quantity_times_price_less_discount():
    for row in await rows(SandboxDriver("a", FIXED, {})):
        for line in row["lines"]:
            gross = line["quantity"] * line["price"] / line["price_unit"]
            discount = Decimal(line["discount"].rstrip("-"))
            assert abs(gross - discount - line["net_amount"]) <= Decimal("0.005")


async def test_some_orders_have_custom_fields_and_some_have_none():
    found = {row["x_project"] is None for row in await rows(SandboxDriver("a", FIXED, {}))}

    assert found == {True, False}


async def test_values_are_as_awkward_as_real_ones():
    orders = await rows(SandboxDriver("a", FIXED, {}))
    names = " ".join(row["vendor_name"] for row in orders) + " ".join(row["title"] for row in orders)

    assert "O'Brien" in names
    assert "\U0001f4ce" in names
    assert any(line["discount"].endswith("-") for row in orders for line in row["lines"])
    assert any(line["due_date"] == "0000-00-00" for row in orders for line in row["lines"])
    assert all(row["vendor_number"].startswith("0000") for row in orders)


@pytest.mark.parametrize("count", [0, 2, 5])
@pytest.mark.parametrize("days", [1, 30, 31])
async def test_as_many_records_cannot_be_mapped_as_the_option_says(count, days):
    driver = SandboxDriver("a", {"time": "fixed", "advance": days * DAY, "bad_records": count}, {})

    assert sum(row["due_date"] == IMPOSSIBLE_DATE for row in await rows(driver)) == count


async def test_orders_point_at_vendors_and_items_that_exist():
    driver = SandboxDriver("a", FIXED, {})
    vendors = {row[KEY_COLUMN] for row in await rows(driver, "vendors")}
    items = InventoryItems(read_options(FIXED, "a"))

    for row in await rows(driver):
        assert row["vendor_number"] in vendors
        assert all(
            0 <= (items.number_of(line["item_number"]) or 0) < items.life.size for line in row["lines"]
        )


async def test_a_day_makes_changes_of_every_sort():
    before = {row[KEY_COLUMN]: row for row in await rows(SandboxDriver("a", FIXED, {}))}
    later = SandboxDriver("a", {**FIXED, "advance": 30 * DAY + 3_600}, {})
    after = {row[KEY_COLUMN]: row for row in await rows(later)}
    both = before.keys() & after.keys()

    assert after.keys() - before.keys()
    assert before.keys() - after.keys()
    assert any(before[key]["status_code"] != after[key]["status_code"] for key in both)


async def test_stock_moves():
    before = await rows(SandboxDriver("a", FIXED, {}), "inventory_items")
    after = await rows(SandboxDriver("a", {**FIXED, "advance": 31 * DAY}, {}), "inventory_items")

    assert before != after


@given(step=st.integers(1, 5 * DAY), seed=st.integers(0, 50), table=st.sampled_from(TABLES))
@settings(max_examples=25, deadline=None)
async def test_reading_changes_finds_everything_that_differs(step, seed, table):
    options = {"seed": seed, "size": 40, "time": "fixed"}
    before = SandboxDriver("a", {**options, "advance": 30 * DAY}, {})
    after = SandboxDriver("a", {**options, "advance": 30 * DAY + step}, {})
    floor, end = await before.signpost(stream(table)), await after.signpost(stream(table))
    seen = {row[KEY_COLUMN]: row for row in await rows(before, table)}
    changed = {
        row[KEY_COLUMN]: row for row in await rows(after, table, mode=ReadMode.CHANGES, start=floor, end=end)
    }
    present = {row[KEY_COLUMN]: row for row in await rows(after, table)}

    assert {key: row for key, row in {**seen, **changed}.items() if key in present} == present


async def test_changes_come_in_the_order_of_their_moments():
    found = await rows(SandboxDriver("a", FIXED, {}), mode=ReadMode.CHANGES, page_rows=13)

    assert all(
        (a["changed_at"], a[KEY_COLUMN]) < (b["changed_at"], b[KEY_COLUMN]) for a, b in pairwise(found)
    )


async def test_both_ends_of_a_range_of_changes_belong_to_it():
    driver = SandboxDriver("a", FIXED, {})
    moment = (await rows(driver, mode=ReadMode.CHANGES))[100]["changed_at"]
    mark = Mark(MarkKind.TIMESTAMP, moment.isoformat())
    found = await rows(driver, mode=ReadMode.CHANGES, start=mark, end=mark)

    assert {row["changed_at"] for row in found} == {moment}


async def test_a_window_leaves_out_what_did_not_change_in_it():
    driver = SandboxDriver("a", FIXED, {})
    everything = await rows(driver)
    moment = sorted(row["changed_at"] for row in everything)[200]
    found = await rows(driver, mode=ReadMode.WINDOW, start=Mark(MarkKind.TIMESTAMP, moment.isoformat()))

    assert found == [row for row in everything if row["changed_at"] >= moment]


@pytest.mark.parametrize("mark", [Mark(MarkKind.INTEGER, "5"), Mark(MarkKind.TIMESTAMP, "yesterday")])
async def test_a_mark_that_is_no_moment_is_refused(mark):
    with pytest.raises(SourceChanged, match="is not a moment"):
        await rows(SandboxDriver("a", FIXED, {}), mode=ReadMode.CHANGES, start=mark)


async def test_the_clock_is_the_sandboxs_own():
    moments = iter([1_800_000_000.9, 1_800_000_060.1])
    driver = SandboxDriver("a", {}, {}, clock=lambda: next(moments))

    assert await driver.signpost(stream("vendors")) == Mark(MarkKind.TIMESTAMP, "2027-01-15T08:00:00+00:00")
    assert await driver.signpost(stream("vendors")) == Mark(MarkKind.TIMESTAMP, "2027-01-15T08:01:00+00:00")


async def test_a_stream_without_a_replication_key_has_no_signpost():
    driver = SandboxDriver("a", FIXED, {})

    assert await driver.signpost(StreamSpec("vendors", "vendor", {})) is None


async def test_a_world_without_changes_stands_still_whatever_the_clock_shows():
    driver = SandboxDriver("a", {"changes_per_minute": 0}, {}, clock=lambda: 1_900_000_000.0)

    assert await driver.signpost(stream("vendors")) == Mark(MarkKind.TIMESTAMP, "2026-01-01T00:00:00+00:00")
    assert {row["status_code"] for row in await rows(driver)} == set(CODES.values())


async def test_a_table_of_a_million_is_read_in_blocks():
    driver = SandboxDriver("a", {"size": 1_000_000, **FIXED}, {})
    reading = driver.read(ReadRequest(stream("purchase_orders"), ReadMode.SCAN))
    page = await anext(reading)
    await reading.aclose()

    assert page.table.num_rows == 2_000
    assert not page.complete
