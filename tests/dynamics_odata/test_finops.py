"""The shipped Finance & Operations profile, the driver and the tests' own service together."""

from __future__ import annotations

import re
import tomllib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agent.checking import _unknown_names
from drivers.contract import (
    CredentialsRefused,
    OperationKind,
    OutcomeStatus,
    ReadMode,
    ReadRequest,
    SourceBusy,
    Throttled,
    Unreachable,
    WriteCommand,
)
from drivers.odata.driver import ODataDriver
from tests.dynamics_odata.connections import ad_fs, finance_and_operations
from tests.dynamics_odata.finops import FinanceAndOperations
from tests.dynamics_odata.model import Property
from tests.dynamics_odata.usmf import SETS
from tests.sap_odata.connections import Stream, documents, keys, streams
from tests.sap_odata.web import Trouble

STREAMS = streams("dynamics-fo")
COUNTS = {"purchase_orders": 27, "vendors": 10, "inventory_items": 16, "assets": 10, "work_orders": 14}
ORDER: dict[str, Any] = {
    "vendorKey": "usmf~1001",
    "title": "By rail & road",
    "dueAt": "2026-02-10T00:00:00Z",
    "lineItems": [
        {"materialKey": "usmf~D0001", "quantity": "3", "price": "2.5"},
        {"materialKey": "usmf~D0002", "quantity": "1.25", "price": "1"},
    ],
}
CREATE, UPDATE, DELETE = OperationKind.CREATE, OperationKind.UPDATE, OperationKind.DELETE


@pytest.fixture
async def driver(fo: FinanceAndOperations) -> AsyncIterator[ODataDriver]:
    made = finance_and_operations(fo)
    yield made
    await made.aclose()


def command(stream: str, kind: OperationKind, record: dict[str, Any], key: str = "cmd-1") -> WriteCommand:
    spec = STREAMS[stream].spec
    return WriteCommand(kind, spec.entity, record, key, spec)


def with_options(name: str, **options: Any) -> Stream:
    stream = STREAMS[name]
    return replace(stream, spec=replace(stream.spec, options={**stream.spec.options, **options}))


# --- reading


@pytest.mark.parametrize("name", COUNTS)
async def test_every_record_of_every_company_is_read_once_and_maps(fo, driver, name):
    fo.largest_page = 11

    found = await documents(driver, STREAMS[name])

    assert len({each["key"] for each in found}) == len(found) == COUNTS[name]
    assert {each["organizationKey"] for each in found} == {"usmf", "dat"}


async def test_without_the_parameter_only_the_users_own_company_would_be_seen(fo):
    driver = finance_and_operations(fo, query={})

    assert len(await documents(driver, STREAMS["vendors"])) == 5
    await driver.aclose()


async def test_lines_days_and_statuses_arrive_as_they_are(driver):
    found = {each["key"]: each for each in await documents(driver, STREAMS["purchase_orders"])}

    order = found["usmf~00000005"]
    assert [(each["lineNo"], each["materialKey"], each["lineTotalValue"]) for each in order["lineItems"]] == [
        ("1", "usmf~D0007", "21.98"), ("2", "usmf~D0008", "43.96"),
    ]  # fmt: skip
    assert (order["orderDate"], order["deliveryAt"], order["totalNetValue"]) == ("2026-01-10", None, "65.94")
    assert order["vendorKey"] == "usmf~1003"
    told = {each["orderNo"]: each["status"] for key, each in found.items() if key.startswith("usmf")}
    assert [told[f"{number:08}"] for number in range(1, 8)] == [
        "received", "closed", "cancelled", "pending_approval", "closed", "received", "closed",
    ]  # fmt: skip


async def test_production_orders_come_with_components_and_operations(driver):
    found = {each["key"]: each for each in await documents(driver, STREAMS["work_orders"])}

    order = found["usmf~P000007"]
    assert (order["status"], order["completedAt"]) == ("closed", "2026-01-05T12:00:00Z")
    assert found["usmf~P000001"]["completedAt"] is None
    assert [(each["code"], each["status"]) for each in order["tasks"]] == [
        ("10", "completed"),
        ("20", "completed"),
    ]
    materials = [(each["materialKey"], each["requiredQuantity"]) for each in order["materials"]]
    assert materials == [("usmf~D0001", "1.5"), ("usmf~D0002", "1.5")]


