from __future__ import annotations

import asyncio
import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drivers.contract import (
    Message,
    OperationKind,
    Outcome,
    OutcomeStatus,
    SourceBusy,
    StreamSpec,
    Unreachable,
    WriteCommand,
)
from tests.dmf.connections import Time, driver
from tests.dmf.packages import imported
from tests.dmf.server import LABELS, DataManagement
from tests.dmf.test_conformance import ORDER, VENDOR
from tests.sap_odata.connections import streams
from tests.sap_odata.web import Trouble

FO = streams("dynamics-fo-onpremises")
ORDERS, VENDORS = FO["purchase_orders"].spec, FO["vendors"].spec
PO, LINES = "PurchaseOrderHeadersV2", "PurchaseOrderLinesV2"


def command(kind: str, record: Any, key: str = "cmd-1", spec: StreamSpec = ORDERS) -> WriteCommand:
    return WriteCommand(OperationKind(kind), spec.entity, copy.deepcopy(record), key, spec)


def imports(fo: DataManagement) -> int:
    return sum(each.path.endswith("ImportFromPackage") for each in fo.seen)


def with_line(**changed: Any) -> dict[str, Any]:
    order = copy.deepcopy(ORDER)
    order["lineItems"][1].update(changed)  # type: ignore[index]
    return order


async def executed(fo: DataManagement, folder: Path, wanted: WriteCommand, **options: Any) -> Outcome:
    made = driver(fo, folder, **options)
    try:
        return await made.execute(wanted)
    finally:
        await made.aclose()


async def test_an_order_is_one_package_with_the_lines_behind_their_header(
    fo: DataManagement, tmp_path: Path
) -> None:
    outcome = await executed(fo, tmp_path, command("create", ORDER))

    assert outcome.status is OutcomeStatus.SUCCEEDED
    company, number = outcome.key.split("~")
    assert (company, outcome.reference) == ("usmf", number)
    assert len(number) == 20
    assert fo.books.tables[PO][company, number]["PurchaseOrderName"] == 'Shelves, and "more"'
    assert fo.books.tables[LINES][company, number, 2]["LineDescription"] == "Cäbinet 2"
    (package,) = [content for name, content in fo.storage.files.items() if name == "cmd-1.zip"]
    assert [name for name, _ in imported(package, LABELS)] == [
        "Purchase order headers V2",
        "Purchase order lines V2",
    ]


async def test_only_what_is_given_is_sent(fo: DataManagement, tmp_path: Path) -> None:
    await executed(fo, tmp_path, command("update", {"key": "usmf~00000001", "title": "Other"}))

    ((_, records),) = imported(fo.storage.files["cmd-1.zip"], LABELS)
    assert records == [{"PURCHASEORDERNUMBER": "00000001", "PURCHASEORDERNAME": "Other"}]


async def test_a_create_of_what_is_there_changes_nothing(fo: DataManagement, tmp_path: Path) -> None:
    vendor = {**VENDOR, "organizationKey": "usmf", "code": "1001"}
    outcome = await executed(fo, tmp_path, command("create", vendor, spec=VENDORS))

    assert (outcome.status, outcome.messages[0].code) == (OutcomeStatus.FAILED, "already_exists")
    assert not imports(fo)
    assert fo.books.tables["VendorsV2"]["usmf", "1001"]["VendorOrganizationName"] == "Acme & Söhne 1"


async def test_a_number_that_differs_in_its_letters_is_the_same(fo: DataManagement, tmp_path: Path) -> None:
    row = dict(fo.books.tables["VendorsV2"]["usmf", "1001"])
    fo.books.tables["VendorsV2"]["usmf", "ACME-1"] = row | {"VendorAccountNumber": "ACME-1"}
    vendor = {**VENDOR, "organizationKey": "usmf", "code": "acme-1"}
    outcome = await executed(fo, tmp_path, command("create", vendor, spec=VENDORS))

    assert outcome.messages[0].code == "already_exists"
    vendor = {**VENDOR, "organizationKey": "USMF", "code": "new-1"}
    outcome = await executed(fo, tmp_path, command("create", vendor, spec=VENDORS))
    assert outcome.messages[0].code == "not_a_key"
    assert not imports(fo)


