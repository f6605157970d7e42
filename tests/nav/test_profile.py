"""The shipped NAV profile: its names, and the profile, the driver and the server together."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from agent.checking import _unknown_names
from agent.mapping.compile import CompiledMapping, compile_mapping
from agent.model.render import to_documents
from agent.systems import profile
from drivers.authorisations import grants_of
from drivers.contract import (
    Mark,
    MarkKind,
    OperationKind,
    OutcomeStatus,
    ReadMode,
    ReadRequest,
    StreamSpec,
    WriteCommand,
)
from drivers.soap.driver import soap_driver
from drivers.soap.pages.driver import PagesDriver
from tests.conformance.suite import DriverConformance, Subject
from tests.conformance.writes import Writable, WriteConformance
from tests.nav.company import ORDERS, captured_page, connection, nav, vendor
from tests.nav.server import NavServer, Page, Row
from tests.nav.test_captured import item
from tests.nav.wsdls import CAPTURED, PageDefinition, captured, page_wsdl

SYSTEM = "dynamics-nav"
TABLES = CAPTURED.parent / "schemas" / "nav2018_tables.json"
DOCS = Path(__file__).resolve().parents[2] / "docs" / "systems" / "dynamics-nav.md"
XSD = "{http://www.w3.org/2001/XMLSchema}"
# The table behind each page of which no WSDL was captured, and that behind its lines.
TABLE_OF = {
    "PurchaseOrder": ("38 Purchase Header", "39 Purchase Line"),
    "ProductionOrders": ("5405 Production Order", ""),
    "FixedAssets": ("5600 Fixed Asset", ""),
}
PRODUCTION = PageDefinition(
    "ProductionOrders",
    {
        **dict.fromkeys(
            ("No", "Description", "Source_No", "Routing_No", "Location_Code", "Assigned_User_ID"), "string"
        ),
        "Quantity": "decimal",
        **dict.fromkeys(("Due_Date", "Finished_Date", "Last_Date_Modified"), "date"),
        "Status": ("Simulated", "Planned", "Firm_Planned", "Released", "Finished"),
    },
    ["Status", "No"],
    read_only=True,
)
ASSETS = PageDefinition(
    "FixedAssets",
    {
        **dict.fromkeys(
            (
                "No", "Description", "Serial_No", "Component_of_Main_Asset", "FA_Class_Code", "FA_Subclass_Code",
                "FA_Location_Code", "Vendor_No", "Maintenance_Vendor_No",
            ),
            "string",
        ),
        **dict.fromkeys(("Blocked", "Inactive", "Under_Maintenance"), "boolean"),
        **dict.fromkeys(("Next_Service_Date", "Last_Date_Modified"), "date"),
    },
    ["No"],
)  # fmt: skip


def stream(name: str) -> tuple[StreamSpec, CompiledMapping]:
    table = profile(SYSTEM)["streams"][name]
    mapping = compile_mapping(table["map"], entity=table["entity"], where=name)
    columns = tuple(sorted(mapping.source_columns))
    return StreamSpec(name, table["entity"], table["read"], columns, table.get("write", {})), mapping


NAMES = tuple(profile(SYSTEM)["streams"])


# --- names


@cache
def table_fields(table: str) -> frozenset[str]:
    if not TABLES.is_file():
        pytest.skip(f"the fields of NAV's tables are not at hand: {TABLES}")
    return frozenset(xml_name(each["name"]) for each in json.loads(TABLES.read_text("utf-8"))[table])


def xml_name(field: str) -> str:
    """As NAV names the element of a field: held against the captured pages below."""
    return re.sub(r"_+", "_", re.sub(r"[ /\-]", "_", field.replace("%", "Percent").replace(".", ""))).strip(
        "_"
    )


def used(name: str) -> Iterator[tuple[str, str]]:
    """(page, field) of everything that a stream reads or writes; fields of lines as `part.field`."""
    table = profile(SYSTEM)["streams"][name]
    read = table["read"]
    parts = {each: lines["part"] for each, lines in read.get("lines", {}).items()}
    _, mapping = stream(name)
    columns = {
        *mapping.source_columns,
        *read["key"],
        read.get("replication_key", ""),
        *read.get("filter", {}),
    }
    for column in columns - {"", *parts}:
        head, _, member = column.partition(".")
        yield read["page"], f"{parts[head]}.{member}" if member else head
    for lines in read.get("lines", {}).values():
        yield from ((read["page"], f"{lines['part']}.{field}") for field in lines.get("where", {}))
    for kind in ("create", "update", "delete"):
        operation = table.get("write", {}).get(kind, {})
        if "find" in operation:
            yield read["page"], operation["find"]
        for step in operation.get("steps", ()):
            page = step[kind]
            yield from ((page, field) for field in {**step.get("values", {}), **step.get("set", {})})
            for part, lines in step.get("lines", {}).items():
                yield from (
                    (page, f"{part}.{field}") for field in {**lines["values"], **lines.get("match", {})}
                )


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_one_of_a_captured_page_or_of_its_table(name: str) -> None:
    for page, field in used(name):
        head, _, member = field.partition(".")
        if page in TABLE_OF:
            table = TABLE_OF[page][1 if member else 0]
            assert (member or head) in table_fields(table), f"{table} has no {field}"
        else:
            root = etree.fromstring(captured(page))
            entity = root.find(f".//{XSD}complexType[@name='{page}']")
            assert head in {each.get("name") for each in entity.iter(f"{XSD}element")}, (
                f"{page} has no {field}"
            )


@pytest.mark.parametrize(("page", "table"), [("Vendors", "23 Vendor"), ("ItemCard", "27 Item")])
def test_the_rule_for_names_gives_the_names_of_the_captured_pages(page: str, table: str) -> None:
    entity = etree.fromstring(captured(page)).find(f".//{XSD}complexType[@name='{page}']")
    names = {each.get("name") for each in entity.iter(f"{XSD}element")} - {"Key"}

    # What else a page shows is not of the table: texts that it makes, and fields of an older version.
    assert len(names & table_fields(table)) >= len(names) * 0.85


@pytest.mark.parametrize("page", TABLE_OF)
def test_the_page_of_the_system_says_of_which_pages_no_wsdl_was_at_hand(page: str) -> None:
    text = DOCS.read_text("utf-8")

    assert f"`{page}`" in text.partition("From documentation")[2]


# --- together


def production(number: int) -> Row:
    statuses = PRODUCTION.fields["Status"]
    return {
        "_v": 1, "_lines": {}, "No": f"P{number}", "Status": statuses[number % 5], "Quantity": "12.5",
        "Description": f"Make {number}", "Last_Date_Modified": date(2026, 6, 1 + number), "Due_Date": date(2026, 7, 1),
    }  # fmt: skip


def asset(number: int) -> Row:
    return {
        "_v": 1, "_lines": {}, "No": f"FA{number}", "Description": f"Asset {number}", "Blocked": number == 2,
        "Inactive": False, "Serial_No": f"S-{number}", "Vendor_No": "V1", "Last_Date_Modified": date(2026, 6, 10),
        "Component_of_Main_Asset": "FA0" if number else "", "FA_Class_Code": "TANGIBLE",
    }  # fmt: skip


@pytest.fixture
def server() -> Iterator[NavServer]:
    made = nav()
    numbers = itertools.count(1)
    captured_page(made, "Vendors", [vendor(number) for number in range(12)]).number = lambda: (
        f"NV{next(numbers)}"
    )
    captured_page(
        made, "ItemCard", [item(number) | {"Blocked": False, "Inventory": "7.25"} for number in range(5)]
    )
    for definition, held in ((PRODUCTION, production), (ASSETS, asset)):
        rows = [held(number) for number in range(6)]
        page = Page(definition.name, page_wsdl(definition).encode(), tuple(definition.primary))
        page.rows = {tuple(str(row[name]) for name in page.primary): row for row in rows}
        made.add(page)
    orders = made.pages["PurchaseOrder"]
    lines = orders.rows[("106001",)]["_lines"]["PurchLines"]
    lines.append(
        {"_id": "gl", "_v": 1, "Type": "G_L_Account", "No": "6110", "Quantity": "1", "Line_No": 90_000}
    )
    assert ORDERS.name in made.pages
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def driver(server: NavServer, tmp_path: Path) -> AsyncIterator[PagesDriver]:
    made = connected(server, tmp_path)
    yield made
    await made.aclose()


def connected(server: NavServer, folder: Path) -> PagesDriver:
    options, secrets = connection(server, folder, **profile(SYSTEM)["options"])
    made = soap_driver("nav", options, secrets)
    assert isinstance(made, PagesDriver)
    return made


async def documents(
    driver: PagesDriver, name: str, request: Mapping[str, Any] | None = None
) -> dict[str, Mapping[str, Any]]:
    spec, mapping = stream(name)
    found = []
    async for page in driver.read(ReadRequest(spec, **(request or {"mode": ReadMode.SCAN}))):
        mapped = mapping.apply(page.table)
        assert [(reject.field, reject.message) for reject in mapped.rejects] == []
        assert mapped.unknown_statuses == 0
        found += to_documents(mapped.records, range(mapped.records.num_rows), entity=spec.entity)
    assert len({each["key"] for each in found}) == len(found)
    return {each["key"]: each for each in found}


@pytest.mark.parametrize(
    ("name", "count"),
    [("purchase_orders", 23), ("work_orders", 6), ("inventory_items", 5), ("vendors", 12), ("assets", 6)],
)
async def test_every_record_is_read_once_and_maps(driver: PagesDriver, name: str, count: int) -> None:
    assert len(await documents(driver, name)) == count


async def test_lines_amounts_and_references_arrive_as_they_are(driver: PagesDriver) -> None:
    order = (await documents(driver, "purchase_orders"))["106001"]
    thing = (await documents(driver, "inventory_items"))["1000"]
    assets = await documents(driver, "assets")

    assert [(line["lineNo"], line["materialKey"], line["code"]) for line in order["lineItems"]] == [
        ("10000", "I0", "I0"),
        ("90000", None, "6110"),
    ]
    assert order["lineItems"][0]["price"] == "12345678901234.56789"
    assert (order["status"], order["vendorKey"]) == ("approved", "V1")
    assert (thing["stocks"][0]["quantity"], thing["stocks"][0]["unitCost"]) == ("7.25", "10.12345")
    assert [assets[f"FA{number}"]["isActive"] for number in (1, 2)] == [True, False]


async def test_a_vendor_is_blocked_as_its_option_says_and_an_unknown_option_is_no_guess(
    server: NavServer, driver: PagesDriver
) -> None:
    held = server.pages["Vendors"].rows
    for number, option in enumerate(("_blank_", "Payment", "All", "Alle")):
        held[f"V{number}",]["Blocked"] = option
    spec, mapping = stream("vendors")
    (page, *_) = [each async for each in driver.read(ReadRequest(spec, ReadMode.SCAN))]
    mapped = mapping.apply(page.table)

    said = {row["key"]: (row["is_active"], row["is_blocked"]) for row in mapped.records.to_pylist()}
    assert [said.get(f"V{number}") for number in range(4)] == [
        (True, False),
        (True, True),
        (False, True),
        None,
    ]
    assert [reject.key for reject in mapped.rejects] == ["V3"]


async def test_only_what_changed_since_is_read_again(driver: PagesDriver) -> None:
    request = {
        "mode": ReadMode.CHANGES,
        "start": Mark(MarkKind.DATE, "2026-06-14"),
        "end": Mark(MarkKind.DATE, "2026-06-15"),
    }

    assert set(await documents(driver, "vendors", request)) == {"V1"}


async def test_check_finds_the_profile_good(driver: PagesDriver) -> None:
    found = await driver.check([stream(name)[0] for name in NAMES])

    assert [(each.name, each.detail) for each in found if not each.ok] == []
    assert {each.stream for each in found} == {"", *NAMES}


async def test_every_field_that_can_be_written_is_one_of_the_model(driver: PagesDriver) -> None:
    for name in NAMES:
        for operation in await driver.operations([stream(name)[0]]):
            assert list(_unknown_names(operation)) == []


async def test_an_order_is_created_found_and_changed_while_it_is_open(
    server: NavServer, driver: PagesDriver
) -> None:
    spec, _ = stream("purchase_orders")
    record = {"vendorKey": "V2", "lineItems": [{"materialKey": "1000", "quantity": "3", "price": "1.5"}]}
    wanted = WriteCommand(OperationKind.CREATE, spec.entity, record, "cmd-1", spec)

    made = await driver.execute(wanted)
    assert made.status is OutcomeStatus.SUCCEEDED
    assert await driver.find_effect(wanted) == made
    change = {
        "key": made.key,
        "dueAt": "2026-09-01T00:00:00+02:00",
        "lineItems": [{"lineNo": "10000", "quantity": "4"}],
    }
    changed = await driver.execute(WriteCommand(OperationKind.UPDATE, spec.entity, change, "cmd-2", spec))

    row = server.pages["PurchaseOrder"].rows[(made.key,)]
    assert changed.status is OutcomeStatus.SUCCEEDED
    assert row["Due_Date"] == date(2026, 9, 1)
    assert [(line["No"], line["Quantity"]) for line in row["_lines"]["PurchLines"]] == [("1000", "4")]
    assert len(row["Vendor_Order_No"]) == 32


async def test_the_list_of_authorisations_is_what_the_profile_calls(
    server: NavServer, driver: PagesDriver
) -> None:
    specs = [stream(name)[0] for name in NAMES]
    grants = grants_of("soap", specs, profile(SYSTEM)["options"])
    assert grants is not None
    told = {(grant.object, grant.values[0]) for grant in grants}
    assert ("page PurchaseOrder", "Create") in told
    assert not [grant for grant in grants if "ProductionOrders" in grant.object and grant.written_by]

    for name in NAMES:
        await documents(driver, name)
    for kind, record in (
        (OperationKind.CREATE, {"vendorKey": "V1", "lineItems": [{"materialKey": "1000", "quantity": "1"}]}),
        (OperationKind.UPDATE, {"key": "106000", "title": "x"}),
        (OperationKind.UPDATE, {"key": "106001", "title": "x", "dueAt": "2026-08-01"}),
        (OperationKind.DELETE, {"key": "106000"}),
    ):
        await driver.execute(
            WriteCommand(kind, "purchase_order", record, "c", specs[NAMES.index("purchase_orders")])
        )

    called = {
        (f"page {each.path.rpartition('/')[2]}", each.headers["soapaction"].strip('"').rpartition(":")[2])
        for each in server.seen
        if each.method == "POST"
    }
    assert ("page PurchaseOrder", "IsUpdated") in called
    assert called <= told


class TestProfileReads(DriverConformance):
    @pytest.fixture(params=["vendors", "work_orders"])
    async def subject(self, server: NavServer, tmp_path: Path, request: Any) -> AsyncIterator[Subject]:
        made = connected(server, tmp_path)
        yield Subject(made, stream(request.param)[0], page_sizes=(2, 1_000))
        await made.aclose()


class TestProfileWrites(WriteConformance):
    @pytest.fixture
    async def writable(self, server: NavServer, tmp_path: Path) -> AsyncIterator[Writable]:
        made = connected(server, tmp_path)
        lines = [{"materialKey": "1000", "quantity": "2", "price": "1.25"}]
        yield Writable(
            made,
            stream("purchase_orders")[0],
            records={
                OperationKind.CREATE: {"vendorKey": "V1", "lineItems": lines},
                OperationKind.UPDATE: {"key": "106000", "title": "Changed"},
                OperationKind.DELETE: {"key": "106000"},
            },
            refused={OperationKind.DELETE: {"key": "106001"}},
            amount="lineItems.quantity",
            amount_column="lines.Quantity",
        )
        await made.aclose()
