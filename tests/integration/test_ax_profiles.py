"""The profiles of AX 2012: through driver and mapping from a system to documents, and every name against what an AX printed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from agent.mapping.compile import CompiledMapping, compile_mapping
from agent.model.render import to_documents
from agent.systems import profile
from drivers import registry
from drivers.contract import (
    Driver,
    Mark,
    MarkKind,
    OperationKind,
    OutcomeStatus,
    ReadMode,
    ReadRequest,
    StreamSpec,
    WriteCommand,
)
from drivers.odbc.driver import OdbcDriver
from tests.ax import site
from tests.ax.server import ROOT, AxServer
from tests.ax.system import System
from tests.integration.ax_tables import COMPANIES, fill
from tests.servers import MariaDbServer

AIF = profile("dynamics-ax2012")["streams"]
SQL = profile("dynamics-ax2012-sql")["streams"]
PORTS = {
    "VendorService": site.PARTY_VENDORS,
    "ItemService": site.ITEMS,
    "FixedAssetService": site.ASSETS,
    "TECPurchOrderService": site.ORDERS,
}
XS = "{http://www.w3.org/2001/XMLSchema}"


def mapping_of(table: dict[str, Any], name: str) -> CompiledMapping:
    return compile_mapping(table["map"], entity=table["entity"], where=name)


def spec_of(table: dict[str, Any], name: str) -> StreamSpec:
    """As the agent asks: no more columns than the mapping uses."""
    columns = tuple(sorted(mapping_of(table, name).source_columns))
    return StreamSpec(name, table["entity"], table["read"], columns, table.get("write", {}))


async def documents(
    driver: Driver, table: dict[str, Any], name: str, request: ReadRequest | None = None
) -> dict[str, dict[str, Any]]:
    """By key; a record that the mapping rejects fails the test."""
    mapping = mapping_of(table, name)
    found: dict[str, dict[str, Any]] = {}
    async for page in driver.read(request or ReadRequest(spec_of(table, name), ReadMode.SCAN, page_rows=5)):
        mapped = mapping.apply(page.table)
        assert mapped.rejects == ()
        for each in to_documents(mapped.records, range(mapped.records.num_rows), entity=table["entity"]):
            found[each["key"]] = each
    return found


@pytest.fixture
def aif() -> Iterator[tuple[System, AxServer]]:
    system = site.system(VendorService=site.PARTY_VENDORS)
    site.fill(system)
    server = AxServer(system, {port: (contract,) for port, contract in PORTS.items()})
    yield system, server
    server.close()


@pytest.fixture
async def services(aif: tuple[System, AxServer], tmp_path: Path) -> AsyncIterator[Driver]:
    _, server = aif
    table = profile("dynamics-ax2012")
    options = {
        **table["options"],
        "url": f"{server.url}{ROOT}",
        "company": "ceu",
        "wsdl_folder": str(tmp_path),
    }
    driver = registry.create(table["driver"], connection="ax", options=options, secrets={})
    yield driver
    await driver.aclose()


class TestServices:
    async def test_a_vendor_arrives_in_the_unified_model(self, services: Driver) -> None:
        found = await documents(services, AIF["vendors"], "vendors")

        assert len(found) == 12
        vendor = found["V-0003"]
        assert (vendor["code"], vendor["currencyKey"], vendor["isBlocked"]) == ("V-0003", "EUR", False)
        assert vendor["name"] == "Schraubenhandel Müller & O'Hara <3>"
        assert vendor["customFields"]["creditLimit"] == "3000.5"

    async def test_an_item_and_an_asset_arrive_in_the_unified_model(self, services: Driver) -> None:
        items = await documents(services, AIF["inventory_items"], "inventory_items")
        assets = await documents(services, AIF["assets"], "assets")

        assert (items["I-1"]["name"], items["I-1"]["uomKey"], items["I-1"]["type"]) == (
            "Item 1",
            "pcs",
            "item",
        )
        assert (assets["FA-2"]["serialNumber"], assets["FA-2"]["isPhysical"]) == ("SN2", True)

    async def test_an_order_of_a_service_that_a_site_built_arrives_with_its_lines(
        self, services: Driver
    ) -> None:
        found = await documents(services, AIF["purchase_orders"], "purchase_orders")

        order = found["ST00003"]
        assert (order["orderNo"], order["vendorKey"], order["status"]) == ("PO00003", "V-0003", "ordered")
        assert order["totalNetValue"] == "12345678901234.56"
        assert [
            (each["lineNo"], each["materialKey"], each["quantity"], each["price"])
            for each in order["lineItems"]
        ] == [
            ("1", "I-1", "1.5", "0.1"),
            ("2", "I-2", "2.5", "0.1"),
            ("3", "I-3", "3.5", "0.1"),
        ]

    async def test_every_stream_passes_the_check_with_what_it_writes(self, services: Driver) -> None:
        streams = [spec_of(table, name) for name, table in AIF.items()]

        steps = list(await services.check(streams))

        assert {each.stream for each in steps if each.stream} == set(AIF)
        assert all(each.ok for each in steps), steps

    async def test_an_order_is_made_changed_and_read_back(
        self, services: Driver, aif: tuple[System, AxServer]
    ) -> None:
        stream = spec_of(AIF["purchase_orders"], "purchase_orders")
        lines = [{"materialKey": "I-1", "name": "Bolt", "quantity": "4", "price": "2.25"}]
        create = {"vendorKey": "V-0002", "dueAt": "2026-06-01", "lineItems": lines}
        made = await services.execute(
            WriteCommand(OperationKind.CREATE, "purchase_order", create, "c-1", stream)
        )
        change = {"key": made.key, "notes": "urgent", "lineItems": [{"lineNo": 1, "quantity": "5"}]}
        changed = await services.execute(
            WriteCommand(OperationKind.UPDATE, "purchase_order", change, "c-2", stream)
        )
        request = ReadRequest(stream, ReadMode.BY_KEYS, keys=[made.key])
        found = await documents(services, AIF["purchase_orders"], "purchase_orders", request)

        assert (made.status, changed.status) == (OutcomeStatus.SUCCEEDED, OutcomeStatus.SUCCEEDED)
        order = found[made.key]
        assert (order["notes"], order["dueAt"][:10]) == ("urgent", "2026-06-01")
        assert [(each["quantity"], each["price"]) for each in order["lineItems"]] == [("5", "2.25")]

    async def test_vendors_and_assets_are_made_and_changed(
        self, services: Driver, aif: tuple[System, AxServer]
    ) -> None:
        system, _ = aif
        for name, record in (
            ("vendors", {"name": "New", "customFields": {"vendorGroup": "10"}}),
            ("assets", {"name": "New", "categoryName": "MACH"}),
        ):
            stream = spec_of(AIF[name], name)
            made = await services.execute(
                WriteCommand(OperationKind.CREATE, stream.entity, record, name, stream)
            )
            assert made.status is OutcomeStatus.SUCCEEDED, made.messages
            assert made.reference == made.key
            change = {"key": made.key, "name": "Newer"}
            done = await services.execute(
                WriteCommand(OperationKind.UPDATE, stream.entity, change, f"{name}-2", stream)
            )
            assert done.status is OutcomeStatus.SUCCEEDED, done.messages
            service = AIF[name]["read"]["service"]
            held = system.rows(service)[(made.key,)].record
            (party,) = held["DirParty"] if name == "vendors" else [held]
            assert party["Name"] == "Newer"

    async def test_a_change_of_a_vendor_that_does_not_name_it_leaves_its_party_alone(
        self, services: Driver, aif: tuple[System, AxServer]
    ) -> None:
        system, server = aif
        stream = spec_of(AIF["vendors"], "vendors")
        change = WriteCommand(OperationKind.UPDATE, "vendor", {"key": "V-0003", "notes": "late"}, "k", stream)
        done = await services.execute(change)
        (message,) = [each.body for each in server.seen if each.action.endswith("/update")]

        assert done.status is OutcomeStatus.SUCCEEDED, done.messages
        assert b"DirParty" not in message
        (party,) = system.rows("VendorService")[("V-0003",)].record["DirParty"]
        assert party["Name"].startswith("Schraubenhandel")


@pytest.fixture(scope="module")
def database(mariadb_server: MariaDbServer) -> str:
    """AX's tables in MariaDB, whose results have the names that a query writes, as SQL Server's have."""
    fill(mariadb_server, "ax2012")
    return "ax2012"


@pytest.fixture
async def tables(mariadb_server: MariaDbServer, database: str) -> AsyncIterator[Driver]:
    driver = OdbcDriver(
        "ax", {"connection": mariadb_server.odbc_attributes(database)}, mariadb_server.odbc_secrets()
    )
    yield driver
    await driver.aclose()


@pytest.mark.integration
class TestTables:
    async def test_orders_of_all_companies_arrive_with_their_lines(self, tables: Driver) -> None:
        found = await documents(tables, SQL["purchase_orders"], "purchase_orders")

        assert {each.partition("~")[0] for each in found} == set(COMPANIES)
        order = found["ceu~PO-1"]
        assert (order["orderNo"], order["vendorKey"], order["status"]) == ("PO-1", "ceu~V-1", "ordered")
        assert order["totalNetValue"] == "37.5"
        assert order["organizationKey"] == "ceu"
        assert "dueAt" not in order or order["dueAt"] is None  # AX's empty date
        (first, second) = order["lineItems"]
        assert (first["materialKey"], first["quantity"], first["price"], first["uomKey"]) == (
            "ceu~I-1",
            "10",
            "2.5",
            "pcs",
        )
        assert second["status"] == "received"
        assert first["priceUnit"] == "1"  # which AX means by 0
        assert found["ceu~PO-2"]["status"] == "cancelled"

    async def test_another_partition_is_not_read(self, tables: Driver) -> None:
        for name in SQL:
            found = await documents(tables, SQL[name], name)
            assert not any("OTHER" in key for key in found), name
            assert found, name

    async def test_a_change_of_a_line_is_a_change_of_its_order(self, tables: Driver) -> None:
        stream = spec_of(SQL["purchase_orders"], "purchase_orders")
        marks = [Mark(MarkKind.TIMESTAMP, f"2026-03-0{day}T00:00:00") for day in (4, 6)]
        request = ReadRequest(stream, ReadMode.CHANGES, start=marks[0], end=marks[1])

        found = await documents(tables, SQL["purchase_orders"], "purchase_orders", request)

        assert set(found) == {"ceu~PO-1"}  # its header was changed on the first, a line on the fifth
        assert found["ceu~PO-1"]["updatedAt"].startswith("2026-03-05")

    async def test_vendors_have_their_names_from_the_address_book(self, tables: Driver) -> None:
        found = await documents(tables, SQL["vendors"], "vendors")

        assert found["ceu~V-1"]["name"] == "Schraubenhandel Müller"
        assert (found["ceu~V-1"]["isBlocked"], found["ceu~V-2"]["isBlocked"]) == (False, True)
        assert found["dat~V-1"]["name"] == "V-1"  # without a party

    async def test_items_have_their_names_and_the_stock_of_each_warehouse(self, tables: Driver) -> None:
        found = await documents(tables, SQL["inventory_items"], "inventory_items")

        item = found["ceu~I-1"]
        assert (item["name"], item["uomKey"], item["type"]) == ("Schraube", "pcs", "item")
        assert [
            (each["siteKey"], each["storeroomKey"], each["quantity"], each["reservedQuantity"])
            for each in item["stocks"]
        ] == [
            ("1", "11", "7.5", "1"),
            ("1", "12", "3", "0"),
        ]
        assert found["dat~I-1"]["stocks"] == []

    async def test_production_orders_have_their_materials_and_operations(self, tables: Driver) -> None:
        found = await documents(tables, SQL["work_orders"], "work_orders")

        order = found["ceu~P-1"]
        assert (order["status"], order["siteKey"], order["storeroomKey"]) == ("in_progress", "1", "11")
        assert [(each["materialKey"], each["requiredQuantity"]) for each in order["materials"]] == [
            ("ceu~I-1", "4")
        ]
        assert [each["code"] for each in order["tasks"]] == ["CUT", "WELD"]

    async def test_assets_name_the_asset_that_they_belong_to(self, tables: Driver) -> None:
        found = await documents(tables, SQL["assets"], "assets")

        assert found["ceu~FA-2"]["parentKey"] == "ceu~FA-1"
        assert found["ceu~FA-1"].get("parentKey") is None
        assert (found["ceu~FA-2"]["serialNumber"], found["ceu~FA-2"]["isPhysical"]) == ("SN-2", True)

    async def test_every_stream_passes_the_check(self, tables: Driver) -> None:
        steps = list(await tables.check([spec_of(table, name) for name, table in SQL.items()]))

        assert all(each.ok for each in steps), steps


@pytest.fixture(scope="module")
def printed(shared_dir: Path) -> Path:
    folder = shared_dir / "erp" / "dynamics" / "ax2012"
    if not folder.is_dir():
        pytest.skip("needs ../shared/erp/dynamics/ax2012, contracts that an AX 2012 printed")
    return folder


def members(folder: Path, entity: str) -> set[str]:
    for file in folder.rglob("*.xsd"):
        for each in etree.parse(str(file)).getroot().iterfind(f"{XS}complexType[@name='AxdEntity_{entity}']"):
            return {member.get("name") for member in each.iter(f"{XS}element")}
    raise AssertionError(f"no entity {entity}")


def values(folder: Path, name: str) -> list[str]:
    for file in folder.rglob("*.xsd"):
        for each in etree.parse(str(file)).getroot().iterfind(f"{XS}simpleType[@name='{name}']"):
            return [value.get("value") for value in each.iter(f"{XS}enumeration")]
    raise AssertionError(f"no type {name}")


class TestNames:
    """Of what an AX 2012 printed: two documents of a site, and AX's own enumerations."""

    def test_every_field_of_orders_and_vendors_is_in_a_real_document(self, printed: Path) -> None:
        orders, vendors = AIF["purchase_orders"], AIF["vendors"]
        header, lines = members(printed, "TEC_STG_PurchTable"), members(printed, "TEC_STG_PurchLine")
        for column in mapping_of(orders, "purchase_orders").source_columns:
            name = column.removeprefix("lines.")
            assert name == "lines" or name in (lines if column.startswith("lines.") else header), column
        for kind in ("create", "update"):
            recipe = orders["write"][kind]
            assert set(recipe["values"]) <= header
            assert set(recipe["lines"]["TEC_STG_PurchLine"]["values"]) <= lines
        known = members(printed, "STG_VendTable")
        # Names lie in the party, which a service of a site need not have.
        own = {each for each in mapping_of(vendors, "vendors").source_columns if "/" not in each}
        assert own <= known
        assert all(set(vendors["write"][kind]["values"]) <= known for kind in ("create", "update"))

    def test_columns_of_tables_are_named_as_the_fields_of_documents_are(self, printed: Path) -> None:
        """A document's fields are its table's: those of vendors and order lines that the site's documents have, too."""
        vendor = {each.upper() for each in members(printed, "STG_VendTable")}
        line = {each.upper() for each in members(printed, "TEC_STG_PurchLine")}

        assert {
            "ACCOUNTNUM", "BLOCKED", "CURRENCY", "MEMO", "NAME", "NAMEALIAS", "RECVERSION", "VATNUM", "VENDGROUP",
            "YOURACCOUNTNUM",
        } <= vendor & words(SQL["vendors"]["read"]["query"])  # fmt: skip
        assert {
            "DELIVERYDATE", "INVENTTRANSID", "ITEMID", "LINEAMOUNT", "NAME", "PRICEUNIT", "PURCHPRICE", "PURCHQTY",
        } <= line & words(SQL["purchase_orders"]["read"]["lines"]["lines"]["query"])  # fmt: skip

    @pytest.mark.parametrize(
        ("enumeration", "stream", "field"),
        [
            ("AxdExtType_VendBlocked", "vendors", "isBlocked"),
            ("AxdEnum_AssetType", "assets", "isPhysical"),
            ("AxdEnum_ItemType", "inventory_items", "type"),
            ("AxdEnum_TEC_OrderUpdateType", "purchase_orders", "status"),
        ],
    )
    def test_every_value_of_an_enumeration_is_mapped(
        self, printed: Path, enumeration: str, stream: str, field: str
    ) -> None:
        assert set(values(printed, enumeration)) == set(AIF[stream]["map"][field]["values"])

    def test_numbers_of_enumerations_follow_their_order(self, printed: Path) -> None:
        """PurchStatus, the vendor's block and the asset's type are numbered in the order in which AX prints them."""
        blocked = SQL["vendors"]["map"]["isBlocked"]["values"]
        by_name = AIF["vendors"]["map"]["isBlocked"]["values"]
        for number, name in enumerate(values(printed, "AxdExtType_VendBlocked")):
            assert blocked[str(number)] == by_name[name]
        statuses = SQL["purchase_orders"]["map"]["lineItems"]["map"]["status"]["values"]
        assert dict(zip(values(printed, "AxdEnum_PurchStatus"), statuses.values(), strict=True)) == {
            "None": "draft",
            "Backorder": "ordered",
            "Received": "received",
            "Invoiced": "closed",
            "Canceled": "cancelled",
        }


def test_an_order_has_a_status_in_every_state_that_a_change_may_bring_it_back_to() -> None:
    """A code that is not named would travel as it is."""
    known = SQL["purchase_orders"]["map"]["status"]["values"]
    states = (0, 10, 20, 30, 35, 40)
    assert {f"{status}/{state}" for status in range(5) for state in (*states, 50)} == set(known)
    for status, word in ((2, "received"), (3, "closed"), (4, "cancelled")):
        assert {known[f"{status}/{state}"] for state in states} == {word}


def words(query: str) -> set[str]:
    return {each.strip(",()").rpartition(".")[2] for each in query.split()}
