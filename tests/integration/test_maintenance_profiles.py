"""The profiles of IBM Maximo and Infor EAM: through driver and mapping from their tables to documents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from agent.systems import profile
from drivers.contract import Driver, Mark, MarkKind, ReadMode, ReadRequest
from drivers.odbc.driver import OdbcDriver
from tests.databases import eam, maximo
from tests.databases.laying import attributes, create_statements, insert_statements, lay
from tests.databases.reading import documents, keys, spec_of
from tests.servers import MariaDbServer

MAXIMO = profile("maximo")["streams"]
EAM = profile("infor-eam")["streams"]

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def databases(mariadb_server: MariaDbServer) -> MariaDbServer:
    for system in (maximo, eam):
        statements = [*create_statements(system.TABLES, system.TYPES), *insert_statements(system.ROWS)]
        lay(mariadb_server, system.SCHEMA, statements)
    return mariadb_server


def made(server: MariaDbServer, name: str, schema: str) -> OdbcDriver:
    options = {
        **profile(name)["options"],
        "connection": attributes(server, schema),
        "names": {"schema": schema},
    }
    return OdbcDriver(name, options, server.odbc_secrets())


@pytest.fixture
async def site(databases: MariaDbServer) -> AsyncIterator[Driver]:
    driver = made(databases, "maximo", maximo.SCHEMA)
    yield driver
    await driver.aclose()


@pytest.fixture
async def plant(databases: MariaDbServer) -> AsyncIterator[Driver]:
    driver = made(databases, "infor-eam", eam.SCHEMA)
    yield driver
    await driver.aclose()


async def changed(
    driver: Driver, streams: dict[str, Any], name: str, day: str, until: str = "2026-03-31"
) -> set[str]:
    marks = [Mark(MarkKind.TIMESTAMP, f"{each}T00:00:00") for each in (day, until)]
    request = ReadRequest(
        spec_of(streams[name], name), ReadMode.CHANGES, start=marks[0], end=marks[1], page_rows=5
    )
    return set(await documents(driver, streams[name], name, request))


class TestMaximo:
    async def test_an_order_is_its_newest_revision_that_is_not_pending(self, site: Driver) -> None:
        found = await documents(site, MAXIMO["purchase_orders"], "purchase_orders")

        assert found.keys() == {"BEDFORD~1001", "FLEET~1001"}
        order = found["BEDFORD~1001"]
        assert (order["customFields"]["revision"], order["totalGrossValue"]) == (1, "27.5")
        assert (order["vendorKey"], order["vendorName"]) == ("EAGLENA~ATI", "ATI Inc")
        assert [(each["materialKey"], each["receivedQuantity"]) for each in order["lineItems"]] == [
            ("SET1~11453", "4")
        ]

    async def test_a_status_of_the_sites_own_is_the_one_that_it_stands_for(self, site: Driver) -> None:
        orders = await documents(site, MAXIMO["purchase_orders"], "purchase_orders")
        work = await documents(site, MAXIMO["work_orders"], "work_orders")

        assert (orders["BEDFORD~1001"]["status"], orders["BEDFORD~1001"]["statusKey"]) == (
            "partially_received",
            "SENT",
        )
        assert orders["FLEET~1001"]["status"] == "pending_approval"
        assert (work["BEDFORD~2001"]["status"], work["BEDFORD~2001"]["statusKey"]) == ("on_hold", "WAITPARTS")

    async def test_a_work_order_has_its_tasks_and_what_was_issued_to_it(self, site: Driver) -> None:
        found = await documents(site, MAXIMO["work_orders"], "work_orders")

        assert found.keys() == {"BEDFORD~2001", "BEDFORD~2003"}  # neither tasks nor changes
        order = found["BEDFORD~2001"]
        assert [(task["code"], task["title"], task["status"]) for task in order["tasks"]] == [
            ("10", "Drain", "completed")
        ]
        assert [(m["requiredQuantity"], m["usedQuantity"]) for m in order["materials"]] == [("2", "1")]
        assert (order["assetKey"], order["locationKey"]) == ("BEDFORD~11430", "BEDFORD~BR430~LOCATION")
        assert found["BEDFORD~2003"]["parentKey"] == "BEDFORD~2001"

    async def test_a_receipt_or_a_task_is_a_change_of_its_order(self, site: Driver) -> None:
        assert await changed(site, MAXIMO, "purchase_orders", "2026-03-04") == {"BEDFORD~1001"}
        assert await changed(site, MAXIMO, "purchase_orders", "2026-02-02", "2026-03-01") == {"FLEET~1001"}
        assert await changed(site, MAXIMO, "work_orders", "2026-03-04") == {"BEDFORD~2001"}
        assert await changed(site, MAXIMO, "vendors", "2026-02-01") == {"EAGLENA~ATI"}

    async def test_items_have_their_balance_by_storeroom(self, site: Driver) -> None:
        found = await documents(site, MAXIMO["inventory_items"], "inventory_items")

        assert found.keys() == {"SET1~11453"}  # no tools
        (stock,) = found["SET1~11453"]["stocks"]
        assert (stock["quantity"], stock["reservedQuantity"], stock["unitCost"]) == ("9.5", "2", "2.25")

    async def test_assets_and_locations_of_one_name_are_two_records(self, site: Driver) -> None:
        assets = await documents(site, MAXIMO["assets"], "assets")
        locations = await documents(site, MAXIMO["locations"], "locations")

        assert assets["BEDFORD~11430"]["locationKey"] in locations
        assert not assets.keys() & locations.keys()
        assert assets["BEDFORD~BR430"]["isActive"] is False
        assert locations["BEDFORD~BR430~LOCATION"]["customFields"]["parentLocation"] == "BR400"

    async def test_vendors_and_what_was_deleted(self, site: Driver, databases: MariaDbServer) -> None:
        found = await documents(site, MAXIMO["vendors"], "vendors")
        assert (found["EAGLENA~ATI"]["name"], found["EAGLENA~OLD"]["isActive"]) == ("ATI Inc", False)

        databases.execute("insert into COMPANIES (ORGID, COMPANY) values ('EAGLENA', 'X')", maximo.SCHEMA)
        before = await keys(site, MAXIMO["vendors"], "vendors")
        databases.execute("delete from COMPANIES where COMPANY = 'X'", maximo.SCHEMA)

        assert set(before) - set(await keys(site, MAXIMO["vendors"], "vendors")) == {"EAGLENA~X"}

    async def test_every_stream_passes_the_check(self, site: Driver) -> None:
        steps = [
            step
            for step in await site.check([spec_of(table, name) for name, table in MAXIMO.items()])
            if step.stream
        ]

        assert [step.ok for step in steps] == [True] * len(MAXIMO), steps


class TestInforEam:
    async def test_an_order_has_its_lines_and_what_was_received(self, plant: Driver) -> None:
        found = await documents(plant, EAM["purchase_orders"], "purchase_orders")

        order = found["WSL~10154440"]
        assert (order["status"], order["vendorName"]) == ("partially_received", "SKF Ltd")
        assert [(each["name"], each["quantity"], each["lineRef"]) for each in order["lineItems"]] == [
            ("Bearing", "10", "5001")
        ]
        assert found["WSL~10154441"]["status"] == "draft"

    async def test_a_work_order_has_its_activities_and_parts(self, plant: Driver) -> None:
        found = await documents(plant, EAM["work_orders"], "work_orders")

        assert {key: each["status"] for key, each in found.items()} == {
            "5001": "released",
            "5002": "completed",
        }
        order = found["5001"]
        assert [(task["code"], task["title"]) for task in order["tasks"]] == [("DISMANTLE", "DISMANTLE")]
        assert [m["requiredQuantity"] for m in order["materials"]] == ["2"]
        assert [(r["laborKey"], r["estimatedTime"]) for r in order["resources"]] == [("FITTER", "1.5")]

    async def test_references_are_the_keys_that_they_lead_to(self, plant: Driver) -> None:
        orders = await documents(plant, EAM["purchase_orders"], "purchase_orders")
        work = await documents(plant, EAM["work_orders"], "work_orders")
        items = await documents(plant, EAM["inventory_items"], "inventory_items")
        vendors = await documents(plant, EAM["vendors"], "vendors")
        assets = await documents(plant, EAM["assets"], "assets")

        order = orders["WSL~10154440"]
        assert order["vendorKey"] in vendors
        assert order["lineItems"][0]["materialKey"] in items
        assert work["5001"]["materials"][0]["materialKey"] in items
        assert work["5001"]["assetKey"] in assets
        assert assets["WSL~PUMP-1"]["locationKey"] in assets

    async def test_a_part_changes_with_its_stock_and_one_never_changed_counts_from_its_making(
        self, plant: Driver
    ) -> None:
        assert {key[-4:] for key in await changed(plant, EAM, "inventory_items", "2026-03-01")} == {"6204"}
        assert await changed(plant, EAM, "work_orders", "2026-02-02", "2026-02-28") == {"5002"}

        found = await documents(plant, EAM["inventory_items"], "inventory_items")
        (stock,) = next(each for key, each in found.items() if key.endswith("6204"))["stocks"]
        assert (stock["quantity"], stock["unitCost"], stock["minLevel"]) == ("7.5", "2.3", "5")

    async def test_an_object_has_one_parent_though_it_stands_in_two_structures(self, plant: Driver) -> None:
        found = await documents(plant, EAM["assets"], "assets")

        assert (found["WSL~PUMP-1"]["parentKey"], found["WSL~PUMP-1"]["type"]) == ("WSL~LINE-9", "equipment")
        assert (found["WSL~HALL"]["isPhysical"], found["WSL~HALL"]["parentKey"]) == (False, None)

    async def test_every_stream_passes_the_check(self, plant: Driver) -> None:
        steps = [
            step
            for step in await plant.check([spec_of(table, name) for name, table in EAM.items()])
            if step.stream
        ]

        assert [step.ok for step in steps] == [True] * len(EAM), steps
