"""Contracts that an AX 2012 printed behind a SOAP server that nobody here wrote (node-soap): which operation a message is
for, what lines of it are many, and how replies and faults are written, is its own reading of them.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drivers.contract import OperationKind, Outcome, OutcomeStatus, ReadMode, ReadRequest, WriteCommand
from drivers.soap.documents.driver import DocumentsDriver
from tests.ax import site
from tests.conformance.suite import keys, pages, rows
from tests.integration.ax_sources import orders, vendors
from tests.peers.node import served

PORT = "AnyPort"
ORDERS = orders(port=PORT)
VENDORS = vendors(port=PORT, service="QTQ_STG_VendorService", replication_key=None)
FOLDERS = {"orders": "UploadPurchOrderService", "vendors": "UploadVendorService"}
CREATE, UPDATE, DELETE = OperationKind.CREATE, OperationKind.UPDATE, OperationKind.DELETE
ORDER: dict[str, Any] = {
    "vendorKey": "V-0001",
    "dueAt": "2026-05-04",
    "totalNetValue": "99999999999999.25",
    "notes": "N & N <Köln>",
    "lineItems": [
        {"materialKey": "I-1", "quantity": "3", "price": "0.5"},
        {"materialKey": "I-2", "quantity": "1"},
    ],
}


def described(what: str) -> dict[str, Any]:
    """What the server holds: the records of the tests' own AX."""
    system = site.system()
    site.fill(system)
    if what == "orders":
        names = {"service": "TEC_STG_PurchOrderService", "document": "TEC_STG_PurchOrder", "key": "StagingID"}
        names |= {"entity": "TEC_STG_PurchTable", "lines": "TEC_STG_PurchLine"}
        rows_ = system.rows("TEC_STG_PurchOrderService")
    else:
        names = {"service": "QTQ_STG_VendorService", "document": "QTQ_STG_Vendor", "key": "AccountNum"}
        names |= {"entity": "STG_VendTable"}
        rows_ = system.rows("VendorService")
    return {**names, "port": PORT, "records": [each.record for each in rows_.values()]}


@pytest.fixture(scope="module", params=["orders"])
def root(request: pytest.FixtureRequest, shared_dir: Path, tmp_path_factory: Any) -> Iterator[str]:
    folder = shared_dir / "erp" / "dynamics" / "ax2012" / FOLDERS[request.param]
    if not folder.is_dir():
        pytest.skip("needs ../shared/erp/dynamics/ax2012, contracts that an AX 2012 printed")
    (wsdl,) = folder.glob("RoutingService*.wsdl")
    path = tmp_path_factory.mktemp("ax") / "service.json"
    path.write_text(json.dumps({**described(request.param), "wsdl": str(wsdl)}))
    with served("ax_documents.js", str(path)) as address:
        yield address


@pytest.fixture
async def driver(root: str, tmp_path: Path) -> AsyncIterator[DocumentsDriver]:
    options = {
        "services": "ax-documents",
        "url": root,
        "company": "ceu",
        "page_size": 5,
        "wsdl_folder": str(tmp_path),
    }
    made = DocumentsDriver("ax", options, {})
    yield made
    await made.aclose()


async def written(
    driver: DocumentsDriver, kind: OperationKind, record: dict[str, Any], key: str = "k-1"
) -> Outcome:
    return await driver.execute(WriteCommand(kind, "purchase_order", record, key, ORDERS))


async def test_orders_of_a_server_of_others_are_read_whole_with_their_lines(driver: DocumentsDriver) -> None:
    found = await pages(driver, ReadRequest(ORDERS, ReadMode.SCAN, page_rows=7))

    read = {row["StagingID"]: row for row in rows(found) if row["StagingID"].startswith("ST")}
    assert len(read) == 16
    assert read["ST00003"]["Order_Total_Net"] == "12345678901234.56"
    assert [(each["LineNum"], each["PurchQty"]) for each in read["ST00003"]["lines"]] == [
        ("1", "1.5"),
        ("2", "2.5"),
        ("3", "3.5"),
    ]
    assert read["ST00004"]["lines"] == []
    assert len(found) > 1