async def test_what_is_said_of_a_record_comes_back_with_its_field(fo: DataManagement, tmp_path: Path) -> None:
    vendor = {**ORDER, "vendorKey": "usmf~1005"}
    outcome = await executed(fo, tmp_path, command("create", vendor))

    assert outcome.status is OutcomeStatus.FAILED
    said = {message.field: message.text for message in outcome.messages}
    assert "Vendor account 1005 is on hold" in said["vendorKey.2"]


async def test_what_ended_half_way_is_in_doubt_with_the_systems_words(
    fo: DataManagement, tmp_path: Path
) -> None:
    wanted = command("create", with_line(materialKey="usmf~D9999"))
    outcome = await executed(fo, tmp_path, wanted)

    assert outcome.status is OutcomeStatus.IN_DOUBT
    assert outcome.messages[0].code == "partly_done"
    assert any("D9999" in message.text for message in outcome.messages)
    made = driver(fo, tmp_path)
    found = await made.find_effect(wanted)
    await made.aclose()
    assert found is not None
    assert found.status is OutcomeStatus.IN_DOUBT


async def test_a_failure_without_a_reason_names_where_to_look(fo: DataManagement, tmp_path: Path) -> None:
    fo.errors_text = "[]"
    outcome = await executed(fo, tmp_path, command("update", {"key": "usmf~00000002", "title": "Other"}))

    assert outcome.status is OutcomeStatus.FAILED
    assert "Job history for cmd-1" in outcome.messages[0].text


@pytest.mark.parametrize("kind", ["create", "update"])
async def test_what_was_cancelled_is_failed_only_where_nothing_was_done(
    fo: DataManagement, tmp_path: Path, kind: str
) -> None:
    fo.ends_as = {"import": "Canceled"}
    record = ORDER if kind == "create" else {"key": "usmf~00000001", "title": "Other"}
    outcome = await executed(fo, tmp_path, command(kind, record))
    assert outcome.status is OutcomeStatus.IN_DOUBT  # it was done, in truth

    refused = {**ORDER, "vendorKey": "usmf~1005"}
    refused["lineItems"] = [{**line, "materialKey": "usmf~D9999"} for line in ORDER["lineItems"]]  # type: ignore[union-attr, attr-defined]
    outcome = await executed(fo, tmp_path, command("create", refused, "cmd-2"))
    assert outcome.status is OutcomeStatus.FAILED


async def test_a_lost_reply_is_looked_up_by_the_commands_id(fo: DataManagement, tmp_path: Path) -> None:
    fo.looks = 2
    fo.troubles.append(Trouble("ImportFromPackage", drop="after"))
    wanted = command("create", ORDER)
    made = driver(fo, tmp_path)
    with pytest.raises(Unreachable):
        await made.execute(wanted)
    with pytest.raises(SourceBusy):
        await made.find_effect(wanted)  # it still runs: nobody can tell
    with pytest.raises(SourceBusy):
        await made.find_effect(wanted)

    found = await made.find_effect(wanted)
    again = await made.execute(wanted)
    await made.aclose()

    assert found is not None
    assert found == again
    assert found.status is OutcomeStatus.SUCCEEDED
    assert imports(fo) == 1


async def test_a_request_that_never_arrived_has_no_effect(fo: DataManagement, tmp_path: Path) -> None:
    fo.troubles.append(Trouble("ImportFromPackage", drop="before"))
    wanted = command("create", ORDER)
    made = driver(fo, tmp_path)
    with pytest.raises(Unreachable):
        await made.execute(wanted)
    assert await made.find_effect(wanted) is None
    await made.aclose()