async def test_components_come_in_the_order_of_their_numbers(fo, driver):
    line = next(iter(fo.books.tables["ProductionOrderBillOfMaterialLines"].values()))
    for number in ("10", "9.5"):
        fo.books.add(
            "ProductionOrderBillOfMaterialLines",
            **{**line, "LineNumber": Decimal(number), "ItemNumber": f"D{number}"},
        )
    found = {
        each["code"]: each
        for each in await documents(driver, STREAMS["work_orders"])
        if each["organizationKey"] == line["dataAreaId"]
    }

    items = [
        each["materialKey"].partition("~")[2] for each in found[line["ProductionOrderNumber"]]["materials"]
    ]
    assert items[-2:] == ["D9.5", "D10"]


async def test_lines_that_change_management_keeps_as_deleted_are_none(fo, driver):
    lines = fo.books.tables["PurchaseOrderLinesV2"]
    key = next(each for each in lines if each[:2] == ("usmf", "00000002"))
    before = {each["key"]: each for each in await documents(driver, STREAMS["purchase_orders"])}[
        "usmf~00000002"
    ]
    lines[key]["IsDeleted"], lines[key]["LineAmount"] = "Yes", Decimal("11.50")
    after = {each["key"]: each for each in await documents(driver, STREAMS["purchase_orders"])}[
        "usmf~00000002"
    ]

    assert len(after["lineItems"]) == len(before["lineItems"]) - 1
    assert Decimal(after["totalNetValue"]) == sum(
        Decimal(one["lineTotalValue"]) for one in after["lineItems"]
    )


async def test_every_reference_leads_to_a_record(driver):
    found = {name: await documents(driver, STREAMS[name]) for name in STREAMS}

    vendors, items = ({each["key"] for each in found[name]} for name in ("vendors", "inventory_items"))
    assert {each["vendorKey"] for each in found["purchase_orders"]} <= vendors
    assert {line["materialKey"] for each in found["purchase_orders"] for line in each["lineItems"]} <= items
    assert {line["materialKey"] for each in found["work_orders"] for line in each["materials"]} <= items


async def test_stocks_lie_under_their_product_by_site_and_dimension(driver):
    found = {each["key"]: each for each in await documents(driver, STREAMS["inventory_items"])}

    assert [(each["key"], each["siteKey"], each["quantity"]) for each in found["usmf~D0003"]["stocks"]] == [
        ("1", "1", "3"), ("2", "2", "6"), ("3-Red", "3", "9"),
    ]  # fmt: skip
    assert (found["usmf~D0003"]["name"], found["usmf~D0004"]["name"]) == ("Cabinet 3 oak", "Cabinet 4")


async def test_a_plan_counts_what_all_companies_hold(driver):
    plan = await driver.plan(ReadRequest(STREAMS["purchase_orders"].spec, ReadMode.SCAN))

    assert (plan.rows, plan.exact) == (COUNTS["purchase_orders"], True)


async def test_a_deleted_order_is_missing_from_the_keys(fo, driver):
    before = await keys(driver, STREAMS["purchase_orders"])
    del fo.books.tables["PurchaseOrderHeadersV2"]["usmf", "00000003"]

    assert before - await keys(driver, STREAMS["purchase_orders"]) == {"usmf~00000003"}


def page_options(name: str, having: str) -> dict[str, Any]:
    """What the page of the system gives for a stream's table."""
    text = (Path(__file__).parents[2] / "docs/systems/dynamics-fo.md").read_text(encoding="utf-8")
    (block,) = [each for each in re.findall(r"```toml\n(.*?)```", text, re.DOTALL) if having in each]
    return tomllib.loads(block)["streams"][name]["read"]


