"""The shipped Business One profile, the driver and the fake Service Layer together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from agent.checking import _unknown_names
from drivers.contract import Mark, MarkKind, OperationKind, OutcomeStatus, Unreachable, WriteCommand
from drivers.odata.driver import ODataDriver
from tests.sap_odata.connections import business_one, documents, keys, streams
from tests.sap_odata.service_layer import ServiceLayer
from tests.sap_odata.web import Trouble

STREAMS = streams("sap-business-one")
ORDER: dict[str, Any] = {
    "vendorKey": "V10000", "dueAt": "2026-02-10T00:00:00Z", "notes": "by rail",
    "lineItems": [{"materialKey": "A00001", "quantity": "3", "price": "2.5", "storeroomKey": "01"}],
}  # fmt: skip


@pytest.fixture
async def driver(service_layer: ServiceLayer) -> AsyncIterator[ODataDriver]:
    made = business_one(service_layer)
    yield made
    await made.aclose()


def command(stream: str, kind: OperationKind, record: dict[str, Any], key: str = "cmd-1") -> WriteCommand:
    spec = STREAMS[stream].spec
    return WriteCommand(kind, spec.entity, record, key, spec)


@pytest.mark.parametrize(
    ("name", "count"),
    [("purchase_orders", 25), ("work_orders", 8), ("inventory_items", 12), ("vendors", 4), ("assets", 3)],
)
async def test_every_record_is_read_once_and_maps(driver, name, count):
    found = await documents(driver, STREAMS[name])

    assert len({each["key"] for each in found}) == len(found) == count


async def test_lines_stocks_and_amounts_arrive_as_they_are(driver):
    orders = {each["key"]: each for each in await documents(driver, STREAMS["purchase_orders"])}
    items = {each["key"]: each for each in await documents(driver, STREAMS["inventory_items"])}

    assert [each["lineTotalValue"] for each in orders["2"]["lineItems"]] == ["31.65", "42.2", "52.75"]
    assert (orders["10"]["status"], orders["5"]["status"], orders["1"]["status"]) == (
        "cancelled",
        "closed",
        "ordered",
    )
    assert [(each["storeroomKey"], each["quantity"], each["unitCost"]) for each in items["A00003"]["stocks"]] == [
        ("01", "15.5", "12.34"), ("02", "15.5", "12.34"),
    ]  # fmt: skip


async def test_totals_are_in_the_currency_that_stands_beside_them(driver):
    orders = {each["key"]: each for each in await documents(driver, STREAMS["purchase_orders"])}
    names = ("currencyKey", "totalTaxValue", "totalGrossValue")
    lines = ("currencyKey", "price", "lineTaxValue", "lineTotalValue")

    assert [orders["4"][name] for name in names] == ["EUR", "1", "74.85"]
    assert [orders["7"][name] for name in names] == ["USD", "1", "74.85"]
    assert [[line[name] for name in lines] for line in orders["7"]["lineItems"]] == [
        ["USD", "10.55", "0", "31.65"],
        ["USD", "10.55", "1", "42.2"],
    ]


async def test_every_reference_leads_to_a_record(driver):
    found = {name: await documents(driver, STREAMS[name]) for name in STREAMS}

    vendors, items = ({each["key"] for each in found[name]} for name in ("vendors", "inventory_items"))
    assert {each["vendorKey"] for each in found["purchase_orders"]} <= vendors
    assert {line["materialKey"] for each in found["purchase_orders"] for line in each["lineItems"]} <= items


async def test_each_sync_reads_the_whole_day_of_the_last_one(service_layer, driver):
    service_layer.books.now = service_layer.books.now.replace(day=28)
    service_layer.books.rows["PurchaseOrders"][4].update(service_layer.books.stamp())

    found = await documents(driver, STREAMS["purchase_orders"], since=Mark(MarkKind.DATE, "2026-01-28"))

    assert [each["key"] for each in found] == ["4"]


async def test_a_session_that_ended_is_opened_anew(service_layer, driver):
    before = await keys(driver, STREAMS["vendors"])
    service_layer.end_sessions()

    assert await keys(driver, STREAMS["vendors"]) == before
    assert len([each for each in service_layer.seen if each.path.endswith("/Login")]) == 2


async def test_the_driver_signs_out_at_the_end(service_layer):
    made = business_one(service_layer)
    await keys(made, STREAMS["vendors"])
    await made.aclose()

    assert service_layer.sessions == {}


async def test_the_check_passes_and_its_operations_are_those_of_the_model(driver):
    specs = [stream.spec for stream in STREAMS.values()]

    assert [step for step in await driver.check(specs) if not step.ok] == []
    operations = await driver.operations(specs)
    assert [fault for operation in operations for fault in _unknown_names(operation)] == []
    assert {(each.entity, each.kind.value) for each in operations} == {
        ("purchase_order", "create"), ("purchase_order", "update"), ("purchase_order", "set_status"), ("work_order", "update"),
        ("work_order", "set_status"), ("inventory_item", "update"), ("vendor", "create"), ("vendor", "update"),
        ("asset", "update"),
    }  # fmt: skip


async def test_an_order_is_created_and_read_back(service_layer, driver):
    outcome = await driver.execute(command("purchase_orders", OperationKind.CREATE, ORDER))

    found = {each["key"]: each for each in await documents(driver, STREAMS["purchase_orders"])}
    assert (outcome.status, outcome.key, outcome.reference) == (OutcomeStatus.SUCCEEDED, "26", "1026")
    assert (found["26"]["totalGrossValue"], found["26"]["notes"]) == ("7.5", "by rail")


async def test_an_order_whose_answer_was_lost_is_found_by_its_reference(service_layer, driver):
    await keys(driver, STREAMS["vendors"])
    service_layer.troubles = [Trouble("POST .*PurchaseOrders", drop="after")]
    create = command("purchase_orders", OperationKind.CREATE, ORDER)

    with pytest.raises(Unreachable):
        await driver.execute(create)
    found = await driver.find_effect(create)

    assert found is not None
    assert found.key == "26"
    assert (await driver.execute(create)).key == "26"
    assert len(service_layer.books.rows["PurchaseOrders"]) == 26


async def test_refusals_come_back_in_the_systems_words(driver):
    unknown = await driver.execute(
        command("purchase_orders", OperationKind.CREATE, ORDER | {"vendorKey": "NOBODY"})
    )
    closed = await driver.execute(
        command("purchase_orders", OperationKind.UPDATE, {"key": "5", "notes": "late"})
    )

    assert (unknown.status, closed.status) == (OutcomeStatus.FAILED, OutcomeStatus.FAILED)
    assert "Enter valid code" in unknown.messages[0].text
    assert closed.messages[0].code == "-1029"


@pytest.mark.parametrize(("status", "cancelled"), [("closed", "tNO"), ("cancelled", "tYES")])
async def test_an_open_order_is_closed_or_cancelled_and_a_closed_one_neither(
    service_layer, driver, status, cancelled
):
    outcome = await driver.execute(
        command("purchase_orders", OperationKind.SET_STATUS, {"key": "4", "status": status})
    )
    again = await driver.execute(
        command("purchase_orders", OperationKind.SET_STATUS, {"key": "4", "status": status})
    )

    row = service_layer.books.rows["PurchaseOrders"][4]
    found = {each["key"]: each for each in await documents(driver, STREAMS["purchase_orders"])}
    assert (outcome.status, again.status) == (OutcomeStatus.SUCCEEDED, OutcomeStatus.FAILED)
    assert "closed already" in again.messages[0].text
    assert (row["DocumentStatus"], row["Cancelled"], found["4"]["status"]) == (
        "bost_Close",
        cancelled,
        status,
    )


async def test_a_production_order_is_released(service_layer, driver):
    outcome = await driver.execute(
        command("work_orders", OperationKind.SET_STATUS, {"key": "4", "status": "released"})
    )

    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert service_layer.books.rows["ProductionOrders"][4]["ProductionOrderStatus"] == "boposReleased"


async def test_vendors_and_assets_are_changed(service_layer, driver):
    vendor = await driver.execute(
        command("vendors", OperationKind.CREATE, {"code": "V90000", "name": "New & Co"})
    )
    asset = await driver.execute(
        command("assets", OperationKind.UPDATE, {"key": "FA001", "serialNumber": "SN-X"})
    )

    assert (vendor.status, vendor.key) == (OutcomeStatus.SUCCEEDED, "V90000")
    assert asset.status is OutcomeStatus.SUCCEEDED
    assert service_layer.books.rows["BusinessPartners"]["V90000"]["CardType"] == "cSupplier"
    assert service_layer.books.rows["Items"]["FA001"]["AssetSerialNumber"] == "SN-X"
