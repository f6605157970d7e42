"""The shipped profiles against an OData server that nobody here wrote, odatapy's, with the entities of the products."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.systems import profile
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
from drivers.odata.driver import ODataDriver
from tests.conformance.suite import pages, rows
from tests.dynamics_odata import cronus, usmf
from tests.dynamics_odata.business_central import KEY, USER
from tests.dynamics_odata.connections import business_central
from tests.dynamics_odata.cronus import CRONUS, guid
from tests.dynamics_odata.odatapy_server import OdatapyServer
from tests.sap_odata.connections import documents, keys, streams

CENTRAL, FO = streams("dynamics-bc"), streams("dynamics-fo")
COUNTS = {"purchase_orders": 25, "vendors": 5, "inventory_items": 8, "assets": 4}
PAGE = 4  # records that the server gives at once
LATER = datetime(2026, 3, 1, tzinfo=UTC)
CREATE, UPDATE, DELETE = OperationKind.CREATE, OperationKind.UPDATE, OperationKind.DELETE


@pytest.fixture
def central() -> Iterator[OdatapyServer]:
    made = OdatapyServer("Microsoft.NAV", cronus.API, cronus.ENUMS, "/BC/api/v2.0")
    empty = {name: each.initial for name, each in cronus.API["companies"].properties.items()}
    companies = {
        name: {**empty, "id": guid(name), "name": name, "displayName": name}
        for name in ("A", "B", "C", "D", CRONUS)
    }
    made.fill({**cronus.Books().tables, "companies": companies})
    made.inside("companies")
    with made.serving(made.document("companies"), PAGE):
        yield made


@pytest.fixture
async def driver(central: OdatapyServer) -> AsyncIterator[ODataDriver]:
    made = business_central(central)
    yield made
    await made.aclose()


@pytest.fixture
def fo() -> Iterator[OdatapyServer]:
    made = OdatapyServer(usmf.NAMESPACE, usmf.SETS, usmf.ENUMS, "/data")
    made.fill(usmf.Books().tables)
    with made.serving(made.document(), PAGE):
        yield made


@pytest.fixture
async def fo_driver(fo: OdatapyServer) -> AsyncIterator[ODataDriver]:
    options = {**profile("dynamics-fo")["options"], "url": f"{fo.url}/data"}
    made = ODataDriver("erp", {**options, "auth": {"kind": "basic", "user": USER}}, {"password": KEY})
    yield made
    await made.aclose()


def command(stream: Any, kind: OperationKind, record: dict[str, Any], key: str = "cmd-1") -> WriteCommand:
    return WriteCommand(kind, stream.spec.entity, record, key, stream.spec)


def mark(moment: datetime) -> Mark:
    return Mark(MarkKind.TIMESTAMP, moment.isoformat())


def asked(server: OdatapyServer, words: str) -> int:
    return sum(words in line for line in server.lines)


async def test_every_record_of_a_server_of_others_is_read_once_and_maps(driver, central):
    for name, count in COUNTS.items():
        found = await documents(driver, CENTRAL[name])
        assert len({each["key"] for each in found}) == len(found) == count, name

    assert asked(central, "$skiptoken=") > 0  # the company stands on the second page of companies


async def test_lines_and_amounts_of_a_server_of_others_arrive_as_they_are(driver):
    key = str(guid("order 5"))
    request = ReadRequest(CENTRAL["purchase_orders"].spec, ReadMode.BY_KEYS, keys=(key, str(guid("none"))))

    (order,) = rows(await pages(driver, request))

    assert (order["number"], order["vendorName"], order["totalAmountExcludingTax"]) == (
        "106005",
        "O'Brien & Söhne 3",
        "124.41",
    )
    assert [line["sequence"] for line in order["lines"]] == [10000, 20000, 90000]


async def test_a_server_of_others_is_read_on_by_its_links_and_lines_by_their_order(driver, central):
    by_links = StreamSpec("vendors", "vendor", {"entity_set": "vendors", "paging": "links"})
    lines = {"entity_set": "purchaseOrderLines", "parent": ["documentId"], "order_by": ["id"]}
    asked_apart = {
        "entity_set": "purchaseOrders",
        "order_by": ["number"],
        "filter": "status eq Microsoft.NAV.purchaseOrderEntityBufferStatus'Draft' and vendorName ne 'O''Brien'",
        "lines": {"lines": lines},
    }
    apart = StreamSpec("orders", "purchase_order", asked_apart)

    vendors = rows(await pages(driver, ReadRequest(by_links, ReadMode.SCAN, page_rows=2)))
    orders = rows(await pages(driver, ReadRequest(apart, ReadMode.SCAN, page_rows=5)))

    assert {row["number"] for row in vendors} == {f"{number}0000" for number in range(1, 6)}
    assert [row["number"] for row in orders] == [str(106000 + number) for number in range(3, 25, 3)]
    assert len(orders[0]["lines"]) == 4
    assert any("/vendors?" in line and "$skiptoken=" in line for line in central.lines)


@pytest.mark.parametrize("page_rows", [1, 50])
async def test_changes_of_a_server_of_others_come_by_stamp_and_key(driver, central, page_rows):
    for at, number in enumerate(("106021", "106002", "106013", "106007", "106019")):
        central.put("purchaseOrders", number, lastModifiedDateTime=LATER + timedelta(seconds=at // 3))
    central.put("purchaseOrders", "106001", lastModifiedDateTime=LATER + timedelta(hours=2))
    request = ReadRequest(
        CENTRAL["purchase_orders"].spec,
        ReadMode.CHANGES,
        start=mark(LATER),
        end=mark(LATER + timedelta(hours=1)),
        page_rows=page_rows,
    )

    found = [row["number"] for row in rows(await pages(driver, request))]

    assert found == ["106002", "106013", "106021", "106007", "106019"]


async def test_records_of_a_server_of_others_are_changed_by_their_marks_and_deleted(driver, central):
    lines = [{"lineNo": 20000, "quantity": "7.5"}]
    key = str(guid("order 2"))
    order = await driver.execute(
        command(CENTRAL["purchase_orders"], UPDATE, {"key": key, "lineItems": lines})
    )
    other = {"key": str(guid("vendor 1")), "name": "Acme 'Söhne'"}
    vendor = await driver.execute(command(CENTRAL["vendors"], UPDATE, other, "cmd-2"))
    gone = {"key": str(guid("order 3"))}
    deleted = await driver.execute(command(CENTRAL["purchase_orders"], DELETE, gone, "cmd-3"))

    assert {order.status, vendor.status, deleted.status} == {OutcomeStatus.SUCCEEDED}
    read = {each["key"]: each for each in await documents(driver, CENTRAL["vendors"])}
    assert read[other["key"]]["name"] == other["name"]
    request = ReadRequest(CENTRAL["purchase_orders"].spec, ReadMode.BY_KEYS, keys=(key, gone["key"]))
    (row,) = rows(await pages(driver, request))
    assert [line["quantity"] for line in row["lines"] if line["sequence"] == 20000] == ["7.5"]
    left = await keys(driver, CENTRAL["purchase_orders"])
    assert left == {str(guid(f"order {number}")) for number in range(1, 26) if number != 3}


async def test_a_refusal_of_a_server_of_others_comes_back_in_its_own_words(driver, central):
    refused = await driver.execute(command(CENTRAL["vendors"], CREATE, {"name": "No id"}))

    assert refused.status is OutcomeStatus.FAILED
    assert "is required to create an entity in 'vendors'" in refused.messages[0].text
    assert len(await keys(driver, CENTRAL["vendors"])) == 5


# --- Finance & Operations


async def test_every_record_of_every_company_is_read_from_a_server_of_others(fo_driver, fo):
    for name, stream in FO.items():
        found = await documents(fo_driver, stream)
        held = fo.store.entities(stream.spec.options["entity_set"])
        assert len({each["key"] for each in found}) == len(found) == len(held), name

    assert asked(fo, "cross-company=true") > 0


async def test_a_vendor_is_made_and_changed_at_a_server_of_others(fo_driver):
    record = {"code": "2001", "name": "N & N", "organizationKey": "usmf", "customFields": {"group": "10"}}

    made = await fo_driver.execute(command(FO["vendors"], CREATE, record))
    twice = await fo_driver.execute(command(FO["vendors"], CREATE, record, "cmd-2"))
    changed = await fo_driver.execute(
        command(FO["vendors"], UPDATE, {"key": made.key, "name": "Other"}, "cmd-3")
    )

    assert (made.status, twice.status, changed.status) == (
        OutcomeStatus.SUCCEEDED,
        OutcomeStatus.FAILED,
        OutcomeStatus.SUCCEEDED,
    )
    read = {each["key"]: each["name"] for each in await documents(fo_driver, FO["vendors"])}
    assert read[made.key] == "Other"
