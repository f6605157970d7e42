"""The shipped ECC profile, the driver and the fake together: what is read, found again, written and refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest

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
from drivers.rfc.driver import RfcDriver
from tests.integration.sap_sources import Site
from tests.sap.ecc import EccSystem, fill

ECC = profile("sap-ecc")["streams"]
BEARING, PUMP, JOB = f"{4711:018d}", f"{10000123:018d}", f"{800001:012d}"
ORDER: dict[str, Any] = {
    "organizationKey": "1000", "vendorKey": "0000000100", "currencyKey": "EUR", "orderDate": "2026-03-15", "terms": "ZB30",
    "customFields": {"purchasingOrganization": "1000", "purchasingGroup": "001"},
    "lineItems": [
        {
            "materialKey": BEARING, "locationKey": "1000", "quantity": "3", "price": "9.99", "uomKey": "ST",
            "dueAt": "2026-04-01T22:30:00Z",
        },
        {"materialKey": BEARING, "locationKey": "1000", "quantity": "1", "dueAt": "2026-05-04"},
    ],
}  # fmt: skip


def spec(name: str) -> tuple[StreamSpec, CompiledMapping]:
    table = ECC[name]
    mapping = compile_mapping(table["map"], entity=table["entity"], where=name)
    columns = tuple(sorted(mapping.source_columns))
    return StreamSpec(name, table["entity"], table["read"], columns, table.get("write", {})), mapping


@pytest.fixture
def site() -> Iterator[Site]:
    system = EccSystem()
    fill(system)
    yield Site(system, "sdk")
    system.close()


@pytest.fixture
async def driver(site: Site) -> AsyncIterator[RfcDriver]:
    made = site.driver(time_zone="Europe/Berlin")
    yield made
    await made.aclose()


async def documents(
    driver: RfcDriver, name: str, *, since: Mark | None = None
) -> dict[str, Mapping[str, Any]]:
    """Every record, mapped; a record that the mapping rejects is a failure of the test."""
    stream, mapping = spec(name)
    request = ReadRequest(stream, ReadMode.SCAN, page_rows=2)
    if since is not None:
        end = await driver.signpost(stream)
        request = ReadRequest(stream, ReadMode.CHANGES, start=since, end=end, page_rows=2)
    found: list[Mapping[str, Any]] = []
    async for page in driver.read(request):
        mapped = mapping.apply(page.table)
        assert [(reject.field, reject.message) for reject in mapped.rejects] == []
        assert mapped.unknown_statuses == 0
        found += to_documents(mapped.records, range(mapped.records.num_rows), entity=stream.entity)
    assert len({each["key"] for each in found}) == len(found)
    return {each["key"]: each for each in found}


async def execute(
    driver: RfcDriver, name: str, kind: OperationKind, record: dict[str, Any], reference: str = "cmd-1"
) -> Any:
    stream, _ = spec(name)
    return await driver.execute(WriteCommand(kind, stream.entity, record, reference, stream))


async def test_an_order_has_its_items_dates_and_accounts(driver: RfcDriver) -> None:
    found = await documents(driver, "purchase_orders")

    assert found.keys() == {"4500000001", "4500000002"}  # no deleted one, no contract
    order = found["4500000001"]
    assert (order["orderNo"], order["status"], order["vendorKey"], order["vendorName"]) == (
        "4500000001", "approved", "0000000100", "Schraubenhandel Müller",
    )  # fmt: skip
    assert (order["totalNetValue"], order["orderDate"]) == ("12.5", "2026-01-10")
    first, second = order["lineItems"]
    assert (first["lineNo"], first["quantity"], first["price"], first["priceUnit"]) == (
        "10",
        "12.5",
        "100",
        "100",
    )
    assert (first["status"], first["dueAt"], first["code"]) == ("ordered", "2026-04-01T00:00:00Z", "4711")
    assert (second["status"], second["accountKey"]) == ("cancelled", "0000004100")
    assert found["4500000002"]["lineItems"][0]["price"] == "10000"  # yen have no decimals


async def test_a_work_order_has_its_operations_components_and_asset(driver: RfcDriver) -> None:
    found = await documents(driver, "work_orders")

    assert found.keys() == {JOB, f"{800002:012d}"}  # no production order
    order = found[JOB]
    assert (order["code"], order["status"], order["assetKey"], order["locationKey"]) == (
        "800001", "released", PUMP, "K1-B02",
    )  # fmt: skip
    assert (order["scheduledAt"], order["dueAt"]) == ("2026-03-01T07:00:00Z", "2026-03-03T00:00:00Z")
    assert [task["title"] for task in order["tasks"]] == ["Dismantle", "Wait for parts"]
    assert [(each["name"], each["estimatedTime"]) for each in order["resources"]] == [("MECH", "2.5")]
    assert [(each["materialKey"], each["usedQuantity"]) for each in order["materials"]] == [(BEARING, "1")]
    assert found[f"{800002:012d}"]["status"] == "draft"


async def test_stocks_are_unrestricted_ones_with_levels_and_an_exact_cost(driver: RfcDriver) -> None:
    found = await documents(driver, "inventory_items")

    bearing, other = found[BEARING], found[f"{4712:018d}"]
    (stock,) = bearing["stocks"]
    assert (bearing["name"], bearing["isActive"]) == ("Ball bearing 4711", True)
    assert (stock["quantity"], stock["reorderPoint"], stock["uomKey"]) == ("17.5", "5", "ST")
    assert (stock["unitCost"], stock["currencyKey"]) == ("1250", "JPY")
    assert (other["name"], other["isActive"]) == ("Kugellager 4712", False)
    assert other["stocks"][0]["unitCost"] is None  # its price is for a hundred


async def test_a_vendor_has_the_address_of_the_central_address_management(driver: RfcDriver) -> None:
    found = await documents(driver, "vendors")

    first, second = found["0000000100"], found["0000000200"]
    assert (first["emailAddress"], first["terms"], first["currencyKey"]) == (
        "verkauf@mueller.example",
        "ZB30",
        "EUR",
    )
    assert first["addresses"][0]["addressLines"] == ["Domplatte", "4a"]
    assert (second["isBlocked"], second["isActive"], second["terms"]) == (True, False, "NT14")
    assert second["addresses"][0]["city"] == "Cork"


async def test_equipment_is_shown_in_its_present_place(driver: RfcDriver) -> None:
    found = await documents(driver, "equipment")

    pump, old = found[PUMP], found[f"{10000124:018d}"]
    assert (pump["parentKey"], pump["status"], pump["isActive"]) == ("K1-B02", "installed", True)
    assert (pump["name"], pump["purchaseCost"], pump["vendorKey"]) == ("Feed pump 2", "1234500", "0000000100")
    assert (old["parentKey"], old["status"], old["isActive"]) == (PUMP, "inactive", False)


async def test_functional_locations_lead_to_their_superior_ones(driver: RfcDriver) -> None:
    found = await documents(driver, "functional_locations")

    assert {key: each["parentKey"] for key, each in found.items()} == {"K1": None, "K1-B02": "K1"}
    assert found["K1-B02"]["name"] == "Pump house"


@pytest.mark.parametrize(
    ("name", "row", "key"),
    [
        ("purchase_orders", ("EKPO", {"EBELN": "4500000002", "EBELP": "00010", "AEDAT": "20260315"}), "4500000002"),
        ("purchase_orders", ("CDHDR", {"OBJECTCLAS": "EINKBELEG", "OBJECTID": "4500000001"}), "4500000001"),
        ("purchase_orders", ("EKBE", {"EBELN": "4500000001", "EBELP": "00010", "CPUDT": "20260315"}), "4500000001"),
        ("work_orders", ("AUFK", {"AUFNR": JOB, "AEDAT": "20260315", "AEZEIT": "090000"}), JOB),
        ("work_orders", ("AUFK", {"AUFNR": JOB, "ERDAT": "20260315", "ERFZEIT": "090000"}), JOB),
        ("work_orders", ("JCDS", {"OBJNR": f"OR{JOB}", "STAT": "I0045", "UDATE": "20260315", "UTIME": "090000"}), JOB),
        ("work_orders", ("AFRU", {"RUECK": "0000000001", "AUFNR": JOB, "ERSDA": "20260315", "ERZET": "090000"}), JOB),
        ("vendors", ("CDHDR", {"OBJECTCLAS": "KRED", "OBJECTID": "0000000200"}), "0000000200"),
        ("inventory_items", ("CDHDR", {"OBJECTCLAS": "MATERIAL", "OBJECTID": BEARING}), BEARING),
        ("equipment", ("EQUI", {"EQUNR": PUMP, "AEDAT": "20260315"}), PUMP),
        ("equipment", ("JCDS", {"OBJNR": f"IE{PUMP}", "STAT": "I0320", "UDATE": "20260315"}), PUMP),
        ("functional_locations", ("IFLOT", {"TPLNR": "K1", "AEDAT": "20260315"}), "K1"),
    ],
)  # fmt: skip
async def test_each_table_that_tells_of_changes_brings_its_record(
    site: Site, driver: RfcDriver, name: str, row: tuple[str, dict[str, str]], key: str
) -> None:
    table, values = row
    if table == "CDHDR":
        values = values | {"CHANGENR": "0000000077", "UDATE": "20260315", "UTIME": "090000"}
    site.system.put(table, **values)
    stream, _ = spec(name)
    timed = (await driver.signpost(stream)).kind is MarkKind.TIMESTAMP
    since = Mark(MarkKind.TIMESTAMP, "2026-03-15T00:00:00") if timed else Mark(MarkKind.DATE, "2026-03-15")

    assert (await documents(driver, name, since=since)).keys() == {key}


MOVEMENT: dict[str, Any] = {
    "key": BEARING,
    "customFields": {"movementCode": "03", "movementType": "201", "postingDate": "2026-03-15"},
    "stocks": [{"siteKey": "1000", "storeroomKey": "0001", "quantity": "2.5", "uomKey": "ST"}],
}


async def test_a_goods_movement_brings_its_material_with_the_new_stock(site: Site, driver: RfcDriver) -> None:
    before = await driver.signpost(spec("inventory_items")[0])
    site.system.pass_time(minutes=5)

    outcome = await execute(driver, "inventory_items", OperationKind.UPDATE, MOVEMENT)
    site.system.pass_time(minutes=5)
    found = await documents(driver, "inventory_items", since=before)

    assert (outcome.status, outcome.key) == (OutcomeStatus.SUCCEEDED, BEARING)
    assert found[BEARING]["stocks"][0]["quantity"] == "15"


async def test_a_receipt_for_an_order_brings_the_order_and_a_transfer_both_places(
    site: Site, driver: RfcDriver
) -> None:
    before = await driver.signpost(spec("purchase_orders")[0])
    receipt = MOVEMENT | {
        "customFields": MOVEMENT["customFields"]
        | {"movementCode": "01", "movementType": "101", "movementIndicator": "B", "purchaseOrder": "4500000001", "purchaseOrderItem": "10"}
    }  # fmt: skip
    transfer = MOVEMENT | {
        "customFields": MOVEMENT["customFields"]
        | {"movementCode": "04", "movementType": "311", "receivingStoreroom": "0003"}
    }

    received = await execute(driver, "inventory_items", OperationKind.UPDATE, receipt, "cmd-1")
    moved = await execute(driver, "inventory_items", OperationKind.UPDATE, transfer, "cmd-2")
    stocks = (await documents(driver, "inventory_items"))[BEARING]["stocks"]
    orders = await documents(driver, "purchase_orders", since=before)

    assert received.status is moved.status is OutcomeStatus.SUCCEEDED
    assert {stock["storeroomKey"]: stock["quantity"] for stock in stocks} == {"0001": "17.5", "0003": "2.5"}
    assert "4500000001" in orders


async def test_a_receipt_for_an_item_that_is_not_there_is_refused_by_its_field(
    site: Site, driver: RfcDriver
) -> None:
    given = {"movementIndicator": "B", "purchaseOrder": "4500000001", "purchaseOrderItem": "70"}
    record = MOVEMENT | {"customFields": MOVEMENT["customFields"] | given}

    outcome = await execute(driver, "inventory_items", OperationKind.UPDATE, record)

    assert (outcome.status, outcome.messages[0].field) == (
        OutcomeStatus.FAILED,
        "customFields.purchaseOrderItem",
    )
    assert not site.system.rows("MKPF")


async def test_the_same_goods_movement_moves_once(site: Site, driver: RfcDriver) -> None:
    for _ in range(2):
        outcome = await execute(driver, "inventory_items", OperationKind.UPDATE, MOVEMENT)
        assert (outcome.status, outcome.key) == (OutcomeStatus.SUCCEEDED, BEARING)

    assert len(site.system.rows("MKPF")) == 1


@pytest.mark.parametrize("missing", ["movementCode", "movementType", "postingDate", ""])
async def test_a_change_of_a_material_is_not_taken_for_a_movement(
    site: Site, driver: RfcDriver, missing: str
) -> None:
    given = {name: value for name, value in MOVEMENT["customFields"].items() if name != missing}
    record = MOVEMENT | {"customFields": given if missing else {}}

    outcome = await execute(driver, "inventory_items", OperationKind.UPDATE, record)

    assert (outcome.status, outcome.messages[0].code) == (OutcomeStatus.FAILED, "required")
    assert not site.system.rows("MKPF")


async def test_a_new_order_is_read_as_it_was_written(driver: RfcDriver) -> None:
    outcome = await execute(driver, "purchase_orders", OperationKind.CREATE, ORDER)
    again = await execute(driver, "purchase_orders", OperationKind.CREATE, ORDER)

    found = (await documents(driver, "purchase_orders"))[outcome.key]
    assert (outcome.status, again.key) == (OutcomeStatus.SUCCEEDED, outcome.key)
    assert (found["vendorKey"], found["lineItems"][0]["price"], found["terms"]) == (
        "0000000100",
        "9.99",
        "ZB30",
    )
    days = [line["dueAt"] for line in found["lineItems"]]
    assert days == ["2026-04-02T00:00:00Z", "2026-05-04T00:00:00Z"]  # of the first: the day it is in Berlin


async def test_an_order_is_changed_by_its_lines_numbers(driver: RfcDriver) -> None:
    change = {"key": "4500000001", "lineItems": [{"lineNo": "10", "quantity": "20"}]}

    outcome = await execute(driver, "purchase_orders", OperationKind.UPDATE, change)

    assert outcome.status is OutcomeStatus.SUCCEEDED
    lines = (await documents(driver, "purchase_orders"))["4500000001"]["lineItems"]
    assert [(line["lineNo"], line["quantity"]) for line in lines] == [("10", "20"), ("20", "1")]


async def test_only_the_date_of_the_line_that_has_one_is_changed(site: Site, driver: RfcDriver) -> None:
    change = {
        "key": "4500000001",
        "lineItems": [
            {"lineNo": "20", "quantity": "2"},
            {"lineNo": "10", "dueAt": "2026-06-15T00:00:00+02:00"},
        ],
    }

    outcome = await execute(driver, "purchase_orders", OperationKind.UPDATE, change)

    lines = (await documents(driver, "purchase_orders"))["4500000001"]["lineItems"]
    asked = [given for function, given in site.system.calls if function == "BAPI_PO_CHANGE"][-1]
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert [(line["lineNo"], line["quantity"], line["dueAt"]) for line in lines] == [
        ("10", "12.5", "2026-06-15T00:00:00Z"),
        ("20", "2", None),
    ]
    assert [row["PO_ITEM"] for row in asked["POSCHEDULE"]] == ["00010"]


async def test_a_work_order_is_created_released_and_completed(site: Site, driver: RfcDriver) -> None:
    new = {
        "type": "PM01", "title": "Check seal", "assetKey": PUMP, "scheduledAt": "2026-04-01T06:00:00Z",
        "dueAt": "2026-04-02T06:00:00Z", "customFields": {"planningPlant": "1000"},
    }  # fmt: skip
    created = await execute(driver, "work_orders", OperationKind.CREATE, new)
    assert created.status is OutcomeStatus.SUCCEEDED
    for status in ("released", "completed"):
        record = {"key": created.key, "status": status}
        outcome = await execute(driver, "work_orders", OperationKind.SET_STATUS, record)
        assert outcome.status is OutcomeStatus.SUCCEEDED

    active = [row["STAT"] for row in site.system.rows("JEST", OBJNR=f"OR{created.key}") if not row["INACT"]]
    assert active == ["I0045"]


async def test_equipment_is_changed_where_a_field_is_given(driver: RfcDriver) -> None:
    outcome = await execute(
        driver,
        "equipment",
        OperationKind.UPDATE,
        {"key": PUMP, "makeName": "Grundfos", "name": "Feed pump 2b"},
    )

    pump = (await documents(driver, "equipment"))[PUMP]
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert (pump["makeName"], pump["modelName"], pump["name"]) == ("Grundfos", "Etanorm", "Feed pump 2b")


async def test_vendors_cannot_be_written(driver: RfcDriver) -> None:
    outcome = await execute(driver, "vendors", OperationKind.CREATE, {"name": "New"})

    assert (outcome.status, outcome.messages[0].code) == (OutcomeStatus.FAILED, "not_supported")


async def test_the_system_has_each_function_and_field_of_the_recipes(driver: RfcDriver) -> None:
    steps = await driver.check([spec(name)[0] for name in ECC])

    assert [(step.name, step.detail) for step in steps if not step.ok] == []


async def test_a_user_with_exactly_the_authorisations_of_the_list_can_do_everything(
    site: Site, driver: RfcDriver
) -> None:
    granted = grants_of("rfc", [spec(name)[0] for name in ECC]) or ()
    user = site.system.users["RFCUSER"]
    user.functions = frozenset(value for each in granted if each.object == "S_RFC" for value in each.values)
    user.tables = frozenset(value for each in granted if each.object == "S_TABU_NAM" for value in each.values)

    for name in ECC:
        assert await documents(driver, name)
        start = Mark(MarkKind.DATE, "2020-01-01")
        if (await driver.signpost(spec(name)[0])).kind is MarkKind.TIMESTAMP:
            start = Mark(MarkKind.TIMESTAMP, "2020-01-01T00:00:00")
        await documents(driver, name, since=start)
    steps = await driver.check([spec(name)[0] for name in ECC])
    created = await execute(driver, "purchase_orders", OperationKind.CREATE, ORDER)

    assert all(step.ok for step in steps)
    assert created.status is OutcomeStatus.SUCCEEDED
    read = {given["QUERY_TABLE"] for function, given in site.system.calls if function == "RFC_READ_TABLE"}
    assert user.tables - read == set()  # nothing is asked for that is not read
