"""The WSDLs that real servers gave, served by the server here, read by the driver and by zeep."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import zeep
from lxml import etree
from requests import Session
from requests.auth import HTTPBasicAuth
from zeep.transports import Transport

from drivers.contract import OperationKind, ReadMode, ReadRequest, StreamSpec, WriteCommand
from drivers.soap.driver import soap_driver
from tests.conformance.suite import keys, pages, rows
from tests.nav.company import VENDORS, captured_page, connection, nav, vendor
from tests.nav.server import COMPANY, NavServer, Row
from tests.nav.wsdls import PageDefinition, captured, page_wsdl

WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
XSD = "{http://www.w3.org/2001/XMLSchema}"
PAGES = ("Vendors", "ItemCard", "BOMs", "ItemCategoryCard", "NoSeriesLines", "UnitsOfMeasure")


def item(number: int) -> Row:
    return {
        "_v": 1,
        "No": f"{1000 + number}",
        "Description": f"Item {number}",
        "Type": "Inventory",
        "Unit_Cost": "10.12345",
        "Price_Profit_Calculation": "Price_x003D_Cost_x002B_Profit",
        "Flushing_Method": "Pick__x002B__Forward",
    }


def bom(number: int) -> Row:
    lines = [
        {"_id": f"{number}-{line}", "_v": 1, "Type": "Item", "No": f"{1000 + line}", "Quantity_per": "2.5"}
        for line in range(number % 4)
    ]
    return {"_v": 1, "No": f"B{number}", "Status": "Under_Development", "_lines": {"ProdBOMLine": lines}}


@pytest.fixture
def server() -> Iterator[NavServer]:
    made = nav()
    numbers = itertools.count(1)
    page = captured_page(made, "Vendors", [vendor(number) for number in range(12)])
    page.number = lambda: f"NEW{next(numbers)}"
    captured_page(made, "ItemCard", [item(number) for number in range(12)])
    captured_page(made, "BOMs", [bom(number) for number in range(12)])
    made.start()
    yield made
    made.stop()


def peer(server: NavServer, page: str) -> Any:
    session = Session()
    session.auth = HTTPBasicAuth(*server.account)
    client = zeep.Client(
        f"{server.root}/{httpx.URL(f'http://x/{COMPANY}').raw_path.decode()[1:]}/Page/{page}",
        transport=Transport(session=session),
    )
    address = f"{server.root}/{httpx.URL(f'http://x/{COMPANY}').raw_path.decode()[1:]}/Page/{page}"
    return client.create_service(next(iter(client.wsdl.bindings)), address)


@pytest.mark.parametrize("page", ["Vendors", "ItemCard", "BOMs"])
async def test_the_driver_reads_what_zeep_reads(server: NavServer, tmp_path: Path, page: str) -> None:
    lines = {"lines": {"lines": {"part": "ProdBOMLine"}}} if page == "BOMs" else {}
    driver = soap_driver("nav", *connection(server, tmp_path))
    try:
        stream = StreamSpec("s", "vendor", {"page": page, **lines})
        mine = rows(await pages(driver, ReadRequest(stream, ReadMode.SCAN, page_rows=5)))
    finally:
        await driver.aclose()

    theirs = peer(server, page).ReadMultiple(filter=[{"Field": "No", "Criteria": ""}], setSize=0)

    assert [each["No"] for each in theirs] == [row["No"] for row in mine]
    for row, other in zip(mine, theirs, strict=True):
        for name in ("Description", "Unit_Cost", "Name", "Balance_LCY"):
            if name in row and row[name] is not None:
                assert str(other[name]) == row[name]
        if lines:
            part = other["ProdBOMLine"]
            held = part["Production_BOM_Lines"] if part is not None else []
            assert [str(each["Quantity_per"]) for each in held] == [
                each["Quantity_per"] for each in row["lines"]
            ]


async def test_option_values_of_the_captured_pages_are_decoded(server: NavServer, tmp_path: Path) -> None:
    driver = soap_driver("nav", *connection(server, tmp_path))
    try:
        stream = StreamSpec("s", "inventory_item", {"page": "ItemCard"})
        (row, *_) = rows(await pages(driver, ReadRequest(stream, ReadMode.SCAN)))
    finally:
        await driver.aclose()

    assert row["Price_Profit_Calculation"] == "Price=Cost+Profit"
    assert row["Flushing_Method"] == "Pick_+_Forward"


async def test_what_the_driver_creates_and_changes_zeep_finds(server: NavServer, tmp_path: Path) -> None:
    write = {
        "create": {"steps": [{"create": "Vendors", "values": {"City": "notes", "Name": "name"}}]},
        "update": {"steps": [{"update": "Vendors", "set": {"Name": "name", "Blocked": "phone"}}]},
    }
    stream = StreamSpec("v", "vendor", {"page": "Vendors"}, write=write)
    driver = soap_driver("nav", *connection(server, tmp_path))
    try:
        made = await driver.execute(
            WriteCommand(OperationKind.CREATE, "vendor", {"name": "N & N", "notes": "Köln"}, "c", stream)
        )
        await driver.execute(
            WriteCommand(OperationKind.UPDATE, "vendor", {"key": made.key, "phone": "All"}, "d", stream)
        )
    finally:
        await driver.aclose()

    found = peer(server, "Vendors").Read(No=made.key)
    assert (found["Name"], found["City"], found["Blocked"]) == ("N & N", "Köln", "All")


async def test_what_zeep_changes_the_driver_reads_and_a_stale_key_is_refused_to_both(
    server: NavServer, tmp_path: Path
) -> None:
    service = peer(server, "Vendors")
    found = service.Read(No="V1")
    service.Update(Vendors={"Key": found["Key"], "Name": "By zeep"})
    with pytest.raises(zeep.exceptions.Fault):
        service.Update(Vendors={"Key": found["Key"], "Name": "Again"})

    driver = soap_driver("nav", *connection(server, tmp_path))
    try:
        request = ReadRequest(StreamSpec("v", "vendor", {"page": "Vendors"}), ReadMode.BY_KEYS, keys=["V1"])
        (row,) = rows(await pages(driver, request))
    finally:
        await driver.aclose()
    assert row["Name"] == "By zeep"


@pytest.mark.parametrize("page", PAGES)
async def test_every_captured_page_is_understood(tmp_path: Path, page: str) -> None:
    server = nav()
    root = etree.fromstring(captured(page))
    primary = [
        each.get("name") for each in root.find(f".//{XSD}element[@name='Read']").iter(f"{XSD}element")
    ][1:]
    captured_page(server, page, [], tuple(primary))
    server.start()
    driver = soap_driver("nav", *connection(server, tmp_path))
    stream = StreamSpec("s", "vendor", {"page": page})
    try:
        assert keys(await pages(driver, ReadRequest(stream, ReadMode.SCAN))) == []
        found = {each.name for each in await driver.columns(stream)}
        tables = {table.name: table for table in (await driver.discover()).tables}
    finally:
        await driver.aclose()
        server.stop()

    entity = root.find(f".//{XSD}complexType[@name='{page}']")
    plain = {
        each.get("name") for each in entity.iter(f"{XSD}element") if not each.get("type").endswith("_List")
    }
    assert found == plain - {"Key"}
    # A page may hide a field of its table's key; such a stream has to name its key itself.
    assert set(tables[page].key) == set(primary) & found


def test_pages_that_are_made_here_have_the_shape_of_the_captured_ones() -> None:
    real = etree.fromstring(captured("Vendors"))
    mine = etree.fromstring(page_wsdl(VENDORS).encode())
    lines = etree.fromstring(
        page_wsdl(
            PageDefinition(
                "BOMs", {"No": "string"}, ["No"], {"ProdBOMLine": ("Production_BOM_Lines", {"No": "string"})}
            )
        ).encode()
    )

    for one, other in ((real, mine), (etree.fromstring(captured("BOMs")), lines)):
        assert _operations(one) == _operations(other)
        for name in _operations(one):
            for element in (name, f"{name}_Result"):
                assert _members(one, element) == _members(other, element)
        assert one.get("targetNamespace") == other.get("targetNamespace")


def _operations(root: Any) -> list[str]:
    return [each.get("name") for each in root.findall(f"{WSDL}portType/{WSDL}operation")]


def _members(root: Any, element: str) -> list[tuple[str, ...]]:
    found = root.find(f".//{XSD}schema/{XSD}element[@name='{element}']")
    return [
        tuple(str(each.get(name)) for name in ("name", "type", "minOccurs", "maxOccurs"))
        for each in found.iter(f"{XSD}element")
    ][1:]
