"""The shipped profile of NetSuite over the fake: every stream read and mapped, and the conformance suites with its own
streams.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from agent.model.render import to_documents
from agent.systems import profile
from drivers.contract import OperationKind, OutcomeStatus, ReadMode, ReadRequest, WriteCommand
from drivers.netsuite.driver import NetSuiteDriver
from drivers.netsuite.select_list import columns_of
from drivers.odbc.options import parse_connection, parse_stream
from tests.conformance.suite import DriverConformance, Subject
from tests.conformance.writes import Writable, WriteConformance
from tests.netsuite.connections import driver, of_profile
from tests.netsuite.server import NetSuite

STREAMS = ("assets", "inventory_items", "purchase_orders", "vendors", "work_orders")
PRINTED = {"date": "TO_CHAR", "decimal": "TO_CHAR", "timestamp_tz": "SYS_EXTRACT_UTC"}
LINES = {"purchase_orders": "lines", "work_orders": "components", "inventory_items": "stocks"}


@pytest.fixture
async def account() -> AsyncIterator[NetSuite]:
    made = NetSuite(orders=9)
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def netsuite(account: NetSuite) -> AsyncIterator[NetSuiteDriver]:
    made = driver(account)
    yield made
    await made.aclose()


async def documents(made: NetSuiteDriver, name: str) -> dict[str, Mapping[str, Any]]:
    stream, mapping = of_profile(name)
    found: dict[str, Mapping[str, Any]] = {}
    async for page in made.read(ReadRequest(stream, ReadMode.SCAN, page_rows=4)):
        mapped = mapping.apply(page.table)
        assert not mapped.rejects
        assert not mapped.unknown_statuses
        found |= {each["key"]: each for each in to_documents(mapped.records, range(mapped.records.num_rows))}
    return found


@pytest.mark.parametrize("name", STREAMS)
async def test_every_stream_is_checked_read_and_mapped(netsuite: NetSuiteDriver, name: str) -> None:
    stream, _ = of_profile(name)

    steps = [step for step in await netsuite.check([stream]) if step.stream]

    assert [step.ok for step in steps] == [True, True]
    assert len(await documents(netsuite, name)) >= 3


async def test_a_purchase_order_has_its_lines_with_their_expected_dates(netsuite: NetSuiteDriver) -> None:
    order = (await documents(netsuite, "purchase_orders"))["1014"]

    assert (order["orderNo"], order["status"], order["statusKey"]) == ("PO00002", "partially_received", "E")
    assert (order["vendorKey"], order["orderDate"], order["totalGrossValue"]) == ("103", "2026-01-03", "2.1")
    assert order["currencyKey"] == "USD"
    assert order["updatedAt"] == "2026-03-03T02:30:00Z"
    assert [(line["lineNo"], line["quantity"], line["dueAt"]) for line in order["lineItems"]] == [
        ("1", "1.5", "2026-04-01T00:00:00Z"),
        ("2", "2.5", "2026-04-02T00:00:00Z"),
    ]


@pytest.mark.parametrize("booked", ["-10", "10"])
async def test_a_discount_takes_off_whatever_sign_bookkeeping_gives_it(
    account: NetSuite, netsuite: NetSuiteDriver, booked: str
) -> None:
    account.database.execute(
        'update transactionline set rate = -10, foreignamount = ?, quantity = null where "transaction" = 1014 and id = 2',
        [booked],
    )

    lines = (await documents(netsuite, "purchase_orders"))["1014"]["lineItems"]

    assert [(line["price"], line["lineTotalValue"]) for line in lines] == [
        ("12345678.01", "1"),
        ("-10", "-10"),
    ]


async def test_a_work_order_has_what_its_assembly_is_made_of(netsuite: NetSuiteDriver) -> None:
    order = (await documents(netsuite, "work_orders"))["5002"]

    assert (order["status"], order["scheduledAt"][:10], order["dueAt"][:10]) == (
        "released",
        "2026-01-06",
        "2026-01-09",
    )
    assert order["customFields"]["built"] == "2"
    assert [(line["materialKey"], line["requiredQuantity"]) for line in order["materials"]] == [
        ("201", "20"),
        ("202", "30.5"),
    ]


async def test_an_item_has_its_stock_at_each_location(netsuite: NetSuiteDriver) -> None:
    item = (await documents(netsuite, "inventory_items"))["203"]

    assert (item["isActive"], item["isAssembly"]) == (True, False)
    assert [(stock["key"], stock["quantity"], stock["reservedQuantity"]) for stock in item["stocks"]] == [
        ("203-1", "3.5", "0.25"),
        ("203-2", "3.5", "0.25"),
    ]


async def test_a_vendor_has_its_addresses(netsuite: NetSuiteDriver) -> None:
    vendors = await documents(netsuite, "vendors")

    assert [address["addressLines"] for address in vendors["101"]["addresses"]] == [["Road 1"], ["Road 2"]]
    assert vendors["102"]["isActive"] is True


async def test_an_order_that_was_read_can_be_written_by_its_lines(
    account: NetSuite, netsuite: NetSuiteDriver
) -> None:
    stream, _ = of_profile("purchase_orders")
    record = {"key": "1014", "lineItems": [{"lineNo": 2, "quantity": "7", "dueAt": "2026-06-01"}]}

    outcome = await netsuite.execute(
        WriteCommand(OperationKind.UPDATE, stream.entity, record, "cmd-1", stream)
    )

    assert outcome.status is OutcomeStatus.SUCCEEDED, outcome.messages
    lines = (await documents(netsuite, "purchase_orders"))["1014"]["lineItems"]
    assert [(line["quantity"], line["dueAt"]) for line in lines] == [
        ("1.5", "2026-04-01T00:00:00Z"),
        ("7", "2026-06-01T00:00:00Z"),
    ]


async def test_a_work_order_is_released(account: NetSuite, netsuite: NetSuiteDriver) -> None:
    stream, _ = of_profile("work_orders")

    outcome = await netsuite.execute(
        WriteCommand(
            OperationKind.SET_STATUS, stream.entity, {"key": "5001", "status": "released"}, "cmd-2", stream
        )
    )

    assert outcome.status is OutcomeStatus.SUCCEEDED, outcome.messages
    assert (await documents(netsuite, "work_orders"))["5001"]["status"] == "released"


async def test_an_item_and_an_asset_are_changed(netsuite: NetSuiteDriver) -> None:
    for name, key, fields in (
        ("inventory_items", "203", {"name": "Bolt"}),
        ("assets", "1", {"name": "Big press"}),
    ):
        stream, _ = of_profile(name)
        command = WriteCommand(OperationKind.UPDATE, stream.entity, {"key": key, **fields}, "cmd-3", stream)

        assert (await netsuite.execute(command)).status is OutcomeStatus.SUCCEEDED
        assert (await documents(netsuite, name))[key]["name"] == fields["name"]


def test_assets_rest_until_a_connection_turns_them_on() -> None:
    assert profile("netsuite")["streams"]["assets"]["enabled"] is False


@pytest.mark.parametrize("name", ["purchase_orders", "inventory_items"])
class TestNetSuiteProfile(DriverConformance):
    @pytest.fixture
    async def subject(self, netsuite: NetSuiteDriver, name: str) -> Subject:
        return Subject(netsuite, of_profile(name)[0], line_sets=frozenset({LINES[name]}))

    async def need(self, subject: Subject, capability: str) -> None:
        if capability == "incremental" and "replication_key" not in subject.stream.options:
            pytest.skip("the stream is compared in full")
        await super().need(subject, capability)


class TestNetSuiteProfileWrites(WriteConformance):
    @pytest.fixture
    async def writable(self, netsuite: NetSuiteDriver) -> Writable:
        stream, _ = of_profile("purchase_orders")
        lines = [{"materialKey": "201", "quantity": "2", "price": "1.5", "dueAt": "2026-05-06"}]
        order = {"vendorKey": "101", "dueAt": "2026-05-01", "notes": "Urgent", "lineItems": lines}
        return Writable(
            netsuite,
            stream,
            records={
                OperationKind.CREATE: order,
                OperationKind.UPDATE: {"key": "1007", "notes": "Later"},
                OperationKind.SET_STATUS: {"key": "1021", "status": "rejected"},
            },
            refused={
                OperationKind.CREATE: {**order, "lineItems": [{**lines[0], "materialKey": "9999"}]},
                OperationKind.UPDATE: {"key": "1007", "lineItems": [{"lineNo": 1, "quantity": "-1"}]},
            },
            amount="lineItems.price",
            amount_column="lines.rate",
        )


class TestNetSuiteVendorWrites(WriteConformance):
    @pytest.fixture
    async def writable(self, netsuite: NetSuiteDriver) -> Writable:
        stream, _ = of_profile("vendors")
        return Writable(
            netsuite,
            stream,
            records={
                OperationKind.CREATE: {"name": "New Vendor Ltd", "emailAddress": "new@example.com"},
                OperationKind.UPDATE: {"key": "102", "phone": "+49 30 1234"},
            },
            refused={OperationKind.CREATE: {"name": "Again", "code": "V0001"}},
        )


@pytest.mark.parametrize("name", STREAMS)
def test_connect_reads_what_rest_reads_and_maps_it_alike(name: str) -> None:
    """The two profiles differ in how dates and amounts are asked for, and in nothing else."""
    rest, connect = (profile(system)["streams"][name] for system in ("netsuite", "netsuite-connect"))

    assert connect["map"] == rest["map"]
    assert "write" not in connect
    for ours, theirs in (
        (rest["read"], connect["read"]),
        *((each, connect["read"]["lines"][set_]) for set_, each in rest["read"].get("lines", {}).items()),
    ):
        assert columns_of(theirs["query"], "") == columns_of(ours["query"], "")
        assert [theirs.get(each) for each in ("key", "parent", "order_by", "replication_key")] == [
            ours.get(each) for each in ("key", "parent", "order_by", "replication_key")
        ]
        for column, kind in ours["types"].items() if "types" in ours else ():
            said = " ".join(theirs["query"].split())
            assert re.search(rf"{PRINTED[kind]}\((?:[^()]|\([^()]*\))*\) as {column}\b", said), column


def test_connect_options_are_those_of_the_odbc_driver() -> None:
    options = profile("netsuite-connect")["options"]

    assert parse_connection({**options, "connection": {"DSN": "NetSuite"}}).dialect == "suiteql"
    for name in STREAMS:
        parse_stream(name, profile("netsuite-connect")["streams"][name]["read"])
