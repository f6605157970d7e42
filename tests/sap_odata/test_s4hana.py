"""The shipped S/4HANA profile, the driver and the fake together: what is read, found again, written and refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from agent.checking import _unknown_names
from drivers.contract import (
    BadConfiguration,
    CredentialsRefused,
    Mark,
    MarkKind,
    OperationKind,
    OutcomeStatus,
    ReadMode,
    ReadRequest,
    StreamSpec,
    Throttled,
    Unreachable,
    WriteCommand,
)
from drivers.odata.driver import ODataDriver
from tests.sap_odata.connections import documents, keys, s4hana, streams
from tests.sap_odata.gateway import TOKEN_PATH, Gateway
from tests.sap_odata.web import Trouble

STREAMS = streams("sap-s4hana")
ORDER: dict[str, Any] = {
    "vendorKey": "1000001", "organizationKey": "1010", "currencyKey": "EUR", "orderDate": "2026-01-20", "terms": "0004",
    "customFields": {"purchasingOrganization": "1010", "purchasingGroup": "001"},
    "lineItems": [
        {"materialKey": "TG0001", "locationKey": "1010", "quantity": "3", "price": "9.99", "priceUnit": "1", "uomKey": "ST", "dueAt": "2026-03-02T00:00:00Z"},
        {"materialKey": "TG0002", "locationKey": "1010", "storeroomKey": "101A", "quantity": "2.5"},
    ],
}  # fmt: skip


@pytest.fixture
async def driver(gateway: Gateway) -> AsyncIterator[ODataDriver]:
    made = s4hana(gateway)
    yield made
    await made.aclose()


def command(stream: str, kind: OperationKind, record: dict[str, Any], key: str = "cmd-1") -> WriteCommand:
    spec = STREAMS[stream].spec
    return WriteCommand(kind, spec.entity, record, key, spec)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("purchase_orders", 28),  # two are marked as deleted
        ("purchase_orders_v4", 28),
        ("work_orders", 12),
        ("inventory_items", 20),
        ("vendors", 8),
        ("equipment", 12),  # a past period of one is left out
        ("functional_locations", 6),
    ],
)
@pytest.mark.parametrize("sizes", [(None, None), (5, 2)], ids=["whole", "cut by the server"])
async def test_every_record_is_read_once_and_maps(gateway, driver, name, count, sizes):
    for service in gateway.services.values():
        service.page_size, service.nested_size = sizes

    found = await documents(driver, STREAMS[name])

    assert len({each["key"] for each in found}) == len(found) == count


async def test_an_order_has_its_items_dates_accounts_and_notes(driver):
    found = {each["key"]: each for each in await documents(driver, STREAMS["purchase_orders"])}

    order = found["4500000005"]
    assert (order["vendorKey"], order["status"], order["notes"]) == (
        "1000002",
        "approved",
        "Deliver to gate 3\nby noon",
    )
    assert [(each["lineNo"], each["status"], each["accountKey"]) for each in order["lineItems"]] == [
        ("10", "ordered", "17101301"),
        ("20", "received", None),
    ]
    assert order["lineItems"][0]["dueAt"] == "2026-02-04T00:00:00Z"
    assert order["lineItems"][0]["price"] == "10.99"


async def test_both_versions_of_the_service_give_the_same_orders(driver):
    v2, v4 = [
        {each["key"]: each for each in await documents(driver, STREAMS[name])}
        for name in ("purchase_orders", "purchase_orders_v4")
    ]

    for key, order in v2.items():
        for name in ("status", "orderDate", "vendorKey", "dueAt", "currencyKey", "customFields", "notes"):
            assert v4[key][name] == order[name]
        theirs = [{**line, "lineTotalValue": None} for line in v4[key]["lineItems"]]
        assert theirs == order["lineItems"]
    assert v4["4500000001"]["totalNetValue"] == "164.85"
    deleted = 0
    for order in v4.values():
        there = [line for line in order["lineItems"] if line["status"] != "cancelled"]
        deleted += len(order["lineItems"]) - len(there)
        amounts = [Decimal(line["lineTotalValue"]) for line in there]
        total = order["totalNetValue"]
        assert (total and Decimal(total)) == (sum(amounts) if amounts else None), order["key"]
    assert deleted, "an item that is marked as deleted counts for nothing"


async def test_stocks_are_the_companys_own_unrestricted_ones(driver):
    found = {each["key"]: each for each in await documents(driver, STREAMS["inventory_items"])}

    item = found["TG0001"]
    assert [(each["siteKey"], each["storeroomKey"], each["quantity"]) for each in item["stocks"]] == [
        ("1010", "101A", "7.5"), ("1010", "101B", "7.5"), ("1710", "101A", "7.5"), ("1710", "101B", "7.5"),
    ]  # fmt: skip
    assert item["stocks"][0]["reorderPoint"] == "10"
    assert found["TG0007"]["isActive"] is False


async def test_every_reference_leads_to_a_record(driver):
    found = {name: await documents(driver, STREAMS[name]) for name in STREAMS}

    vendors, items = ({each["key"] for each in found[name]} for name in ("vendors", "inventory_items"))
    assets = {each["key"] for name in ("equipment", "functional_locations") for each in found[name]}
    assert {each["vendorKey"] for each in found["purchase_orders"]} <= vendors
    assert {line["materialKey"] for each in found["purchase_orders"] for line in each["lineItems"]} <= items
    assert {each["assetKey"] for each in found["work_orders"]} <= assets
    assert {each["parentKey"] for each in found["equipment"]} <= assets


async def test_a_vendor_is_known_by_the_suppliers_number_and_has_its_ways_to_reach_it(driver):
    found = {each["key"]: each for each in await documents(driver, STREAMS["vendors"])}

    vendor = found["1000003"]
    assert vendor["name"] == "O'Brien & Söhne 3"
    assert (vendor["emailAddress"], vendor["phone"]) == ("einkauf3@lieferant.example", "+496227740003")
    assert (found["1000005"]["isBlocked"], found["1000006"]["isActive"]) == (True, False)
    assert vendor["customFields"]["businessPartner"] == "3000003"


async def test_what_changed_is_read_and_nothing_else(gateway, driver):
    mark = Mark(MarkKind.TIMESTAMP, "2026-01-05T08:30:00+00:00")
    gateway.company.now = gateway.company.now.replace(hour=9)
    gateway.company["A_PurchaseOrderType"].get(("4500000003",))["LastChangeDateTime"] = (
        gateway.company.stamp()
    )

    found = await documents(driver, STREAMS["purchase_orders"], since=mark)

    assert [each["key"] for each in found] == ["4500000003"]


async def test_a_deleted_order_is_no_longer_among_the_keys(gateway, driver):
    before = await keys(driver, STREAMS["purchase_orders"])
    gateway.company["A_PurchaseOrderType"].get(("4500000003",))["PurchasingDocumentDeletionCode"] = "L"

    assert before - await keys(driver, STREAMS["purchase_orders"]) == {"4500000003"}


async def test_the_check_passes_and_its_operations_are_those_of_the_model(driver):
    specs = [stream.spec for stream in STREAMS.values()]

    assert [step for step in await driver.check(specs) if not step.ok] == []
    operations = await driver.operations(specs)
    assert [fault for operation in operations for fault in _unknown_names(operation)] == []
    assert {(each.stream, each.kind.value) for each in operations} == {
        ("purchase_orders", "create"), ("purchase_orders", "update"), ("purchase_orders_v4", "create"),
        ("work_orders", "create"), ("work_orders", "update"), ("work_orders", "set_status"),
        ("vendors", "create"), ("vendors", "update"), ("equipment", "update"),
    }  # fmt: skip


async def test_one_service_that_is_not_active_leaves_the_other_streams_to_be_tried(gateway, driver):
    gateway.services["API_EQUIPMENT"].active = False

    steps = await driver.check([stream.spec for stream in STREAMS.values()])

    assert {step.stream for step in steps if not step.ok} == {"equipment"}


@pytest.mark.parametrize("stream", ["purchase_orders", "purchase_orders_v4"])
async def test_an_order_without_what_only_custom_fields_hold_is_refused_by_their_name(
    gateway, driver, stream
):
    record = {name: value for name, value in ORDER.items() if name != "customFields"}

    outcome = await driver.execute(command(stream, OperationKind.CREATE, record))

    assert (outcome.status, outcome.messages[0].code) == (OutcomeStatus.FAILED, "required")
    assert outcome.messages[0].field == "customFields"


@pytest.mark.parametrize("stream", ["purchase_orders", "purchase_orders_v4"])
async def test_an_order_is_created_and_read_back(gateway, driver, stream):
    outcome = await driver.execute(command(stream, OperationKind.CREATE, ORDER))

    found = {each["key"]: each for each in await documents(driver, STREAMS[stream])}
    assert (outcome.status, outcome.key, outcome.reference) == (
        OutcomeStatus.SUCCEEDED,
        "4500000031",
        "4500000031",
    )
    lines = found["4500000031"]["lineItems"]
    assert [each["dueAt"] for each in lines] == ["2026-03-02T00:00:00Z", "2026-01-30T00:00:00Z"]
    assert [(each["materialKey"], each["quantity"], each["price"]) for each in lines] == [
        ("TG0001", "3", "9.99"),
        ("TG0002", "2.5", "0"),
    ]


async def test_an_order_whose_answer_was_lost_is_found_by_its_reference(gateway, driver):
    gateway.troubles = [Trouble("POST .*A_PurchaseOrder", drop="after")]
    create = command("purchase_orders", OperationKind.CREATE, ORDER)

    with pytest.raises(Unreachable):
        await driver.execute(create)
    found = await driver.find_effect(create)
    again = await driver.execute(create)

    assert found is not None
    assert found.key == again.key == "4500000031"
    assert len(gateway.company["A_PurchaseOrderType"]) == 31


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"vendorKey": "9999999"}, "06/321"),
        ({"vendorKey": "1000005"}, "06/027"),
        ({"currencyKey": "QQQ"}, "E!/105"),
    ],
    ids=["unknown", "blocked", "currency"],
)
async def test_a_refused_order_says_why_in_the_systems_words(gateway, driver, change, code):
    outcome = await driver.execute(command("purchase_orders", OperationKind.CREATE, ORDER | change))

    assert outcome.status is OutcomeStatus.FAILED
    assert code in {message.code for message in outcome.messages}
    assert len(gateway.company["A_PurchaseOrderType"]) == 30


async def test_an_order_that_a_user_has_open_is_not_changed(gateway, driver):
    gateway.company.open_by("purchase_order", "4500000001")
    record = {"key": "4500000001", "terms": "0001", "lineItems": [{"lineNo": "10", "quantity": "8"}]}

    locked = await driver.execute(command("purchase_orders", OperationKind.UPDATE, record))
    gateway.company.locks.clear()
    free = await driver.execute(command("purchase_orders", OperationKind.UPDATE, record))

    assert "MUELLER is processing purchase order 4500000001" in {each.text for each in locked.messages}
    assert (locked.status, free.status) == (OutcomeStatus.FAILED, OutcomeStatus.SUCCEEDED)
    assert str(gateway.company["A_PurchaseOrderItemType"].get(("4500000001", "10"))["OrderQuantity"]) == "8"


async def test_a_change_of_which_one_item_is_refused_changes_nothing(gateway, driver):
    lines = [{"lineNo": "10", "quantity": "8"}, {"lineNo": "20", "quantity": "0"}]
    record = {"key": "4500000001", "terms": "0001", "lineItems": lines}

    outcome = await driver.execute(command("purchase_orders", OperationKind.UPDATE, record))

    assert outcome.status is OutcomeStatus.FAILED
    assert (
        str(gateway.company["A_PurchaseOrderItemType"].get(("4500000001", "10"))["OrderQuantity"]) == "5.000"
    )
    assert gateway.company["A_PurchaseOrderType"].get(("4500000001",))["PaymentTerms"] == "0004"


async def test_a_work_order_is_created_released_and_technically_completed(gateway, driver):
    record = {"type": "YA01", "title": "Replace seal", "assetKey": "10000003", "customFields": {"planningPlant": "1010"},
              "tasks": [{"title": "Drain"}, {"title": "Replace"}], "scheduledAt": "2026-02-01T06:00:00Z"}  # fmt: skip

    made = await driver.execute(command("work_orders", OperationKind.CREATE, record))
    states = []
    for status in ("released", "completed", "completed"):
        change = command(
            "work_orders", OperationKind.SET_STATUS, {"key": made.key, "status": status}, f"to-{status}"
        )
        states.append(await driver.execute(change))

    order = gateway.company["MaintenanceOrderType"].get((made.key,))
    operations = gateway.company["MaintenanceOrderOperationType"].where(MaintenanceOrder=made.key)
    assert order["SystemStatusText"].startswith("TECO")
    assert [each["OperationDescription"] for each in operations] == ["Drain", "Replace"]
    assert [each.status.value for each in states] == ["succeeded", "succeeded", "failed"]
    assert "BS/007" in {message.code for message in states[-1].messages}


async def test_a_vendor_is_created_as_a_partner_with_the_role_once(gateway, driver):
    gateway.troubles = [Trouble("POST .*A_BusinessPartner", drop="after")]
    record = {"name": "Neu & Söhne", "addresses": [{"city": "Kiel", "postCode": "24103", "country": "DE"}],
              "customFields": {"grouping": "BP02"}}  # fmt: skip
    create = command("vendors", OperationKind.CREATE, record)

    with pytest.raises(Unreachable):
        await driver.execute(create)
    outcome = await driver.execute(create)

    found = {each["key"]: each for each in await documents(driver, STREAMS["vendors"])}
    assert (outcome.status, outcome.key) == (OutcomeStatus.SUCCEEDED, "1000101")
    assert (found["1000101"]["name"], found["1000101"]["addresses"][0]["city"]) == ("Neu & Söhne", "Kiel")
    assert len(found) == 9


async def test_equipment_changes_with_the_version_that_was_read(gateway, driver):
    record = {"key": "10000002", "name": "Pump, mended", "serialNumber": "SN-9"}

    outcome = await driver.execute(command("equipment", OperationKind.UPDATE, record))

    found = {each["key"]: each for each in await documents(driver, STREAMS["equipment"])}
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert (found["10000002"]["name"], found["10000002"]["serialNumber"]) == ("Pump, mended", "SN-9")


async def test_a_token_that_ended_is_fetched_anew(gateway, driver):
    gateway.csrf_uses = 1
    outcomes = [
        await driver.execute(
            command("vendors", OperationKind.UPDATE, {"key": key, "isBlocked": True}, f"k-{key}")
        )
        for key in ("1000001", "1000002", "1000003")
    ]

    assert {each.status for each in outcomes} == {OutcomeStatus.SUCCEEDED}
    assert gateway.company["A_SupplierType"].get(("1000003",))["PurchasingIsBlocked"] is True


async def test_a_busy_system_is_left_alone_for_as_long_as_it_says(gateway, driver):
    gateway.troubles = [Trouble("A_PurchaseOrder", 503, headers={"Retry-After": "11"}, times=99)]

    with pytest.raises(Throttled) as caught:
        await documents(driver, STREAMS["purchase_orders"])

    assert caught.value.retry_after == 11


@pytest.mark.parametrize(
    "wrong",
    [{"auth": {"kind": "basic", "user": "NOBODY"}}, {"query": {"sap-client": "200"}}],
    ids=["user", "client"],
)
async def test_a_wrong_user_or_client_is_told(gateway, wrong):
    driver = s4hana(gateway, **wrong)

    with pytest.raises(CredentialsRefused):
        await documents(driver, STREAMS["vendors"])
    await driver.aclose()


async def test_oauth_signs_in(gateway):
    auth = {"kind": "oauth2", "token_url": gateway.url + TOKEN_PATH, "client_id": "connector"}
    driver = s4hana(gateway, auth=auth)

    assert len(await documents(driver, STREAMS["functional_locations"])) == 6
    await driver.aclose()


async def test_a_line_inside_a_line_is_a_single_one(driver):
    write = json.loads(json.dumps(STREAMS["purchase_orders"].spec.write))
    lines = write["create"]["steps"][0]["lines"]["to_PurchaseOrderItem"]["lines"]["to_ScheduleLine"]
    lines["for_each"] = "lineItems"

    with pytest.raises(BadConfiguration, match="inside of for_each"):
        await driver.operations([replace(STREAMS["purchase_orders"].spec, write=write)])


# --- line sets from another service


def stock_stream(**lines: Any) -> StreamSpec:
    read = json.loads(json.dumps(STREAMS["inventory_items"].spec.options))
    read["lines"] = {"stocks": {**read["lines"]["stocks"], **lines}}
    return StreamSpec("items", "inventory_item", read)


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ({"service": "odata4/sap/api_purchaseorder_2/srvd_a2x/sap/purchaseorder/0001"}, "V4"),
        ({"entity_set": None, "parent": None, "expand": "to_Plant"}, "service belongs to entity_set"),
    ],
    ids=["another version", "expanded"],
)
async def test_the_service_of_a_line_set_has_to_fit(driver, lines, word):
    spec = stock_stream(**lines)
    stocks = spec.options["lines"]["stocks"]
    for name in [name for name, value in stocks.items() if value is None]:
        del stocks[name]

    with pytest.raises(BadConfiguration, match=word):
        await anext(driver.read(ReadRequest(spec, ReadMode.SCAN)))
