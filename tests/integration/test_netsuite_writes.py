"""What goes wrong while NetSuite is written: lost replies, refusals, locked records, answers of somebody else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from json import dumps
from typing import Any

import pytest

from drivers.contract import (
    DriverError,
    NotPermitted,
    OperationKind,
    Outcome,
    OutcomeStatus,
    ReadMode,
    ReadRequest,
    SourceBusy,
    StreamSpec,
    Unreachable,
    WriteCommand,
)
from drivers.netsuite.driver import NetSuiteDriver
from tests.conformance.suite import pages, rows
from tests.netsuite import signatures
from tests.netsuite.connections import Make, drivers_of, of_profile, orders, running, writable_orders
from tests.netsuite.server import NetSuite
from tests.odata.server import Fault

ORDER: dict[str, Any] = {
    "vendorKey": "101",
    "notes": "New",
    "lineItems": [{"materialKey": "201", "quantity": "2"}, {"materialKey": "202", "quantity": "3"}],
}


@pytest.fixture
def account() -> Iterator[NetSuite]:
    with running(orders=9) as made:
        yield made


@pytest.fixture
async def make(account: NetSuite) -> AsyncIterator[Make]:
    async with drivers_of(account) as made:
        yield made


def command(
    record: dict[str, Any], kind: OperationKind = OperationKind.CREATE, name: str = "cmd-1"
) -> WriteCommand:
    return WriteCommand(kind, "purchase_order", record, name, writable_orders())


async def scan(made: NetSuiteDriver) -> list[dict[str, Any]]:
    return rows(await pages(made, ReadRequest(orders(), ReadMode.SCAN, page_rows=4)))


async def executed(made: NetSuiteDriver, wanted: WriteCommand) -> Outcome:
    outcome = await made.execute(wanted)
    assert outcome.status is OutcomeStatus.SUCCEEDED, outcome.messages
    return outcome


async def test_a_create_whose_reply_was_lost_is_found_by_its_external_id(
    account: NetSuite, make: Make
) -> None:
    account.faults.append(Fault("PUT", drop="after"))
    made = make()

    with pytest.raises(Unreachable):
        await made.execute(command(ORDER))
    found = await made.find_effect(command(ORDER))

    assert found is not None
    assert found.status is OutcomeStatus.SUCCEEDED
    assert found.reference == f"PO{found.key}"
    assert (await executed(made, command(ORDER))).key == found.key
    assert len(await scan(made)) == 10


async def test_a_create_that_was_never_carried_out_is_not_found(account: NetSuite, make: Make) -> None:
    account.faults.append(Fault("PUT", drop="before"))
    made = make()

    with pytest.raises(Unreachable):
        await made.execute(command(ORDER))

    assert await made.find_effect(command(ORDER)) is None


async def test_a_request_that_the_network_sends_twice_makes_one_order_with_its_lines_once(
    account: NetSuite, make: Make
) -> None:
    made = make()
    outcome = await executed(made, command(ORDER))
    sent = next(each for each in account.seen if each.method == "PUT")

    account.records.handle(
        "PUT", "purchaseOrder", sent.path.rpartition("/")[2], sent.query, sent.headers, sent.body
    )

    found = {row["__key"]: row for row in await scan(made)}
    assert len(found) == 10
    assert [line["quantity"] for line in found[outcome.key]["lines"]] == ["2", "3"]


async def test_a_locked_record_fails_alone_and_the_next_is_written(account: NetSuite, make: Make) -> None:
    account.records.locked.add(1007)
    made = make()

    first = await made.execute(command({"key": "1007", "notes": "x"}, OperationKind.UPDATE))
    second = await made.execute(command({"key": "1014", "notes": "y"}, OperationKind.UPDATE, "cmd-2"))

    assert first.status is OutcomeStatus.FAILED
    assert first.messages[0].code == "locked"
    assert first.messages[0].text == "This record has been locked by a user defined workflow."
    assert second.status is OutcomeStatus.SUCCEEDED


async def test_a_refused_line_is_named_by_its_field(make: Make) -> None:
    lines = [ORDER["lineItems"][0], {"materialKey": "9999", "quantity": "1"}]

    outcome = await make().execute(command({**ORDER, "lineItems": lines}))

    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.messages[0].field == "lineItems[1].materialKey"
    assert "Invalid Field Value 9999" in outcome.messages[0].text
    assert outcome.messages[0].code == "INVALID_CONTENT"


async def test_a_property_that_netsuite_does_not_know_is_refused_and_not_left_out(
    account: NetSuite, make: Make
) -> None:
    stream = writable_orders()
    step = {"create": "purchaseOrder", "values": {"entity": "vendorKey", "nosuchfield": "notes"}}
    write = {"types": {"vendorKey": "key"}, "create": {"steps": [step]}}
    wrong = type(stream)(stream.name, stream.entity, stream.options, write=write)
    record = {"vendorKey": "101", "notes": "x"}

    outcome = await make().execute(
        WriteCommand(OperationKind.CREATE, "purchase_order", record, "cmd-9", wrong)
    )

    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.messages[0].field == "notes"


async def test_an_update_whose_reply_was_lost_is_found_by_the_field_that_keeps_its_command(
    account: NetSuite, make: Make
) -> None:
    account.faults.append(Fault("PATCH", drop="after"))
    made, wanted = make(), command({"key": "1007", "notes": "x"}, OperationKind.UPDATE)

    with pytest.raises(Unreachable):
        await made.execute(wanted)

    found = await made.find_effect(wanted)
    assert found is not None
    assert found.key == "1007"
    assert await made.find_effect(command(dict(wanted.record), OperationKind.UPDATE, "other")) is None


async def test_a_failing_server_leaves_a_write_open(account: NetSuite, make: Make) -> None:
    account.faults.append(Fault("PUT", status=500))

    with pytest.raises(SourceBusy):
        await make().execute(command(ORDER))


async def test_what_keeps_the_write_from_being_sent_changes_nothing(account: NetSuite, make: Make) -> None:
    account.faults.append(Fault("GET", status=503))

    outcome = await make().execute(command(ORDER))

    assert outcome.status is OutcomeStatus.FAILED
    assert "nothing was sent" in outcome.messages[0].text


async def test_a_sign_in_that_fails_before_a_write_changes_nothing(account: NetSuite, make: Make) -> None:
    account.faults.append(Fault("oauth2/v1/token", status=503))

    outcome = await make().execute(command({"key": "1007", "status": "approved"}, OperationKind.SET_STATUS))

    assert outcome.status is OutcomeStatus.FAILED
    assert "nothing was sent" in outcome.messages[0].text


async def test_a_refusal_that_repeats_a_secret_does_not_show_it(account: NetSuite, make: Make) -> None:
    said = f"{signatures.TOKEN_SECRET} is no vendor"
    body = dumps({"o:errorDetails": [{"detail": said, "o:errorCode": "USER_ERROR", "o:errorPath": "entity"}]})
    account.faults.append(Fault("PUT", status=400, body=body.encode()))

    outcome = await make(signed=True).execute(command(ORDER))

    assert [each.text for each in outcome.messages] == ["*** is no vendor"]


@pytest.mark.parametrize(
    "wanted", [ORDER, {"key": "1007", "notes": "x"}], ids=["create", "update with a find"]
)
async def test_what_a_script_complains_of_when_it_was_saved_is_no_failure(
    account: NetSuite, make: Make, wanted: dict[str, Any]
) -> None:
    account.records.script_fails = True
    kind = OperationKind.UPDATE if "key" in wanted else OperationKind.CREATE

    outcome = await executed(make(), command(wanted, kind))

    assert outcome.key
    assert [each.text for each in outcome.messages] == ["TypeError: x is null"]


async def test_a_refusal_after_which_nobody_can_look_is_left_open(account: NetSuite, make: Make) -> None:
    made = make()
    account.faults.append(Fault("PUT", status=400, body=MISSING.replace(b"NONEXISTENT_ID", b"USER_ERROR")))
    account.faults.append(Fault("GET .*eid", status=404, body=MISSING))
    account.faults.append(Fault("GET .*eid", status=500))

    with pytest.raises(SourceBusy):
        await made.execute(command(ORDER))


async def test_a_right_that_is_missing_is_an_error_that_promises_no_change(
    account: NetSuite, make: Make
) -> None:
    body = b'{"o:errorDetails":[{"detail":"You do not have permission","o:errorCode":"INSUFFICIENT_PERMISSION"}]}'
    account.faults.append(Fault("PUT", status=400, body=body))

    with pytest.raises(NotPermitted):
        await make().execute(command(ORDER))


async def test_given_lines_take_the_place_of_all_where_the_recipe_says_so(
    account: NetSuite, make: Make
) -> None:
    stream = writable_orders()
    lines = {
        "for_each": "lineItems",
        "values": {"item": "lineItems.materialKey", "quantity": "lineItems.quantity"},
        "replace": True,
    }
    write = {
        "types": {"lineItems.materialKey": "key", "lineItems.quantity": "decimal"},
        "update": {"steps": [{"update": "purchaseOrder", "lines": {"item": lines}}]},
    }
    replacing = type(stream)(stream.name, stream.entity, stream.options, write=write)
    record = {"key": "1021", "lineItems": [{"materialKey": "205", "quantity": "4"}]}
    made = make()

    await executed(made, WriteCommand(OperationKind.UPDATE, "purchase_order", record, "cmd-5", replacing))

    row = next(row for row in await scan(made) if row["__key"] == "1021")
    assert [(line["item"], line["quantity"]) for line in row["lines"]] == [("205", "4")]


async def test_an_amount_that_would_be_rounded_is_refused_before_anything_is_sent(
    account: NetSuite, make: Make
) -> None:
    lines = [{"materialKey": "201", "quantity": "2", "price": "1.23456"}]

    outcome = await make().execute(command({**ORDER, "lineItems": lines}))

    assert outcome.status is OutcomeStatus.FAILED
    assert (outcome.messages[0].field, outcome.messages[0].code) == ("lineItems[0].price", "not_exact")
    assert not [each for each in account.seen if each.method == "PUT"]


@pytest.mark.parametrize(("key", "status"), [("1007", OutcomeStatus.SUCCEEDED), ("99", OutcomeStatus.FAILED)])
async def test_an_update_of_nothing_notices_a_record_that_is_not_there(
    account: NetSuite, make: Make, key: str, status: OutcomeStatus
) -> None:
    stream, _ = of_profile("purchase_orders")

    outcome = await make().execute(
        WriteCommand(OperationKind.UPDATE, "purchase_order", {"key": key}, "cmd-6", stream)
    )

    assert outcome.status is status
    assert not [each for each in account.seen if each.method == "PATCH"]


@pytest.mark.parametrize("key", ["abc", "1/../2", "1 or 1=1"])
async def test_a_key_that_is_no_id_is_no_record(account: NetSuite, make: Make, key: str) -> None:
    made, wanted = make(), command({"key": key, "notes": "x"}, OperationKind.UPDATE)

    outcome = await made.execute(wanted)

    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.messages[0].code == "not_found"
    assert await made.find_effect(wanted) is None
    assert not account.seen


async def test_a_host_that_is_not_there_leaves_the_write_undone(account: NetSuite, make: Make) -> None:
    made = make(url="http://127.0.0.1:9")

    outcome = await made.execute(command(ORDER))

    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.messages[0].code == "unreachable"


@pytest.mark.parametrize("headers", [{"Content-Encoding": "gzip"}, {"Content-Encoding": "br"}])
async def test_an_answer_that_cannot_be_unpacked_leaves_the_write_open(
    account: NetSuite, make: Make, headers: dict[str, str]
) -> None:
    account.faults.append(Fault("PUT", status=201, headers=headers, body=b"damaged"))

    with pytest.raises(SourceBusy):
        await make().execute(command(ORDER))


async def test_a_redirect_leaves_the_write_open(account: NetSuite, make: Make) -> None:
    account.faults.append(Fault("PUT", status=302, headers={"Location": "/login"}))

    with pytest.raises(SourceBusy):
        await make().execute(command(ORDER))


async def test_a_success_whose_number_cannot_be_asked_for_is_a_success(account: NetSuite, make: Make) -> None:
    account.faults += [Fault("GET .*eid", status=404, body=MISSING), Fault("GET .*eid", status=500)]

    outcome = await make().execute(command(ORDER))

    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert outcome.key
    assert outcome.reference == ""


MISSING = (
    b'{"o:errorDetails":[{"detail":"The record instance does not exist.","o:errorCode":"NONEXISTENT_ID"}]}'
)
UNEXPECTED = (
    b'{"title":"Bad Request","status":400,"o:errorDetails":[{"detail":"An unexpected error occurred. Error ID: k1",'
    b'"o:errorCode":"UNEXPECTED_ERROR"}]}'
)
PORTAL = b"<html><title>Sign in to the network</title></html>"


@pytest.mark.parametrize(("status", "body"), [(400, UNEXPECTED), (200, PORTAL), (202, b""), (408, b"")])
async def test_an_answer_that_says_neither_yes_nor_no_leaves_the_write_open(
    account: NetSuite, make: Make, status: int, body: bytes
) -> None:
    account.faults.append(Fault("PUT", status=status, body=body))

    with pytest.raises(SourceBusy):
        await make().execute(command(ORDER))


@pytest.mark.parametrize(("status", "body"), [(404, PORTAL), (200, PORTAL), (200, b"{}"), (400, b"")])
async def test_an_answer_of_somebody_else_never_says_that_there_is_no_effect(
    account: NetSuite, make: Make, status: int, body: bytes
) -> None:
    made = make()
    await executed(made, command(ORDER))
    account.faults.append(Fault("GET .*eid", status=status, body=body))

    with pytest.raises(DriverError):
        await made.find_effect(command(ORDER))


@pytest.mark.parametrize("names", [("cmd-a", "cmd-A"), ("a.b:c", "a.b:C"), ("x" * 64, "X" * 64)])
async def test_commands_whose_ids_netsuite_takes_for_one_make_records_of_their_own(
    account: NetSuite, make: Make, names: tuple[str, str]
) -> None:
    made = make()

    keys = {(await executed(made, command(ORDER, name=name))).key for name in names}
    found = [await made.find_effect(command(ORDER, name=name)) for name in names]

    assert len(keys) == 2
    assert {each.key for each in found if each is not None} == keys
    assert len(await scan(made)) == 11


async def test_a_create_whose_condition_does_not_hold_writes_nothing_and_says_so(
    account: NetSuite, make: Make
) -> None:
    step = {"create": "vendor", "when": "notes", "values": {"companyName": "name", "comments": "notes"}}
    stream = StreamSpec("v", "vendor", orders().options, write={"create": {"steps": [step]}})

    outcome = await make().execute(WriteCommand(OperationKind.CREATE, "vendor", {"name": "N"}, "c", stream))

    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.messages[0].code == "nothing_to_write"
