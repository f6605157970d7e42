"""The SQL profile of Dynamics NAV and Business Central: from the tables of a company to documents, changes by rowversion."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from agent.systems import profile
from drivers.contract import Driver, Mark, MarkKind, ReadMode, ReadRequest
from drivers.odbc.dialects import MARIADB
from drivers.odbc.driver import OdbcDriver
from tests.databases import nav
from tests.databases.laying import attributes, create_statements, insert_statements, lay
from tests.databases.reading import documents, keys, spec_of
from tests.servers import MariaDbServer

PROFILE = profile("dynamics-nav-sql")
STREAMS = PROFILE["streams"]
BASE_APPLICATION = "$437dbf0e-84ff-417a-965d-ed2bb9650972"
# What SQL Server says of rowversions, in MariaDB's words.
ROWVERSIONS = replace(MARIADB, consistent=False, safe_rowversion="LOWER(HEX(safe)) FROM rv_state")

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module", params=["", BASE_APPLICATION], ids=["nav", "business-central"])
def app(request: pytest.FixtureRequest, mariadb_server: MariaDbServer) -> str:
    app = str(request.param)
    statements = [
        *create_statements(nav.tables(company_of(app), app), nav.TYPES),
        *insert_statements(nav.rows(company_of(app), app)),
        "create table rv_state (safe binary(8))",
        "insert into rv_state values (0x00000000000007FF)",
    ]
    lay(mariadb_server, database_of(app), statements)
    return app


def database_of(app: str) -> str:
    return "bc" if app else "nav"


def company_of(app: str) -> str:
    return nav.SHORT if app else nav.COMPANY


def made(server: MariaDbServer, app: str, **names: str) -> OdbcDriver:
    options: dict[str, Any] = {
        **PROFILE["options"],
        "connection": attributes(server, database_of(app)),
        "names": {"company": company_of(app), "app": app} | names,
    }
    return OdbcDriver("nav", options, server.odbc_secrets(), dialect=ROWVERSIONS)


@pytest.fixture
async def driver(mariadb_server: MariaDbServer, app: str) -> AsyncIterator[Driver]:
    driver = made(mariadb_server, app)
    yield driver
    await driver.aclose()


async def test_every_stream_is_read_under_the_companys_names(driver: Driver) -> None:
    found = {name: set(await documents(driver, table, name)) for name, table in STREAMS.items()}

    assert found == {
        "purchase_orders": {"106001", "106002"},
        "vendors": {"10000", "20000"},
        "inventory_items": {"1000", "1100"},
        "work_orders": {"101001", "101002"},
        "assets": {"FA000010", "FA000011"},
    }


async def test_an_order_has_the_sums_that_nav_only_shows(driver: Driver) -> None:
    order = (await documents(driver, STREAMS["purchase_orders"], "purchase_orders"))["106001"]

    assert (order["status"], order["totalNetValue"], order["totalGrossValue"]) == (
        "partially_received",
        "27.5",
        "32.25",
    )
    assert order["dueAt"] is None  # NAV's empty date
    first, second = order["lineItems"]
    assert (first["materialKey"], first["receivedQuantity"], first["discount"]) == ("1000", "4", "5")
    assert (second["materialKey"], second["code"], second["type"]) == (None, "8110", "account")


async def test_an_order_without_lines_is_a_draft_without_a_total(driver: Driver) -> None:
    order = (await documents(driver, STREAMS["purchase_orders"], "purchase_orders"))["106002"]

    assert (order["status"], order["totalNetValue"], order["lineItems"]) == ("draft", None, [])


async def test_stock_is_the_sum_of_the_ledger_by_location(driver: Driver) -> None:
    found = await documents(driver, STREAMS["inventory_items"], "inventory_items")

    assert [(each["storeroomKey"], each["quantity"]) for each in found["1000"]["stocks"]] == [
        (None, "2"),
        ("BLUE", "7.5"),
    ]
    assert found["1000"]["stocks"][0]["unitCost"] == "350.594"
    assert (found["1100"]["isActive"], found["1100"]["stocks"]) == (False, [])


async def test_a_production_order_is_one_record_in_its_furthest_status(driver: Driver) -> None:
    order = (await documents(driver, STREAMS["work_orders"], "work_orders"))["101001"]

    assert (order["status"], order["customFields"]["finishedQuantity"]) == ("released", "2")
    assert [(m["materialKey"], m["requiredQuantity"], m["usedQuantity"]) for m in order["materials"]] == [
        ("1100", "10", "4")
    ]
    assert [task["title"] for task in order["tasks"]] == ["Wheel assembly"]


@pytest.mark.parametrize(
    ("name", "since", "changed"),
    [
        ("purchase_orders", "07d2", {"106001"}),  # only its lines were written since
        ("inventory_items", "0030", {"1000"}),  # only its ledger
        ("work_orders", "0042", {"101001", "101002"}),  # a component of the one
        ("vendors", "0011", {"20000"}),
    ],
)
async def test_changes_come_by_rowversion_up_to_the_oldest_open_transaction(
    driver: Driver, name: str, since: str, changed: set[str]
) -> None:
    stream = spec_of(STREAMS[name], name)

    signpost = await driver.signpost(stream)

    assert signpost == Mark(MarkKind.BINARY, "00000000000007ff")
    start = Mark(MarkKind.BINARY, since.rjust(16, "0"))
    request = ReadRequest(stream, ReadMode.CHANGES, start=start, end=signpost, page_rows=5)
    assert set(await documents(driver, STREAMS[name], name, request)) == changed


async def test_an_asset_names_the_asset_that_it_is_a_part_of(driver: Driver) -> None:
    found = await documents(driver, STREAMS["assets"], "assets")

    assert (found["FA000011"]["parentKey"], found["FA000011"]["isActive"]) == ("FA000010", False)
    assert (found["FA000010"]["parentKey"], found["FA000010"]["serialNumber"]) == (None, "EA 12 394 Q")


async def test_an_order_that_was_posted_and_deleted_is_not_among_the_keys(
    driver: Driver, mariadb_server: MariaDbServer, app: str
) -> None:
    table = nav.table(company_of(app), "Purchase Header", app)
    quotes = "set sql_mode = concat(@@sql_mode, ',ANSI_QUOTES')"
    mariadb_server.execute(
        f"{quotes}; insert into {table} (\"Document Type\", No_) values (1, 'X')", database_of(app)
    )
    assert await keys(driver, STREAMS["purchase_orders"], "purchase_orders") == ["106001", "106002", "X"]

    mariadb_server.execute(f"{quotes}; delete from {table} where No_ = 'X'", database_of(app))

    assert await keys(driver, STREAMS["purchase_orders"], "purchase_orders") == ["106001", "106002"]


async def test_every_stream_passes_the_check_and_another_company_does_not(
    driver: Driver, mariadb_server: MariaDbServer, app: str
) -> None:
    streams = [spec_of(table, name) for name, table in STREAMS.items()]
    stranger = made(mariadb_server, app, company="X")

    mine = [step for step in await driver.check(streams) if step.stream]
    theirs = [step for step in await stranger.check(streams) if step.stream]
    await stranger.aclose()

    assert [step.ok for step in mine] == [True] * len(streams)
    assert {(step.ok, step.code) for step in theirs} == {(False, "source_changed")}
