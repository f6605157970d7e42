"""The profile of Dynamics GP: through driver and mapping from its tables to documents. Writing: tests/databases/test_econnect.py."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agent.systems import profile
from drivers.contract import Driver, Mark, MarkKind, ReadMode, ReadRequest
from drivers.odbc.driver import OdbcDriver
from tests.databases import gp
from tests.databases.laying import attributes, create_statements, insert_statements, lay
from tests.databases.reading import documents, keys, spec_of
from tests.servers import MariaDbServer

PROFILE = profile("dynamics-gp")
STREAMS = PROFILE["streams"]

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def company(mariadb_server: MariaDbServer) -> str:
    lay(mariadb_server, "gp", [*create_statements(gp.TABLES, gp.TYPES), *insert_statements(gp.ROWS)])
    return "gp"


@pytest.fixture
async def driver(mariadb_server: MariaDbServer, company: str) -> AsyncIterator[Driver]:
    options = {**PROFILE["options"], "connection": attributes(mariadb_server, company)}
    made = OdbcDriver("gp", options, mariadb_server.odbc_secrets())
    yield made
    await made.aclose()


async def test_orders_at_work_and_in_history_are_one_stream(driver: Driver) -> None:
    found = await documents(driver, STREAMS["purchase_orders"], "purchase_orders")

    assert {key: order["status"] for key, order in found.items()} == {
        "PO0": "closed",
        "PO1": "ordered",
        "PO2": "draft",
    }
    assert found["PO0"]["lineItems"][0]["quantity"] == "4"
    assert found["PO0"]["dueAt"].startswith("2025-03-01")
    assert found["PO1"]["dueAt"] is None  # GP's empty date


async def test_an_order_that_moves_into_history_stays_the_same_record(
    driver: Driver, mariadb_server: MariaDbServer, company: str
) -> None:
    table = STREAMS["purchase_orders"]
    before = await keys(driver, table, "purchase_orders")
    moves = [
        f"insert into POP30{part} select * from POP10{part} where PONUMBER = 'PO2'" for part in ("100", "110")
    ]
    mariadb_server.execute(";".join(moves), company)

    half_way = await keys(driver, table, "purchase_orders")
    mariadb_server.execute("delete from POP10100 where PONUMBER = 'PO2'", company)

    assert await keys(driver, table, "purchase_orders") == half_way == before
    mariadb_server.execute(
        "insert into POP10100 select * from POP30100 where PONUMBER = 'PO2';"
        "delete from POP30100 where PONUMBER = 'PO2'",
        company,
    )


async def test_a_line_has_what_was_received_and_the_orders_own_currency(driver: Driver) -> None:
    order = (await documents(driver, STREAMS["purchase_orders"], "purchase_orders"))["PO1"]

    assert (order["vendorKey"], order["vendorName"], order["terms"]) == ("ACME", "Schrauben Müller", None)
    assert (order["currencyKey"], order["totalNetValue"]) == ("Z-EUR", "27.5")
    first, second = order["lineItems"]
    assert (first["materialKey"], first["quantity"], first["receivedQuantity"]) == ("100XLG", "10", "4.5")
    assert (first["price"], first["lineTotalValue"], first["uomKey"]) == ("2.5", "25", "Each")
    assert (second["materialKey"], second["code"], second["status"]) == (None, "PAINT", "received")
    assert [line["lineNo"] for line in order["lineItems"]] == ["16384", "32768"]


async def test_without_a_currency_amounts_are_those_of_the_company(driver: Driver) -> None:
    order = (await documents(driver, STREAMS["purchase_orders"], "purchase_orders"))["PO2"]

    assert (order["currencyKey"], order["totalNetValue"]) == (None, "12.34567")


async def test_a_change_of_a_line_is_a_change_of_its_order(driver: Driver) -> None:
    table = STREAMS["purchase_orders"]
    marks = [Mark(MarkKind.TIMESTAMP, f"2026-03-0{day}T00:00:00") for day in (4, 6)]
    request = ReadRequest(
        spec_of(table, "purchase_orders"), ReadMode.CHANGES, start=marks[0], end=marks[1], page_rows=5
    )

    found = await documents(driver, table, "purchase_orders", request)

    assert {key: each["updatedAt"] for key, each in found.items()} == {"PO1": "2026-03-05T10:00:00.123000Z"}


async def test_a_deleted_vendor_is_not_among_the_keys(
    driver: Driver, mariadb_server: MariaDbServer, company: str
) -> None:
    mariadb_server.execute("insert into PM00200 (VENDORID) values ('GONE')", company)
    assert await keys(driver, STREAMS["vendors"], "vendors") == ["ACME", "BOLT", "GONE"]

    mariadb_server.execute("delete from PM00200 where VENDORID = 'GONE'", company)

    assert await keys(driver, STREAMS["vendors"], "vendors") == ["ACME", "BOLT"]


async def test_vendors_come_without_their_padding(driver: Driver) -> None:
    found = await documents(driver, STREAMS["vendors"], "vendors")

    assert (found["ACME"]["name"], found["ACME"]["isActive"]) == ("Schrauben Müller", True)
    assert found["ACME"]["addresses"] == [
        {"addressLines": ["Hafenstr. 1"], "city": "Kiel"}
        | dict.fromkeys(("addressee", "state", "postCode", "country", "phone", "email", "notes"))
    ]
    assert (found["BOLT"]["name"], found["BOLT"]["isActive"], found["BOLT"]["isBlocked"]) == (
        "BOLT",
        False,
        True,
    )


async def test_items_have_their_stock_by_site(driver: Driver) -> None:
    found = await documents(driver, STREAMS["inventory_items"], "inventory_items")

    item = found["100XLG"]
    assert (item["name"], item["uomKey"], item["type"]) == ("Green Phone", "Each", "item")
    assert [
        (each["storeroomKey"], each["quantity"], each["reservedQuantity"], each["unitCost"])
        for each in item["stocks"]
    ] == [("NORTH", "7.5", "2", "55.5"), ("SOUTH", "4.5", "0", "55.5")]
    assert (found["PAINT"]["isActive"], found["PAINT"]["stocks"]) == (False, [])


async def test_assets_and_the_orders_of_both_modules_arrive(driver: Driver) -> None:
    assets = await documents(driver, STREAMS["assets"], "assets")
    made = await documents(driver, STREAMS["manufacturing_orders"], "manufacturing_orders")
    calls = await documents(driver, STREAMS["service_calls"], "service_calls")

    assert (assets["PUMP~1"]["name"], assets["PUMP~1"]["purchaseCost"]) == ("Pump of hall 3", "1200.5")
    assert assets["PUMP~2"]["name"] == "Motor"
    assert (made["MO1"]["status"], made["MO1"]["severity"]) == ("released", "high")
    assert [
        (m["materialKey"], m["requiredQuantity"], m["usedQuantity"]) for m in made["MO1"]["materials"]
    ] == [("PAINT", "5", "1.5")]
    assert (calls["2~0001"]["title"], calls["2~0001"]["laborAssignedKey"]) == ("Leak", "JOE")
    assert [m["materialKey"] for m in calls["2~0001"]["materials"]] == ["100XLG"]


async def test_every_stream_passes_the_check(driver: Driver) -> None:
    steps = list(await driver.check([spec_of(table, name) for name, table in STREAMS.items()]))

    assert [
        each for each in steps if each.stream and not each.name.startswith("writes") and not each.ok
    ] == []
