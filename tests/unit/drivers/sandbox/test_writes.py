from __future__ import annotations

from typing import Any

import pytest

from drivers.contract import (
    OperationKind,
    Outcome,
    OutcomeStatus,
    ReadMode,
    ReadRequest,
    StreamSpec,
    WriteCommand,
)
from drivers.sandbox.driver import SandboxDriver
from drivers.sandbox.options import read_options
from drivers.sandbox.tables import InventoryItems, Vendors

OPTIONS = {"time": "fixed", "advance": 30 * 86_400}
CREATE = (OperationKind.CREATE, "purchase_order")
TABLES = {
    "purchase_order": "purchase_orders",
    "work_order": "work_orders",
    "inventory_item": "inventory_items",
    "vendor": "vendors",
    "asset": "assets",
}
STREAMS = {entity: StreamSpec(table, entity) for entity, table in TABLES.items()}


@pytest.fixture
def driver() -> SandboxDriver:
    return SandboxDriver("a", OPTIONS, {})


async def scan(driver: SandboxDriver, table: str = "purchase_orders") -> list[dict[str, Any]]:
    request = ReadRequest(StreamSpec(table, ""), ReadMode.SCAN)
    return [row async for page in driver.read(request) for row in page.table.to_pylist()]


def good_vendor() -> str:
    vendors = Vendors(read_options(OPTIONS, "a"))
    numbers = _numbers(vendors.life.size)
    return vendors.keys(numbers[~vendors.blocked(numbers)])[0].as_py()


def items(*, empty: bool) -> str:
    table = InventoryItems(read_options(OPTIONS, "a"))
    numbers = _numbers(table.life.size)
    chosen = numbers[table.out_of_stock(numbers) == empty]
    existing = table.existing(chosen, read_options(OPTIONS, "a").start + OPTIONS["advance"])
    return table.keys(existing)[0].as_py()


def _numbers(size: int) -> Any:
    import numpy as np

    return np.arange(size, dtype=np.int64)


def order(**changes: Any) -> dict[str, Any]:
    good = {"vendorKey": good_vendor(), "lineItems": [{"materialKey": items(empty=False), "quantity": "2.5"}]}
    return good | changes


def command(record: dict[str, Any], what=CREATE, key: str = "k1") -> WriteCommand:
    return WriteCommand(*what, record, key, STREAMS[what[1]])


async def execute(driver: SandboxDriver, record: dict[str, Any], what=CREATE, key: str = "k1") -> Outcome:
    return await driver.execute(command(record, what, key))


def codes(outcome: Outcome) -> set[tuple[str, str]]:
    assert all(message.text for message in outcome.messages)
    return {(message.code, message.field) for message in outcome.messages}


async def test_a_good_order_succeeds_with_a_reference_and_changes_nothing(driver):
    before = await scan(driver)
    outcome = await execute(driver, order())

    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert outcome.reference
    assert outcome.record is not None
    assert outcome.record["key"] == outcome.reference == outcome.key
    assert await scan(driver) == before


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (order(vendorKey="V-INVALID"), ("VENDOR_INVALID", "vendorKey")),
        (order(vendorKey="0000999999"), ("VENDOR_INVALID", "vendorKey")),
        (order(vendorKey=None), ("VENDOR_MISSING", "vendorKey")),
        (order(vendorKey=17), ("VENDOR_MISSING", "vendorKey")),
        (order(lineItems=[]), ("LINES_MISSING", "lineItems")),
        (order(lineItems="none"), ("LINES_MISSING", "lineItems")),
        (order(lineItems=[{"code": "I-OUT-OF-STOCK", "quantity": "1"}]), ("ITEM_OUT_OF_STOCK", "lineItems[0].code")),
        (order(lineItems=[{"materialKey": items(empty=True), "quantity": "1"}]), ("ITEM_OUT_OF_STOCK", "lineItems[0].materialKey")),
        (order(lineItems=[{"code": "NO-SUCH", "quantity": "1"}]), ("ITEM_INVALID", "lineItems[0].code")),
        (order(lineItems=[{"materialKey": items(empty=False), "quantity": "-1"}]), ("QUANTITY_INVALID", "lineItems[0].quantity")),
        (order(lineItems=["x"]), ("ITEM_MISSING", "lineItems[0].materialKey")),
    ],
)  # fmt: skip
async def test_a_wrong_order_fails_with_code_field_and_text(driver, record, expected):
    outcome = await execute(driver, record)

    assert outcome.status is OutcomeStatus.FAILED
    assert expected in codes(outcome)