async def test_of_an_entity_that_tells_its_changes_only_those_are_read(monkeypatch):
    given = page_options("purchase_orders", "replication_key")
    stamp = given["replication_key"]
    kind = SETS["PurchaseOrderHeadersV2"]
    monkeypatch.setitem(kind.properties, stamp, Property(stamp, "Edm.DateTimeOffset", writable=False))
    fo = FinanceAndOperations()
    fo.start()
    stream = with_options("purchase_orders", **given)
    driver = finance_and_operations(fo)
    try:
        signpost = await driver.signpost(stream.spec)
        assert signpost is not None
        now = datetime.fromisoformat(signpost.value).replace(microsecond=0) + timedelta(days=1)
        orders = fo.books.tables["PurchaseOrderHeadersV2"]
        for each in (("usmf", "00000003"), ("dat", "00000002"), ("usmf", "00000011"), ("usmf", "00000012")):
            orders[each][stamp] = now
        fo.clock = lambda: now + timedelta(seconds=2)

        found = await documents(driver, stream, since=signpost, page_rows=1)
        assert [step for step in await driver.check([stream.spec]) if not step.ok] == []
    finally:
        await driver.aclose()
        fo.stop()

    assert [each["key"] for each in found] == [
        "dat~00000002",
        "usmf~00000003",
        "usmf~00000011",
        "usmf~00000012",
    ]
    assert all(each["lineItems"] for each in found)


async def test_one_company_alone_is_read_by_a_condition(driver):
    condition = re.search(
        r"`filter = \"(.*?)\"`", (Path(__file__).parents[2] / "docs/systems/dynamics-fo.md").read_text()
    )
    assert condition is not None

    for name in STREAMS:
        stream = with_options(name, filter=condition[1])
        found = await documents(driver, stream)
        assert {each["organizationKey"] for each in found} == {"usmf"}
        assert await keys(driver, stream) == {each["key"] for each in found}


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [(429, {"Retry-After": "17"}, Throttled), (503, {}, SourceBusy), (504, {}, SourceBusy)],
)
async def test_a_busy_service_is_left_alone(fo, driver, status, headers, error):
    await keys(driver, STREAMS["vendors"])
    fo.troubles = [Trouble("GET .*/VendorsV2", status, headers=headers)]

    with pytest.raises(error) as caught:
        await keys(driver, STREAMS["vendors"])
    assert getattr(caught.value, "retry_after", 17) == 17


async def test_an_operators_condition_names_an_enumeration_with_its_namespace(driver):
    kind = "Microsoft.Dynamics.DataEntities.PurchStatus"
    stream = with_options("purchase_orders", filter=f"PurchaseOrderStatus ne {kind}'Canceled'")

    found = await documents(driver, stream)

    assert {each["statusKey"] for each in found} == {"None", "Backorder", "Received", "Invoiced"}


async def test_a_secret_that_ad_fs_refuses_is_told_as_such(fo):
    driver = finance_and_operations(fo, auth={**ad_fs(fo), "client_id": "another"})

    with pytest.raises(CredentialsRefused, match="MSIS9622"):
        await keys(driver, STREAMS["vendors"])
    await driver.aclose()


async def test_the_check_passes_and_its_operations_are_those_of_the_model(driver):
    specs = [stream.spec for stream in STREAMS.values()]

    assert [step for step in await driver.check(specs) if not step.ok] == []
    operations = await driver.operations(specs)
    assert [fault for operation in operations for fault in _unknown_names(operation)] == []
    assert {(each.entity, each.kind.value) for each in operations} == {
        ("purchase_order", "create"), ("purchase_order", "update"), ("purchase_order", "delete"), ("vendor", "create"),
        ("vendor", "update"), ("asset", "update"),
    }  # fmt: skip


# --- writing


@pytest.mark.parametrize("company", ["usmf", "dat"])
async def test_an_order_is_created_in_its_vendors_company_and_read_back(driver, company):
    lines = [
        {**line, "materialKey": line["materialKey"].replace("usmf", company)} for line in ORDER["lineItems"]
    ]
    order = {**ORDER, "vendorKey": f"{company}~1001", "lineItems": lines}

    outcome = await driver.execute(command("purchase_orders", CREATE, order))

    assert outcome.status is OutcomeStatus.SUCCEEDED, outcome.messages
    found = {each["key"]: each for each in await documents(driver, STREAMS["purchase_orders"])}[outcome.key]
    assert (found["orderNo"], found["status"], found["title"]) == (
        outcome.reference,
        "draft",
        "By rail & road",
    )
    assert [(each["lineNo"], each["code"], each["quantity"], each["price"]) for each in found["lineItems"]] == [
        ("1", "D0001", "3", "2.5"), ("2", "D0002", "1.25", "1"),
    ]  # fmt: skip
    assert outcome.key.startswith(f"{company}~")


