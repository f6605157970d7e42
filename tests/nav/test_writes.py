"""What is written through pages, and what becomes of writes that do not go well."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from drivers.contract import (
    BadConfiguration,
    NotPermitted,
    OperationKind,
    Outcome,
    OutcomeStatus,
    SourceBusy,
    SourceChanged,
    StreamSpec,
    Unreachable,
    WriteCommand,
)
from drivers.keys import encode_key
from drivers.soap.driver import soap_driver
from drivers.soap.pages.driver import PagesDriver
from tests.nav.company import connection
from tests.nav.server import EXCEPTIONS, Fault, NavServer
from tests.nav.test_conformance import ORDER, WRITE, orders
from tests.sap_odata.web import Trouble

CREATE, UPDATE = OperationKind.CREATE, OperationKind.UPDATE
OPEN = "106002"  # an order with two lines
KEEPING = copy.deepcopy(WRITE)
del KEEPING["update"]["steps"][0]["lines"]["PurchLines"]["others"]
LINES = [{"lineNo": "10000", "quantity": "7"}, {"materialKey": "I9", "quantity": "1"}]


@pytest.fixture
async def driver(server: NavServer, tmp_path: Path) -> AsyncIterator[PagesDriver]:
    made = soap_driver("nav", *connection(server, tmp_path))
    assert isinstance(made, PagesDriver)
    yield made
    await made.aclose()


def command(
    kind: OperationKind, record: dict[str, Any], *, key: str = "cmd-1", write: dict[str, Any] | None = None
) -> WriteCommand:
    return WriteCommand(kind, "purchase_order", record, key, orders(write=write or WRITE))


def row(server: NavServer, no: str = OPEN) -> dict[str, Any]:
    return server.pages["PurchaseOrder"].rows[(no,)]


def said(outcome: Outcome) -> tuple[OutcomeStatus, str, str]:
    return outcome.status, outcome.messages[0].code, outcome.messages[0].field


# --- what is sent


async def test_an_update_sends_the_key_and_what_is_to_change_and_nothing_else(
    server: NavServer, driver: PagesDriver
) -> None:
    await driver.execute(command(UPDATE, {"key": OPEN, "title": "New"}))

    (body,) = server.calls("Update")
    sent = etree.fromstring(body).find(".//{*}PurchaseOrder")
    assert [etree.QName(each).localname for each in sent] == ["Key", "Posting_Description"]
    assert row(server)["Posting_Description"] == "New"
    assert len(row(server)["_lines"]["PurchLines"]) == 2


async def test_lines_are_changed_added_and_deleted_through_their_order(
    server: NavServer, driver: PagesDriver
) -> None:
    outcome = await driver.execute(command(UPDATE, {"key": OPEN, "lineItems": LINES}))

    assert outcome.status is OutcomeStatus.SUCCEEDED
    lines = row(server)["_lines"]["PurchLines"]
    assert [(line["Line_No"], line["No"], line["Quantity"]) for line in lines] == [
        (10_000, "I0", "7"),
        (30_000, "I9", "1"),
    ]
    assert lines[0]["Direct_Unit_Cost"] == "12345678901234.56789", "what is not given stays"
    assert len(server.calls("Delete_PurchLines")) == 1


async def test_lines_that_are_not_named_are_kept_unless_the_recipe_says_otherwise(
    server: NavServer, driver: PagesDriver
) -> None:
    await driver.execute(command(UPDATE, {"key": OPEN, "lineItems": LINES}, write=KEEPING))

    assert len(row(server)["_lines"]["PurchLines"]) == 3
    assert not server.calls("Delete_PurchLines")


async def test_a_line_is_found_by_its_number_and_by_no_other_that_ends_in_more_zeros(
    server: NavServer, driver: PagesDriver
) -> None:
    held = row(server)["_lines"]["PurchLines"]
    held.append({**held[1], "_id": 9_999, "Line_No": 100_000, "Quantity": "5"})

    await driver.execute(
        command(UPDATE, {"key": OPEN, "lineItems": [{"lineNo": "100000", "quantity": "7"}]}, write=KEEPING)
    )

    lines = row(server)["_lines"]["PurchLines"]
    assert {line["Line_No"]: line["Quantity"] for line in lines} == {
        **{line["Line_No"]: line["Quantity"] for line in held},
        100_000: "7",
    }


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ([{"lineNo": "70000", "quantity": "7"}], "lineItems[0].lineNo"),
        (
            [{"lineNo": "10000", "quantity": "7"}, {"lineNo": "10000", "quantity": "8"}],
            "lineItems[1].lineNo",
        ),
    ],
)
async def test_a_line_number_that_no_line_has_or_a_line_had_before_adds_no_other_line(
    server: NavServer, driver: PagesDriver, lines: list[dict[str, str]], place: str
) -> None:
    outcome = await driver.execute(command(UPDATE, {"key": OPEN, "lineItems": lines}))

    assert said(outcome) == (OutcomeStatus.FAILED, "not_found", place)
    assert not server.calls("Update")


async def test_a_line_that_is_given_and_not_to_be_written_is_kept(
    server: NavServer, driver: PagesDriver
) -> None:
    write = copy.deepcopy(WRITE)
    write["update"]["steps"][0]["lines"]["PurchLines"]["unless"] = "lineItems.type"

    given = [{"lineNo": "10000", "type": "kept"}, {"lineNo": "20000", "quantity": "3"}]
    await driver.execute(command(UPDATE, {"key": OPEN, "lineItems": given}, write=write))

    assert [line["Line_No"] for line in row(server)["_lines"]["PurchLines"]] == [10_000, 20_000]


async def test_a_record_of_whose_key_a_part_is_blank_can_be_written(
    server: NavServer, driver: PagesDriver
) -> None:
    vendor = server.pages["Vendors"].rows["V1",]
    vendor["City"] = ""
    write = {"update": {"steps": [{"update": "Vendors", "set": {"Name": "name"}}]}}
    stream = StreamSpec("v", "vendor", {"page": "Vendors", "key": ["No", "City"]}, write=write)

    outcome = await driver.execute(
        WriteCommand(UPDATE, "vendor", {"key": encode_key(["V1", ""]), "name": "New"}, "c", stream)
    )

    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert server.pages["Vendors"].rows["V1",]["Name"] == "New"


async def test_a_status_is_set_by_the_function_of_a_codeunit(server: NavServer, driver: PagesDriver) -> None:
    done = command(OperationKind.SET_STATUS, {"key": OPEN, "status": "approved"})

    assert (await driver.execute(done)).status is OutcomeStatus.SUCCEEDED

    assert row(server)["Status"] == "Released"


async def test_an_emptied_field_is_sent_as_navs_empty_value(server: NavServer, driver: PagesDriver) -> None:
    await driver.execute(command(UPDATE, {"key": OPEN, "dueAt": None, "title": None}))

    assert (row(server)["Due_Date"], row(server)["Posting_Description"]) == (None, "")


@pytest.mark.parametrize(
    ("record", "code", "field"),
    [
        (
            {**ORDER, "lineItems": [{"materialKey": "I1", "quantity": "1e99"}]},
            "not_exact",
            "lineItems[0].quantity",
        ),
        (
            {**ORDER, "lineItems": [{"materialKey": "I1", "quantity": "x"}]},
            "not_a_decimal",
            "lineItems[0].quantity",
        ),
        ({**ORDER, "orderDate": "tomorrow"}, "not_a_moment", "orderDate"),
        ({**ORDER, "vendorKey": "a\x01"}, "not_a_text", "vendorKey"),
        ({**ORDER, "title": "x"}, "not_writable", "title"),
    ],
)
async def test_a_value_that_would_not_arrive_as_it_was_given_is_refused_with_its_field(
    server: NavServer, driver: PagesDriver, record: dict[str, Any], code: str, field: str
) -> None:
    outcome = await driver.execute(command(CREATE, record))

    assert said(outcome) == (OutcomeStatus.FAILED, code, field)
    assert not server.calls("Create")


async def test_an_option_is_written_by_any_of_its_names_and_another_is_refused(
    server: NavServer, driver: PagesDriver
) -> None:
    write = {"update": {"steps": [{"update": "Vendors", "set": {"Price_Rule": "notes", "Blocked": "name"}}]}}
    stream = StreamSpec("v", "vendor", {"page": "Vendors"}, write=write)

    def to(**change: str) -> WriteCommand:
        return WriteCommand(UPDATE, "vendor", {"key": "V1", **change}, "c", stream)

    await driver.execute(to(notes="No Relationship", name="All"))
    changed = dict(server.pages["Vendors"].rows["V1",])
    await driver.execute(to(notes="Profit=Price_Cost", name=""))
    again = dict(server.pages["Vendors"].rows["V1",])
    refused = await driver.execute(to(notes="Whatever"))

    assert (changed["Price_Rule"], changed["Blocked"]) == ("No_Relationship", "All")
    assert (again["Price_Rule"], again["Blocked"]) == ("Profit_x003D_Price_Cost", "_blank_")
    assert said(refused) == (OutcomeStatus.FAILED, "not_an_option", "notes")


# --- others write too


@pytest.mark.parametrize(
    "wanted",
    [
        command(UPDATE, {"key": OPEN, "title": "Mine"}),
        command(OperationKind.DELETE, {"key": OPEN}),
    ],
    ids=["update", "delete"],
)
async def test_a_record_that_another_changed_meanwhile_is_left_as_it_is(
    server: NavServer, driver: PagesDriver, wanted: WriteCommand
) -> None:
    def another() -> None:
        row(server).update(Posting_Description="Theirs", _v=row(server)["_v"] + 1)

    server.meanwhile = another

    outcome = await driver.execute(wanted)

    # The server says so in German, in a fault that could be any: the Key itself was asked about.
    assert said(outcome) == (OutcomeStatus.FAILED, "changed_meanwhile", "key")
    assert row(server)["Posting_Description"] == "Theirs"


async def test_a_record_that_is_gone_is_told_so(server: NavServer, driver: PagesDriver) -> None:
    outcome = await driver.execute(command(UPDATE, {"key": "999999", "title": "x"}))

    assert said(outcome) == (OutcomeStatus.FAILED, "not_found", "key")


# --- what the system says no to


async def test_what_the_system_says_no_to_is_told_in_its_words(
    server: NavServer, driver: PagesDriver
) -> None:
    outcome = await driver.execute(command(UPDATE, {"key": "106001", "dueAt": "2026-09-01"}))

    assert said(outcome) == (OutcomeStatus.FAILED, "NavTestFieldException", "")
    assert "Status must be equal to 'Open'" in outcome.messages[0].text


async def test_a_missing_right_is_the_administrators(server: NavServer, driver: PagesDriver) -> None:
    def refuse(_row: Any, _change: Any) -> None:
        raise Fault(f"{EXCEPTIONS}.NavPermissionException", "You do not have the following permissions ...")

    server.pages["PurchaseOrder"].validate = refuse

    with pytest.raises(NotPermitted, match="You do not have"):
        await driver.execute(command(UPDATE, {"key": OPEN, "title": "x"}))


async def test_a_page_that_is_read_only_promises_no_writes(driver: PagesDriver) -> None:
    write = {"create": {"steps": [{"create": "VendorLedgerEntries", "values": {"Vendor_No": "vendorKey"}}]}}
    stream = StreamSpec("entries", "purchase_order", {"page": "VendorLedgerEntries"}, write=write)

    assert await driver.operations([stream]) == []
    outcome = await driver.execute(WriteCommand(CREATE, "purchase_order", {"vendorKey": "V1"}, "c", stream))
    assert said(outcome) == (OutcomeStatus.FAILED, "not_supported", "")


# --- lost replies


@pytest.mark.parametrize("drop", ["before", "after"])
async def test_a_lost_reply_to_a_create_is_open_and_its_effect_is_found_if_it_is_there(
    server: NavServer, driver: PagesDriver, drop: str
) -> None:
    wanted = command(CREATE, ORDER)
    await driver.operations([wanted.stream])
    assert await driver.find_effect(wanted) is None
    _lose(server, "Create", drop)

    with pytest.raises(Unreachable):
        await driver.execute(wanted)

    found = await driver.find_effect(wanted)
    assert (found is None) is (drop == "before")
    repeated = await driver.execute(wanted)
    assert repeated.status is OutcomeStatus.SUCCEEDED
    assert found is None or found == repeated
    assert len([r for r in server.pages["PurchaseOrder"].rows.values() if r["Vendor_Order_No"]]) == 1


async def test_an_effect_is_found_where_the_streams_filter_leaves_it_out(
    server: NavServer, driver: PagesDriver
) -> None:
    filtered = replace(orders(write=WRITE), options={**orders().options, "filter": {"Status": "Released"}})
    wanted = replace(command(CREATE, ORDER), stream=filtered)

    made = await driver.execute(wanted)

    assert row(server, made.key)["Status"] == "Open"
    assert await driver.find_effect(wanted) == made


async def test_the_effect_of_a_command_is_not_that_of_one_whose_reference_differs_in_case(
    server: NavServer, driver: PagesDriver
) -> None:
    write = copy.deepcopy(WRITE)
    del write["idempotency_key_length"]
    await driver.execute(command(CREATE, ORDER, key="order-a", write=write))

    assert await driver.find_effect(command(CREATE, ORDER, key="Order-A", write=write)) is None

    (made,) = [each for each in server.pages["PurchaseOrder"].rows.values() if each["Vendor_Order_No"]]
    made["Vendor_Order_No"] = "ORDER-A"  # as a field of type Code keeps it
    assert await driver.find_effect(command(CREATE, ORDER, key="order-a", write=write)) is not None


@pytest.mark.parametrize(("status", "body"), [(500, b""), (200, b"<html>proxy</html>"), (200, b"<Soap:")])
async def test_an_answer_that_says_nothing_leaves_open_what_became_of_it(
    server: NavServer, driver: PagesDriver, status: int, body: bytes
) -> None:
    await driver.execute(command(CREATE, ORDER, key="first"))
    _answer(server, "Create", status, body)

    with pytest.raises(SourceBusy):
        await driver.execute(command(CREATE, ORDER, key="second"))


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_line_that_is_not_deleted_behind_an_update_is_no_failure(
    server: NavServer, driver: PagesDriver, status: int
) -> None:
    _answer(server, "Delete_PurchLines", status, b"")

    with pytest.raises(SourceBusy, match="was changed, but a line of PurchLines was not deleted"):
        await driver.execute(command(UPDATE, {"key": OPEN, "lineItems": LINES}))


async def test_a_line_of_which_the_system_does_not_say_that_it_was_deleted_is_left_open(
    server: NavServer, driver: PagesDriver
) -> None:
    space = server.pages["PurchaseOrder"].space
    told = f'<Delete_PurchLines_Result xmlns="{space}"><R>false</R></Delete_PurchLines_Result>'
    body = f'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>{told}</e:Body></e:Envelope>'
    _answer(server, "Delete_PurchLines", 200, body.encode())

    with pytest.raises(SourceBusy, match="does not say that a line of PurchLines was deleted"):
        await driver.execute(command(UPDATE, {"key": OPEN, "lineItems": LINES}))


async def test_a_server_that_cannot_be_asked_first_is_sent_nothing(
    server: NavServer, driver: PagesDriver
) -> None:
    await driver.operations([orders(write=WRITE)])
    server.troubles = [Trouble("POST", 503, times=9)]

    outcome = await driver.execute(command(CREATE, ORDER))

    assert outcome.status is OutcomeStatus.FAILED
    assert not server.calls("Create")


# --- recipes


@pytest.mark.parametrize(
    ("kind", "change", "place"),
    [
        ("create", {"find": "No_Such"}, "streams.orders.write.create.find"),
        ("create", {"find": "No"}, None),
        ("create", {"steps": [{"create": "PurchaseOrder", "values": {"Numero": "title"}}]}, "values.Numero"),
        (
            "update",
            {"steps": [{"update": "PurchaseOrder", "set": {}}]},
            "streams.orders.write.update.steps[0]",
        ),
        (
            "update",
            {"steps": [{"update": "PurchaseOrder", "set": {"PurchLines": "title"}}]},
            "set.PurchLines",
        ),
        (
            "set_status",
            {"steps": [{"call": "PurchaseRelease.Relase", "values": {"a": "key"}}]},
            "steps[0].call",
        ),
        ("set_status", {"steps": [{"call": "PurchaseRelease.ReleaseOrder"}]}, "steps[0]"),
    ],
)
async def test_a_recipe_that_cannot_work_is_told_with_its_place(
    driver: PagesDriver, kind: str, change: dict[str, Any], place: str | None
) -> None:
    write = {**WRITE, kind: {**WRITE[kind], **change}}
    if place is None:
        assert await driver.operations([orders(write=write)])
        return

    with pytest.raises((BadConfiguration, SourceChanged)) as raised:
        await driver.operations([orders(write=write)])

    assert place in raised.value.where


async def test_a_function_that_was_published_since_is_found(server: NavServer, driver: PagesDriver) -> None:
    write = copy.deepcopy(WRITE)
    write["set_status"]["steps"][0]["call"] = "PurchaseRelease.ApproveOrder"
    with pytest.raises(SourceChanged, match="no function 'ApproveOrder'"):
        await driver.operations([orders(write=write)])

    wsdl, functions = server.codeunits["PurchaseRelease"]
    server.codeunits["PurchaseRelease"] = wsdl.replace(b"ReopenOrder", b"ApproveOrder"), functions

    assert await driver.operations([orders(write=write)])


async def test_check_looks_at_recipes(driver: PagesDriver) -> None:
    found = (await driver.check([orders(write=WRITE)]))[-1]

    assert found.ok
    assert "create, update, delete, set_status" in found.detail


def _lose(server: NavServer, operation: str, drop: str) -> None:
    _on(server, operation, Trouble(".", drop=drop))


def _answer(server: NavServer, operation: str, status: int, body: bytes) -> None:
    _on(server, operation, Trouble(".", status, body))


def _on(server: NavServer, operation: str, trouble: Trouble) -> None:
    """Trouble for one operation: its name is in a header, which the patterns of the server do not see."""
    plain = server.trouble

    def chosen(line: str) -> Trouble | None:
        action = server.seen[-1].headers.get("soapaction", "")
        if action.endswith(f':{operation}"') and trouble.times > 0:
            trouble.times -= 1
            return trouble
        return plain(line)

    server.trouble = chosen  # type: ignore[method-assign]