async def test_a_vendor_may_be_named_by_its_code_without_zeros(driver):
    outcome = await execute(driver, {**order(), "vendorKey": good_vendor()} | {"vendorCode": "x"})
    by_code = {name: value for name, value in order().items() if name != "vendorKey"}

    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert (
        await execute(driver, by_code | {"vendorCode": good_vendor().lstrip("0")}, key="k2")
    ).status is OutcomeStatus.SUCCEEDED


async def test_a_closed_order_takes_no_changes(driver):
    rows = await scan(driver)
    closed = next(row["__key"] for row in rows if row["status_code"] == "CL")
    open_ = next(row["__key"] for row in rows if row["status_code"] == "OR")
    update, set_status = (
        (OperationKind.UPDATE, "purchase_order"),
        (OperationKind.SET_STATUS, "purchase_order"),
    )

    assert ("ORDER_CLOSED", "status") in codes(
        await execute(driver, {"key": closed, "notes": "x"}, update, "k1")
    )
    assert (await execute(driver, {"key": open_, "notes": "x"}, update, "k2")).reference == open_
    assert (await execute(driver, {"key": open_, "status": "closed"}, set_status, "k3")).reference == open_
    assert ("FIELD_MISSING", "status") in codes(await execute(driver, {"key": open_}, set_status, "k4"))
    assert ("RECORD_UNKNOWN", "key") in codes(await execute(driver, {"key": "4711"}, update, "k5"))
    assert ("KEY_MISSING", "key") in codes(await execute(driver, {}, update, "k6"))


async def test_a_work_order_needs_an_asset_that_exists(driver):
    create = (OperationKind.CREATE, "work_order")

    assert ("ASSET_UNKNOWN", "assetKey") in codes(
        await execute(driver, {"title": "t", "assetKey": "EQ-1"}, create, "k1")
    )
    assert (
        await execute(driver, {"title": "t", "assetKey": "EQ-00000001"}, create, "k2")
    ).status is OutcomeStatus.SUCCEEDED


async def matrix(driver: SandboxDriver) -> list[tuple[OperationKind, str]]:
    return [(found.kind, found.entity) for found in await driver.operations(list(STREAMS.values()))]


async def test_the_matrix_has_every_entity_and_no_deletion(driver):
    found = await matrix(driver)

    assert {entity for _, entity in found} == set(TABLES)
    assert {kind for kind, _ in found} == set(OperationKind) - {OperationKind.DELETE}
    assert (OperationKind.SET_STATUS, "vendor") not in found
    assert await driver.operations([StreamSpec("x", "no_entity")]) == ()


async def test_every_declared_operation_refuses_an_empty_record(driver):
    for number, what in enumerate(await matrix(driver)):
        assert (await execute(driver, {}, what, f"k{number}")).status is OutcomeStatus.FAILED, what


async def test_what_is_not_in_the_matrix_fails_by_name(driver):
    outcome = await execute(driver, {"key": "1"}, (OperationKind.DELETE, "vendor"))

    assert outcome.status is OutcomeStatus.FAILED
    assert codes(outcome) == {("NOT_SUPPORTED", "operation")}


async def test_a_repeated_key_gets_the_outcome_of_the_first_time(driver):
    failed = await execute(driver, order(vendorKey="V-INVALID"), key="k1")

    assert await execute(driver, order(), key="k1") == failed


async def test_an_effect_is_found_by_its_key_and_a_failure_has_none(driver):
    made = await execute(driver, order(), key="k1")
    await execute(driver, order(vendorKey="V-INVALID"), key="k2")

    assert await driver.find_effect(command({}, key="k1")) == made
    assert await driver.find_effect(command({}, key="k2")) is None
    assert await driver.find_effect(command({}, key="k3")) is None


async def test_a_repeat_after_a_restart_gets_the_same_reference(driver):
    first = await execute(driver, order())
    again = await execute(SandboxDriver("a", OPTIONS, {}), order())

    assert first == again