async def test_an_order_of_which_a_line_is_refused_is_left_for_a_person(fo, driver):
    lines = [ORDER["lineItems"][0], {"materialKey": "usmf~NOTHING", "quantity": "1"}]

    with pytest.raises(SourceBusy, match=r"a part of the write was carried out.*'NOTHING'"):
        await driver.execute(command("purchase_orders", CREATE, {**ORDER, "lineItems": lines}))
    operations = await driver.operations([STREAMS["purchase_orders"].spec])
    assert {each.effect_settles_after for each in operations} == {None}


async def test_header_and_lines_change_together_or_not_at_all(fo, driver):
    key = "usmf~00000010"
    lines = [{"lineNo": "1", "quantity": "9"}, {"lineNo": "2", "price": "1.005"}]
    both = {"key": key, "title": "Another", "lineItems": lines}
    done = await driver.execute(command("purchase_orders", UPDATE, both))
    fo.books.tables["PurchaseOrderLinesV2"]["usmf", "00000010", 2]["ItemNumber"] = "D0001"
    absent = {"key": key, "title": "Third", "lineItems": [{"lineNo": "9", "quantity": "1"}]}
    refused = await driver.execute(command("purchase_orders", UPDATE, absent))

    assert (done.status, refused.status) == (OutcomeStatus.SUCCEEDED, OutcomeStatus.FAILED)
    assert refused.messages[0].code == "not_found"
    order = fo.books.tables["PurchaseOrderHeadersV2"]["usmf", "00000010"]
    changed = [fo.books.tables["PurchaseOrderLinesV2"]["usmf", "00000010", line] for line in (1, 2)]
    assert order["PurchaseOrderName"] == "Another"
    assert [(line["OrderedPurchaseQuantity"], line["PurchasePrice"]) for line in changed] == [
        (Decimal(9), Decimal("10.99")), (Decimal(4), Decimal("1.005")),
    ]  # fmt: skip


async def test_a_record_that_another_changed_meanwhile_is_not_overwritten(fo, driver):
    asset = fo.books.tables["FixedAssetsV2"]["dat", "FORK-001"]
    answer = fo.answer

    def meddle(request):
        if request.method == "PATCH":
            fo.books.touch("FixedAssetsV2", asset)
        return answer(request)

    fo.answer = meddle
    outcome = await driver.execute(command("assets", UPDATE, {"key": "dat~FORK-001", "serialNumber": "X"}))

    assert (outcome.status, outcome.messages[0].code) == (OutcomeStatus.FAILED, "changed_meanwhile")
    assert asset["SerialNumber"] == "SN1"


async def test_refusals_come_back_in_the_systems_own_words(driver):
    held = await driver.execute(command("purchase_orders", CREATE, {**ORDER, "vendorKey": "usmf~1005"}))
    closed = await driver.execute(command("purchase_orders", UPDATE, {"key": "usmf~00000002", "title": "x"}))
    twice = await driver.execute(
        command("vendors", CREATE, {"organizationKey": "dat", "code": "1001", "name": "x", "customFields": {"group": "10"}})
    )  # fmt: skip

    assert {each.status for each in (held, closed, twice)} == {OutcomeStatus.FAILED}
    assert "Vendor account 1005 is on hold" in held.messages[0].text
    assert "is closed" in closed.messages[0].text
    assert "already exists" in twice.messages[0].text


async def test_a_lost_reply_is_never_a_failure(fo, driver):
    await keys(driver, STREAMS["vendors"])
    fo.troubles = [Trouble("POST .*PurchaseOrderHeadersV2", drop="after")]

    with pytest.raises(Unreachable):
        await driver.execute(command("purchase_orders", CREATE, ORDER))


async def test_vendors_and_assets_are_written_in_any_company(fo, driver):
    vendor = {"organizationKey": "dat", "code": "9000", "name": "New & Co", "customFields": {"group": "10"}}
    made = await driver.execute(command("vendors", CREATE, vendor))
    named = await driver.execute(command("vendors", UPDATE, {"key": made.key, "name": "Newer & Co"}))
    gone = await driver.execute(command("purchase_orders", DELETE, {"key": "usmf~00000005"}))

    assert (made.key, named.status) == ("dat~9000", OutcomeStatus.SUCCEEDED)
    assert fo.books.tables["VendorsV2"]["dat", "9000"]["VendorOrganizationName"] == "Newer & Co"
    assert gone.status is OutcomeStatus.SUCCEEDED
    assert ("usmf", "00000005", 1) not in fo.books.tables["PurchaseOrderLinesV2"]