async def test_an_import_that_takes_longer_than_a_call_is_left_open(
    fo: DataManagement, tmp_path: Path
) -> None:
    wanted = command("create", ORDER)
    made = driver(fo, tmp_path, Time(), call_seconds=60)
    fo.looks = 1
    original = fo._import

    def slow(body: Any) -> str:
        fo.looks = 30
        return original(body)

    fo._import = slow  # type: ignore[method-assign]
    with pytest.raises(SourceBusy):
        await made.execute(wanted)
    for _ in range(40):
        try:
            found = await made.find_effect(wanted)
            break
        except SourceBusy:
            continue
    await made.aclose()

    assert found is not None
    assert found.status is OutcomeStatus.SUCCEEDED
    assert imports(fo) == 1


@pytest.mark.parametrize("call", ["GetAzureWriteUrl", "GetExecutionSummaryStatus", "ExportToPackage"])
async def test_what_fails_before_the_import_is_a_failure_that_changed_nothing(
    fo: DataManagement, tmp_path: Path, call: str
) -> None:
    fo.troubles.append(Trouble(call, status=503, times=9))
    outcome = await executed(fo, tmp_path, command("create", ORDER))

    assert outcome.status is OutcomeStatus.FAILED
    assert "nothing was sent" in outcome.messages[0].text
    assert not imports(fo)


async def test_an_import_that_is_refused_was_never_begun(fo: DataManagement, tmp_path: Path) -> None:
    options = copy.deepcopy(dict(VENDORS.write))
    options["create"]["steps"][0]["create"] = "Vendors V9"
    outcome = await executed(fo, tmp_path, command("create", VENDOR, spec=replace(VENDORS, write=options)))

    assert outcome.status is OutcomeStatus.FAILED
    assert "Vendors V9 does not exist in the target environment" in outcome.messages[0].text


async def test_a_server_that_fails_over_an_import_leaves_it_open(fo: DataManagement, tmp_path: Path) -> None:
    fo.troubles.append(Trouble("ImportFromPackage", status=500, body=b"{}"))
    with pytest.raises(SourceBusy):
        await executed(fo, tmp_path, command("create", ORDER))


async def test_imports_are_begun_one_after_the_other(fo: DataManagement, tmp_path: Path) -> None:
    made = driver(fo, tmp_path)
    found = await asyncio.gather(
        made.execute(command("create", ORDER, "cmd-1")), made.execute(command("create", ORDER, "cmd-2"))
    )
    await made.aclose()

    assert [each.status for each in found] == [OutcomeStatus.SUCCEEDED] * 2
    assert found[0].key != found[1].key


@pytest.mark.parametrize(
    ("kind", "record", "spec", "code"),
    [
        ("update", {"key": "usmf~00000001", "title": None}, ORDERS, "not_emptied"),
        ("update", {"key": "usmf~00000001", "title": "a\nb"}, ORDERS, "several_lines"),
        ("create", with_line(quantity="1.0000001"), ORDERS, "not_exact"),
        ("create", {**ORDER, "vendorKey": "elsewhere~1001"}, ORDERS, "not_a_key"),
        ("create", {**ORDER, "lineItems": [*ORDER["lineItems"], {"materialKey": "usmf~D0001", "quantity": "1"}]}, ORDERS, "mixed_lines"),  # type: ignore[misc]
        ("update", {"key": "elsewhere~1001", "name": "x"}, VENDORS, "not_a_key"),
        ("update", {"key": "1001", "name": "x"}, VENDORS, "not_found"),
        ("delete", {"key": "usmf~1001"}, VENDORS, "not_supported"),
    ],
)  # fmt: skip
async def test_what_a_package_cannot_say_is_refused_before_anything_is_asked(
    fo: DataManagement, tmp_path: Path, kind: str, record: Any, spec: StreamSpec, code: str
) -> None:
    wanted = command(kind, record, spec=spec)
    outcome = await executed(fo, tmp_path, wanted)

    assert outcome.status is OutcomeStatus.FAILED
    assert [message.code for message in outcome.messages] == [code]
    assert all(isinstance(message, Message) for message in outcome.messages)
    assert not fo.seen
