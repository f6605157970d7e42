"""The shipped Business Central profile, the driver and the tests' own service together."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

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
    SourceBusy,
    SourceChanged,
    Throttled,
    Unreachable,
    WriteCommand,
)
from drivers.odata.driver import ODataDriver
from tests import windows_sign_in
from tests.dynamics_odata.business_central import KEY, USER, BusinessCentral
from tests.dynamics_odata.connections import business_central, entra
from tests.dynamics_odata.cronus import CRONUS, OTHER, guid
from tests.sap_odata.connections import documents, keys, streams
from tests.sap_odata.web import Request, Trouble
from tests.windows_sign_in import WindowsServer, use_accounts

STREAMS = streams("dynamics-bc")
COUNTS = {"purchase_orders": 25, "vendors": 5, "inventory_items": 8, "assets": 4, "work_orders": 5}
ORDER: dict[str, Any] = {
    "vendorKey": str(guid("vendor 1")),
    "dueAt": "2026-02-10T00:00:00Z",
    "lineItems": [
        {"materialKey": str(guid("item 1")), "quantity": "3", "price": "2.5", "dueAt": "2026-02-12T00:00:00Z"},
        {"materialKey": str(guid("item 2")), "quantity": "1.25"},
    ],
}  # fmt: skip
CREATE, UPDATE, DELETE = OperationKind.CREATE, OperationKind.UPDATE, OperationKind.DELETE


@pytest.fixture
async def driver(central: BusinessCentral) -> AsyncIterator[ODataDriver]:
    made = business_central(central)
    yield made
    await made.aclose()


def command(stream: str, kind: OperationKind, record: dict[str, Any], key: str = "cmd-1") -> WriteCommand:
    spec = STREAMS[stream].spec
    return WriteCommand(kind, spec.entity, record, key, spec)


def told(central: BusinessCentral, method: str, line: str, body: bytes) -> tuple[int, bytes]:
    """What Business Central answers to a request whose sender is known."""
    address = urlsplit(line)
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    basic = base64.b64encode(f"{USER}:{KEY}".encode()).decode()
    headers = {"authorization": f"Basic {basic}", "content-type": "application/json", "host": address.netloc}
    response = central.answer(Request(method, address.path, query, headers, body, line))
    return response.status, response.body


def order_key(number: int) -> str:
    return str(guid(f"order {number}"))


# --- reading


@pytest.mark.parametrize("name", COUNTS)
async def test_every_record_is_read_once_and_maps(central, driver, name):
    central.largest_page = 11

    found = await documents(driver, STREAMS[name])

    assert len({each["key"] for each in found}) == len(found) == COUNTS[name]


async def test_lines_amounts_and_what_is_empty_arrive_as_they_are(driver):
    found = {each["orderNo"]: each for each in await documents(driver, STREAMS["purchase_orders"])}

    order = found["106005"]
    assert [(each["lineNo"], each["type"], each["quantity"]) for each in order["lineItems"]] == [
        ("10000", "Item", "3"), ("20000", "Item", "6"), ("90000", "Account", "1"),
    ]  # fmt: skip
    assert (order["totalNetValue"], order["totalGrossValue"]) == ("124.41", "155.5125")
    assert order["customFields"]["pricesIncludeTax"] == "no"
    item, *_, freight = order["lineItems"]
    assert (item["accountKey"], freight["materialKey"]) == (None, None)
    assert freight["accountKey"] == str(guid("account 7110"))
    assert (found["106002"]["dueAt"], freight["dueAt"]) == (None, None)
    assert {each["status"] for each in found.values()} == {"draft", "ordered", "pending_approval", "received"}


async def test_every_reference_leads_to_a_record(driver):
    found = {name: await documents(driver, STREAMS[name]) for name in STREAMS}

    vendors, items = ({each["key"] for each in found[name]} for name in ("vendors", "inventory_items"))
    assert {each["vendorKey"] for each in found["purchase_orders"]} <= vendors
    materials = {line["materialKey"] for each in found["purchase_orders"] for line in each["lineItems"]}
    assert materials - {None} <= items


async def test_blocked_vendors_and_stocks_are_what_they_are(driver):
    vendors = {each["code"]: each for each in await documents(driver, STREAMS["vendors"])}
    items = {each["code"]: each for each in await documents(driver, STREAMS["inventory_items"])}

    assert [(each["isActive"], each["isBlocked"]) for each in vendors.values()] == [
        (True, False), (True, False), (True, False), (True, True), (False, True),
    ]  # fmt: skip
    assert (vendors["10000"]["name"], vendors["10000"]["customFields"]["blockedFor"]) == (
        "O'Brien & Söhne 1",
        None,
    )
    (stock,) = items["1902-S"]["stocks"]
    assert (stock["quantity"], stock["unitCost"], items["1907-S"]["isActive"]) == ("21.5", "194.2", False)


async def test_production_orders_come_from_a_published_page(driver):
    found = {each["key"]: each for each in await documents(driver, STREAMS["work_orders"])}

    assert [each["status"] for each in found.values()] == [
        "draft",
        "planned",
        "planned",
        "released",
        "completed",
    ]
    assert (found["101001"]["completedAt"], found["101005"]["completedAt"]) == (None, "2026-02-01T00:00:00Z")


async def test_only_what_changed_since_is_read_again(central, driver):
    signpost = await driver.signpost(STREAMS["purchase_orders"].spec)
    assert signpost is not None
    central.books.now = datetime.fromisoformat(signpost.value) + timedelta(days=1)
    line = central.books.lines(central.books.by_number("purchaseOrders", "106004"))[0]
    line["quantity"] *= 2
    central.books.total(central.books.by_number("purchaseOrders", "106004"))
    central.clock = lambda: central.books.now

    found = await documents(driver, STREAMS["purchase_orders"], since=signpost)

    assert [each["orderNo"] for each in found] == ["106004"]


async def test_orders_of_one_moment_that_fit_no_page_are_all_read(central, driver):
    for row in central.books.tables["purchaseOrders"].values():
        row["lastModifiedDateTime"] = central.books.now
    start = Mark(MarkKind.TIMESTAMP, (central.books.now - timedelta(hours=1)).isoformat())

    found = await documents(driver, STREAMS["purchase_orders"], since=start, page_rows=3)

    assert len({each["key"] for each in found}) == len(found) == 25


async def test_what_is_passed_by_under_another_number_is_read_by_its_stamp(central, driver):
    stream = STREAMS["vendors"]
    signpost = await driver.signpost(stream.spec)
    vendors = list(central.books.tables["vendors"].values())
    met: set[str] = set()
    async for page in driver.read(ReadRequest(stream.spec, ReadMode.KEYS, page_rows=2)):
        if not met:
            central.books.now = datetime.fromisoformat(signpost.value) + timedelta(days=1)
            vendors[-1] |= {"number": "00001", "lastModifiedDateTime": central.books.now}
            central.clock = lambda: central.books.now
        met |= set(page.table.column("__key").to_pylist())
    passed_by = str(vendors[-1]["id"])

    assert met == {str(each["id"]) for each in vendors} - {passed_by}
    assert [each["key"] for each in await documents(driver, stream, since=signpost)] == [passed_by]


async def test_a_deleted_order_is_missing_from_the_keys(central, driver):
    before = await keys(driver, STREAMS["purchase_orders"])
    order = central.books.by_number("purchaseOrders", "106003")
    del central.books.tables["purchaseOrders"][order["id"],]

    assert before - await keys(driver, STREAMS["purchase_orders"]) == {str(order["id"])}


async def test_a_key_that_no_number_can_be_is_not_asked_for(driver):
    spec = STREAMS["work_orders"].spec
    request = ReadRequest(spec, ReadMode.BY_KEYS, keys=["101002", "a number of more than twenty characters"])

    found = [key async for page in driver.read(request) for key in page.table.column("__key").to_pylist()]

    assert found == ["101002"]


# --- companies, signing in, limits


@pytest.mark.parametrize("company", [OTHER, OTHER.upper(), str(guid(OTHER))])
async def test_the_company_is_the_one_that_is_named(central, company):
    driver = business_central(central, company=company)

    assert len(await documents(driver, STREAMS["purchase_orders"])) == 1
    await driver.aclose()


async def test_a_company_behind_the_first_answer_is_found(central):
    central.largest_page = 1
    driver = business_central(central, company=OTHER)

    assert len(await documents(driver, STREAMS["purchase_orders"])) == 1
    await driver.aclose()


@pytest.mark.parametrize(("company", "count"), [(CRONUS, 25), (OTHER, 1)])
async def test_a_plan_counts_what_the_company_holds(central, company, count):
    driver = business_central(central, company=company)
    plan = await driver.plan(ReadRequest(STREAMS["purchase_orders"].spec, ReadMode.SCAN))
    await driver.aclose()

    assert (plan.rows, plan.exact) == (count, True)


@pytest.mark.parametrize("company", ["", "Nobody"])
async def test_without_a_company_nothing_is_read_or_written(central, company):
    driver = business_central(central, company=company)

    with pytest.raises(BadConfiguration) as caught:
        await keys(driver, STREAMS["vendors"])
    with pytest.raises(BadConfiguration):
        await driver.execute(command("purchase_orders", CREATE, ORDER))
    await driver.aclose()
    assert "'CRONUS International Ltd.', 'My Company'" in caught.value.hint
    assert [request for request in central.seen if request.method != "GET"] == []


@pytest.mark.parametrize("companies", [{}, {"ODataV4": {"entity_set": "Company", "by": ["Name"]}}])
async def test_a_company_of_a_service_that_does_not_say_where_it_keeps_them_is_refused(central, companies):
    driver = business_central(central, companies=companies)

    with pytest.raises(BadConfiguration, match="nothing says where the service"):
        await keys(driver, STREAMS["vendors"])
    await driver.aclose()


async def test_a_slash_about_a_services_path_makes_it_no_other_service(central):
    table = {"entity_set": "companies", "by": ["name"]}
    driver = business_central(central, companies={"/api/v2.0/": table}, company=OTHER)

    assert len(await documents(driver, STREAMS["purchase_orders"])) == 1
    await driver.aclose()


async def test_every_request_names_the_tenant_of_a_server_with_several(central):
    central.tenant, central.largest_page = "default", 4
    driver = business_central(central, query={"tenant": "default"})
    nameless = business_central(central)

    assert len(await documents(driver, STREAMS["purchase_orders"])) == COUNTS["purchase_orders"]
    made = await driver.execute(command("purchase_orders", CREATE, ORDER))
    change = {"key": made.key, "lineItems": [{"lineNo": "10000", "quantity": "9"}]}
    assert (
        await driver.execute(command("purchase_orders", UPDATE, change))
    ).status is OutcomeStatus.SUCCEEDED
    assert [step.detail for step in await nameless.check() if not step.ok]
    await driver.aclose()
    await nameless.aclose()


async def test_client_credentials_are_renewed_when_their_token_ends(central):
    driver = business_central(central, auth=entra(central))
    before = await keys(driver, STREAMS["vendors"])
    central.tokens.clear()

    assert await keys(driver, STREAMS["vendors"]) == before
    await driver.aclose()
    assert len([request for request in central.seen if request.path.endswith("/token")]) == 2


async def test_an_account_of_windows_reads_and_creates(central, tmp_path, monkeypatch):
    use_accounts(tmp_path, monkeypatch)
    server = WindowsServer(lambda *request: told(central, *request))
    auth = {"kind": "windows", "user": windows_sign_in.USER}
    driver = business_central(
        central, {"password": windows_sign_in.PASSWORD}, url=f"{server.url}/BC", auth=auth
    )
    try:
        assert len(await keys(driver, STREAMS["purchase_orders"])) == COUNTS["purchase_orders"]
        assert (
            await driver.execute(command("purchase_orders", CREATE, ORDER))
        ).status is OutcomeStatus.SUCCEEDED
    finally:
        await driver.aclose()
        server.stop()
    assert set(server.users) == {windows_sign_in.USER}
    assert {scheme for scheme, _ in server.seen} <= {"", "Negotiate"}


async def test_a_wrong_secret_is_told_as_such(central):
    driver = business_central(central, auth={"kind": "basic", "user": "SOMEBODY"})

    with pytest.raises(CredentialsRefused, match="rejected the client credentials"):
        await keys(driver, STREAMS["vendors"])
    await driver.aclose()


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [(429, {"Retry-After": "17"}, Throttled), (503, {"Retry-After": "5"}, Throttled), (503, {}, SourceBusy), (504, {}, SourceBusy)],
)  # fmt: skip
async def test_a_busy_service_is_left_alone(central, driver, status, headers, error):
    await keys(driver, STREAMS["vendors"])
    central.troubles = [Trouble("GET .*/vendors", status, headers=headers)]

    with pytest.raises(error) as caught:
        await keys(driver, STREAMS["vendors"])
    assert getattr(caught.value, "retry_after", None) in {None, 17, 5}


async def test_a_read_only_copy_is_asked_for_pages_alone(central):
    driver = business_central(central, read_headers={"Data-Access-Intent": "ReadOnly"})
    await documents(driver, STREAMS["purchase_orders"])
    made = await driver.execute(command("purchase_orders", CREATE, ORDER))
    request = ReadRequest(STREAMS["purchase_orders"].spec, ReadMode.BY_KEYS, keys=[made.key])
    assert [page.table.num_rows async for page in driver.read(request)] == [1]
    await driver.aclose()

    listed = [each for each in central.seen if each.method == "GET" and each.path.endswith("/purchaseOrders")]
    assert all("data-access-intent" in each.headers for each in listed[:-1])
    assert "data-access-intent" not in central.seen[-1].headers


async def test_the_check_passes_and_its_operations_are_those_of_the_model(driver):
    specs = [stream.spec for stream in STREAMS.values()]

    assert [step for step in await driver.check(specs) if not step.ok] == []
    operations = await driver.operations(specs)
    assert [fault for operation in operations for fault in _unknown_names(operation)] == []
    assert {(each.entity, each.kind.value) for each in operations} == {
        ("purchase_order", "create"), ("purchase_order", "update"), ("purchase_order", "delete"), ("vendor", "create"),
        ("vendor", "update"), ("inventory_item", "update"), ("asset", "update"),
    }  # fmt: skip


# --- writing


async def test_an_order_is_created_with_its_lines_and_read_back(driver):
    outcome = await driver.execute(command("purchase_orders", CREATE, ORDER))

    found = {each["key"]: each for each in await documents(driver, STREAMS["purchase_orders"])}[outcome.key]
    assert (outcome.status, outcome.reference) == (OutcomeStatus.SUCCEEDED, "106026")
    assert [(each["code"], each["quantity"], each["price"]) for each in found["lineItems"]] == [
        ("1901-S", "3", "2.5"), ("1902-S", "1.25", "194.2"),
    ]  # fmt: skip
    assert (found["dueAt"], found["lineItems"][0]["dueAt"]) == (
        "2026-02-10T00:00:00Z",
        "2026-02-12T00:00:00Z",
    )


async def test_lines_are_changed_one_by_one_with_their_marks(central, driver):
    change = {
        "key": order_key(3), "dueAt": "2026-03-01T00:00:00Z",
        "lineItems": [{"lineNo": "10000", "quantity": "9"}, {"lineNo": "20000", "price": "1.005"}],
    }  # fmt: skip

    outcome = await driver.execute(command("purchase_orders", UPDATE, change))

    assert outcome.status is OutcomeStatus.SUCCEEDED, outcome.messages
    patches = [each for each in central.seen if each.method == "PATCH"]
    assert len(patches) == 3
    assert all(each.headers["if-match"].startswith('W/"') for each in patches)
    found = {each["key"]: each for each in await documents(driver, STREAMS["purchase_orders"])}[order_key(3)]
    assert [(each["quantity"], each["price"]) for each in found["lineItems"][:2]] == [
        ("9", "10.99"),
        ("6", "1.005"),
    ]


async def test_a_line_of_another_order_is_not_touched(central, driver):
    change = {
        "key": order_key(3),
        "dueAt": "2026-03-01T00:00:00Z",
        "lineItems": [{"lineNo": "70000", "quantity": "9"}],
    }

    outcome = await driver.execute(command("purchase_orders", UPDATE, change))

    assert (outcome.status, outcome.messages[0].code) == (OutcomeStatus.FAILED, "not_found")
    assert [each for each in central.seen if each.method == "PATCH"] == []


async def test_a_record_that_was_not_asked_for_is_not_changed(central, driver):
    """Order 12 has one line; a service that drops a part of the filter would give it for any number."""
    answer = central.answer

    def dropping(request):
        kept = request.query.get("$filter", "").partition(" and sequence eq")[0]
        return answer(replace(request, query={**request.query, "$filter": kept}))

    central.answer = dropping
    change = {"key": order_key(12), "lineItems": [{"lineNo": "20000", "quantity": "77"}]}
    with pytest.raises(SourceChanged, match="was not asked for"):
        await driver.execute(command("purchase_orders", UPDATE, change))

    assert "PATCH" not in {request.method for request in central.seen}


@pytest.mark.parametrize("place", ["purchaseOrders\\(", "purchaseOrderLines\\?"])
async def test_nothing_is_changed_where_a_page_answers_in_the_place_of_a_record(central, driver, place):
    central.troubles = [Trouble(f"GET .*{place}", 200, b"<html><title>Sign in</title></html>")]
    change = {
        "key": order_key(12),
        "dueAt": "2026-03-01",
        "lineItems": [{"lineNo": "10000", "quantity": "77"}],
    }

    with pytest.raises(SourceChanged, match="holds no record"):
        await driver.execute(command("purchase_orders", UPDATE, change))
    assert "PATCH" not in {request.method for request in central.seen}


async def test_a_record_that_another_changed_meanwhile_is_told_in_one_word(central, driver):
    vendor = central.books.by_number("vendors", "10000")
    answer = central.answer

    def meddle(request):
        if request.method == "PATCH":
            central.books.touch("vendors", vendor)
        return answer(request)

    central.answer = meddle
    outcome = await driver.execute(command("vendors", UPDATE, {"key": str(vendor["id"]), "phone": "1"}))

    assert outcome.status is OutcomeStatus.FAILED
    assert (outcome.messages[0].code, vendor["phoneNumber"]) == ("changed_meanwhile", "+1 425 555 0100")
    assert outcome.messages[0].text.startswith("Another user has already changed the record")


async def test_rules_that_forbid_a_change_come_back_as_what_they_are(driver):
    released = await driver.execute(
        command("purchase_orders", UPDATE, {"key": order_key(1), "dueAt": "2026-03-01T00:00:00Z"})
    )
    blocked = await driver.execute(
        command("purchase_orders", CREATE, {**ORDER, "vendorKey": str(guid("vendor 5"))})
    )
    number = await driver.execute(command("vendors", CREATE, {"name": "Twice", "code": "10000"}))

    assert {each.status for each in (released, blocked, number)} == {OutcomeStatus.FAILED}
    assert released.messages[0].code == "Application_FieldValidationException"
    assert "Status must be equal to 'Open'" in released.messages[0].text
    assert "blocked with type All" in blocked.messages[0].text
    assert number.messages[0].code == "Internal_EntityWithSameKeyExists"


async def test_a_lost_reply_leaves_the_order_in_doubt(central, driver):
    await keys(driver, STREAMS["vendors"])
    central.troubles = [Trouble("POST .*purchaseOrders", drop="after")]

    with pytest.raises(Unreachable):
        await driver.execute(command("purchase_orders", CREATE, ORDER))
    (operation,) = [
        each for each in await driver.operations([STREAMS["purchase_orders"].spec]) if each.kind is CREATE
    ]
    assert operation.effect_settles_after is None
    assert len(central.books.tables["purchaseOrders"]) == 26


async def test_an_order_is_cancelled_by_its_deletion_unless_something_came(central, driver):
    gone = await driver.execute(command("purchase_orders", DELETE, {"key": order_key(4)}))
    kept = await driver.execute(command("purchase_orders", DELETE, {"key": order_key(5)}))

    assert (gone.status, kept.status) == (OutcomeStatus.SUCCEEDED, OutcomeStatus.FAILED)
    assert "must invoice what was received" in kept.messages[0].text
    assert (guid("order 4"),) not in central.books.tables["purchaseOrders"]


async def test_stocks_vendors_and_assets_are_changed(central, driver):
    item, asset = str(guid("item 1")), str(guid("asset 1"))
    stock = await driver.execute(
        command("inventory_items", UPDATE, {"key": item, "stocks": [{"quantity": "7.5"}]})
    )
    vendor = await driver.execute(
        command("vendors", CREATE, {"name": "New & Co", "emailAddress": "a@b.example"})
    )
    serial = await driver.execute(command("assets", UPDATE, {"key": asset, "serialNumber": "SN-X"}))

    assert [each.status for each in (stock, vendor, serial)] == [OutcomeStatus.SUCCEEDED] * 3
    assert str(central.books.by_number("items", "1901-S")["inventory"]) == "7.5"
    assert central.books.by_number("vendors", vendor.reference)["email"] == "a@b.example"
    assert central.books.by_number("fixedAssets", "FA000001")["serialNumber"] == "SN-X"