async def test_a_server_of_others_lists_keys_by_pages_and_by_criteria(driver: DocumentsDriver) -> None:
    named = ("ST00003", "ST00015", "none")
    listed = await pages(driver, ReadRequest(ORDERS, ReadMode.KEYS))
    chosen = orders(port=PORT, changes=None, where={"VendAccount": {"ge": "V-0010"}})

    assert {f"ST{number:05d}" for number in range(16)} <= set(keys(listed))
    assert keys(await pages(driver, ReadRequest(ORDERS, ReadMode.BY_KEYS, keys=named))) == list(named[:2])
    assert keys(await pages(driver, ReadRequest(chosen, ReadMode.SCAN))) == ["ST00010", "ST00011"]


async def test_only_what_was_written_since_comes_from_a_server_of_others(driver: DocumentsDriver) -> None:
    made = await written(driver, CREATE, ORDER)
    since = await driver.signpost(ORDERS)

    changed = await written(driver, UPDATE, {"key": "ST00005", "notes": "later"}, "k-2")
    changes = ReadRequest(ORDERS, ReadMode.CHANGES, start=since, end=await driver.signpost(ORDERS))

    assert (made.status, changed.status) == (OutcomeStatus.SUCCEEDED, OutcomeStatus.SUCCEEDED)
    found = rows(await pages(driver, changes))
    assert {row["StagingID"]: row["VendorRef"] for row in found if row["StagingID"] != made.key} == {
        "ST00005": "later"
    }


async def test_a_server_of_others_is_written_with_lines(driver: DocumentsDriver) -> None:
    made = await written(driver, CREATE, ORDER, "k-3")
    assert made.status is OutcomeStatus.SUCCEEDED
    again = WriteCommand(CREATE, "purchase_order", ORDER, "k-3", ORDERS)
    effect = await driver.find_effect(again)
    assert effect is not None
    assert effect.key == made.key
    assert await driver.find_effect(replace(again, idempotency_key="k-3-other")) is None
    lines = [{"lineNo": 2, "quantity": "4"}, {"lineNo": 7, "quantity": "9"}]
    changed = await written(driver, UPDATE, {"key": made.key, "lineItems": lines}, "k-4")
    assert changed.status is OutcomeStatus.SUCCEEDED

    (row,) = rows(await pages(driver, ReadRequest(ORDERS, ReadMode.BY_KEYS, keys=(made.key,))))
    assert (row["VendorRef"], row["Order_Total_Net"]) == ("N & N <Köln>", "99999999999999.25")
    assert [(each["LineNum"], each["PurchQty"]) for each in row["lines"]] == [
        ("1", "3"),
        ("2", "4"),
        ("7", "9"),
    ]

    removed = await written(driver, DELETE, {"key": made.key}, "k-5")
    assert removed.status is OutcomeStatus.SUCCEEDED
    assert rows(await pages(driver, ReadRequest(ORDERS, ReadMode.BY_KEYS, keys=(made.key,)))) == []


async def test_a_fault_of_a_server_of_others_comes_back_in_its_own_words(driver: DocumentsDriver) -> None:
    before = keys(await pages(driver, ReadRequest(ORDERS, ReadMode.KEYS)))

    refused = await written(driver, CREATE, ORDER | {"vendorKey": "BLOCKED"}, "k-6")

    assert refused.status is OutcomeStatus.FAILED
    (message,) = refused.messages
    assert (message.code, message.text) == ("VendorOnHold", "Vendor account BLOCKED is on hold.")
    assert keys(await pages(driver, ReadRequest(ORDERS, ReadMode.KEYS))) == before


async def test_an_order_that_a_server_of_others_has_not_is_not_changed(driver: DocumentsDriver) -> None:
    refused = await written(driver, UPDATE, {"key": "ST99999", "notes": "x"}, "k-7")

    assert (refused.status, refused.messages[0].code) == (OutcomeStatus.FAILED, "not_found")


@pytest.mark.parametrize("root", ["vendors"], indirect=True)
async def test_vendors_of_a_server_of_others_are_read(driver: DocumentsDriver) -> None:
    found = await pages(driver, ReadRequest(VENDORS, ReadMode.SCAN, page_rows=5))

    read = {row["AccountNum"]: row for row in rows(found)}
    assert len(read) == 12
    assert (read["V-0003"]["CreditMax"], read["V-0003"]["Currency"]) == ("3000.5", "EUR")
