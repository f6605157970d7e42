"""Writing over OData: what a refusal, a lost reply, a changed record and an ended token make of it."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from drivers.contract import (
    BadConfiguration,
    CredentialsRefused,
    DriverError,
    Message,
    NotPermitted,
    OperationKind,
    OutcomeStatus,
    SourceBusy,
    StreamSpec,
    Throttled,
    Unreachable,
    WriteCommand,
)
from drivers.odata.driver import ODataDriver
from tests.odata.orders import ORDER, driver, writable_service, writable_stream, write
from tests.odata.server import Fault, ODataServer

CREATE, UPDATE, DELETE, SET_STATUS = OperationKind


@pytest.fixture(params=[2, 4], ids=["v2", "v4"])
def server(request: pytest.FixtureRequest) -> Iterator[ODataServer]:
    made = writable_service(request.param)
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def erp(server: ODataServer) -> AsyncIterator[ODataDriver]:
    made = driver(server, csrf="fetch")
    yield made
    await made.aclose()


def command(kind: OperationKind, record: dict[str, Any], stream: StreamSpec | None = None) -> WriteCommand:
    return WriteCommand(kind, "purchase_order", record, f"w-{uuid.uuid4().hex}", stream or writable_stream())


async def test_an_order_is_created_with_its_lines_in_one_request(
    server: ODataServer, erp: ODataDriver
) -> None:
    outcome = await erp.execute(command(CREATE, ORDER))

    (posted,) = [seen for seen in server.seen if seen.method == "POST"]
    order, lines = (
        server.rows["Orders"][-1],
        [line for line in server.rows["Lines"] if line["OrderNo"] == outcome.key],
    )
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert (outcome.key, outcome.reference) == (order["OrderNo"], order["OrderNo"])
    assert posted.path.endswith("/Orders")
    assert (order["Title"], str(order["Amount"]), str(order["Due"])[:10]) == (
        "Bolts & nuts 'blue'",
        "12.50",
        "2026-02-03",
    )
    assert [(line["LineNo"], str(line["Qty"]), line["Text"]) for line in lines] == [
        (1, "3.000000000000000001", None),
        (2, "1", "blue"),
    ]


async def test_a_service_that_does_not_say_what_it_created_is_asked(
    server: ODataServer, erp: ODataDriver
) -> None:
    render = server.render
    server.render = lambda name, row, query: render(name, row, query) if query or name == "Lines" else {}  # type: ignore[method-assign]

    outcome = await erp.execute(command(CREATE, ORDER))

    assert (outcome.status, outcome.key) == (OutcomeStatus.SUCCEEDED, server.rows["Orders"][-1]["OrderNo"])


async def test_a_refusal_has_the_systems_words_code_and_field(server: ODataServer, erp: ODataDriver) -> None:
    outcome = await erp.execute(command(CREATE, {**ORDER, "vendorKey": "V-BLOCKED"}))

    assert outcome.status is OutcomeStatus.FAILED
    assert Message("Vendor V-BLOCKED is blocked", "06/321", "Vendor") in outcome.messages


async def test_an_order_and_its_lines_change_together_or_not_at_all(
    server: ODataServer, erp: ODataDriver
) -> None:
    made = await erp.execute(command(CREATE, ORDER))
    both = {
        "key": made.key,
        "notes": "new",
        "lineItems": [{"lineNo": 1, "quantity": "7"}, {"lineNo": 2, "quantity": "8.5"}],
    }

    assert (await erp.execute(command(UPDATE, both))).status is OutcomeStatus.SUCCEEDED
    order = server.rows["Orders"][-1]
    assert order["Title"] == "new"
    assert [str(line["Qty"]) for line in server.rows["Lines"] if line["OrderNo"] == made.key] == ["7", "8.5"]
    assert [seen.path.rsplit("/", 1)[-1] for seen in server.seen if seen.method == "POST"] == [
        "Orders",
        "$batch",
    ]

    def refuse(_: ODataServer, row: dict[str, Any]) -> None:
        if str(row["Qty"]) == "99":
            from tests.odata.server import Refused

            raise Refused(400, "06/999", "Too many", (("06/999", "Too many", "Qty"),))

    server.hooks["Lines"] = refuse
    wrong = {
        **both,
        "notes": "newer",
        "lineItems": [{"lineNo": 1, "quantity": "1"}, {"lineNo": 2, "quantity": "99"}],
    }
    outcome = await erp.execute(command(UPDATE, wrong))

    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.messages[-1].text == "Too many"
    assert server.rows["Orders"][-1]["Title"] == "new"
    assert [str(line["Qty"]) for line in server.rows["Lines"] if line["OrderNo"] == made.key] == ["7", "8.5"]


async def test_a_line_that_is_not_there_is_named_and_nothing_is_changed(
    server: ODataServer, erp: ODataDriver
) -> None:
    made = await erp.execute(command(CREATE, ORDER))
    outcome = await erp.execute(
        command(UPDATE, {"key": made.key, "notes": "x", "lineItems": [{"lineNo": 77, "quantity": "1"}]})
    )

    assert outcome.messages == (Message("there is no such line", "not_found", "lineItems[0].key"),)
    assert server.rows["Orders"][-1]["Title"] == ORDER["notes"]


async def test_a_record_that_another_changed_meanwhile_is_not_overwritten(
    server: ODataServer, erp: ODataDriver
) -> None:
    made = await erp.execute(command(CREATE, ORDER))
    find, asked = server.find, []

    def another(name: str, key: str) -> Any:
        asked.append(key)
        if len(asked) == 2:  # the first is the look before the change
            server.rows["Orders"][-1]["Version"] += 1
        return find(name, key)

    server.find = another  # type: ignore[method-assign]
    outcome = await erp.execute(command(UPDATE, {"key": made.key, "notes": "x"}))

    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.messages[0].code == "changed_meanwhile"
    assert server.rows["Orders"][-1]["Title"] == ORDER["notes"]


async def test_a_lost_reply_is_never_a_failure(server: ODataServer, erp: ODataDriver) -> None:
    wanted = command(CREATE, ORDER)
    await erp.execute(command(CREATE, ORDER))
    count = len(server.rows["Orders"])
    server.faults.append(Fault("POST .*/Orders", drop="after"))

    with pytest.raises(Unreachable):
        await erp.execute(wanted)
    found = await erp.find_effect(wanted)

    assert len(server.rows["Orders"]) == count + 1
    assert found is not None
    assert found.key == server.rows["Orders"][-1]["OrderNo"]
    again = await erp.execute(wanted)
    assert (again.status, again.key) == (OutcomeStatus.SUCCEEDED, found.key)
    assert len(server.rows["Orders"]) == count + 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault("POST .*/Orders", 500, body=b"<html>dump</html>"), SourceBusy),
        (Fault("POST .*/Orders", 504), SourceBusy),
        (Fault("POST .*/Orders", 429, {"Retry-After": "3"}), Throttled),
        (Fault("POST .*/Orders", 303, {"Location": "/x"}), SourceBusy),
        (Fault("POST .*/Orders", 201, {"Content-Encoding": "br"}, b"x"), SourceBusy),
        (Fault("POST .*/Orders", 200, {"Content-Type": "text/html"}, b"<html>Logon</html>"), SourceBusy),
        (Fault("POST .*/Orders", 304), SourceBusy),
        (Fault("POST .*/Orders", 408), SourceBusy),
        (Fault("POST .*/Orders", 403, body=b"no"), NotPermitted),
        (Fault("POST .*/Orders", 401, body=b"no"), CredentialsRefused),
    ],
    ids=[
        "dump",
        "gateway",
        "throttled",
        "redirect",
        "unreadable",
        "page",
        "unchanged",
        "late",
        "forbidden",
        "unauthorized",
    ],
)
async def test_what_leaves_open_what_became_of_it_is_left_open(
    server: ODataServer, erp: ODataDriver, fault: Fault, kind: type[DriverError]
) -> None:
    server.faults.append(Fault(fault.pattern, fault.status, fault.headers, fault.body))

    with pytest.raises(kind):
        await erp.execute(command(CREATE, ORDER))


async def test_before_anything_is_sent_a_silent_system_is_a_failure(
    server: ODataServer, erp: ODataDriver
) -> None:
    server.faults.append(Fault("GET .*/Orders", drop="before", times=9))
    outcome = await erp.execute(command(CREATE, ORDER))

    assert outcome.status is OutcomeStatus.FAILED
    assert "nothing was sent" in outcome.messages[0].text
    assert not [seen for seen in server.seen if seen.method == "POST"]


@pytest.mark.parametrize("status", [500, 503, 504])
async def test_a_token_that_cannot_be_had_leaves_the_write_unsent(
    server: ODataServer, erp: ODataDriver, status: int
) -> None:
    server.faults.append(Fault(r"GET \S*/(\?\S*)?$", status, times=9))
    outcome = await erp.execute(command(CREATE, ORDER))

    assert outcome.status is OutcomeStatus.FAILED
    assert "nothing was sent" in outcome.messages[0].text
    assert not [seen for seen in server.seen if seen.method == "POST"]


async def test_a_changeset_of_which_a_part_was_carried_out_is_left_open(
    server: ODataServer, erp: ODataDriver
) -> None:
    made = await erp.execute(command(CREATE, ORDER))
    part = b"--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 %d x\r\n\r\n\r\n"
    body = part % 204 + part % 400 + b"--b--\r\n"
    server.faults.append(
        Fault(r"POST .*/\$batch", 202, {"Content-Type": "multipart/mixed; boundary=b"}, body)
    )
    both = {"key": made.key, "notes": "x", "lineItems": [{"lineNo": 1, "quantity": "7"}]}

    with pytest.raises(SourceBusy, match="a part of the changeset"):
        await erp.execute(command(UPDATE, both))


async def test_a_look_that_is_refused_after_a_step_was_carried_out_promises_nothing(
    server: ODataServer, erp: ODataDriver
) -> None:
    made = await erp.execute(command(CREATE, ORDER))
    stream = writable_stream(update={**write()["update"], "separately": True})
    seen = Fault(r"GET .*/Lines\(", seconds=0.001)  # the first look, before anything is sent
    server.faults += [seen, Fault(r"GET .*/Lines\(", 403, body=b"no")]
    both = {"key": made.key, "notes": "half", "lineItems": [{"lineNo": 1, "quantity": "7"}]}

    with pytest.raises(SourceBusy, match="a part of the write was carried out"):
        await erp.execute(command(UPDATE, both, stream))
    assert server.rows["Orders"][-1]["Title"] == "half"


async def test_steps_one_by_one_are_all_looked_at_before_the_first_is_sent(
    server: ODataServer, erp: ODataDriver
) -> None:
    made = await erp.execute(command(CREATE, ORDER))
    stream = writable_stream(update={**write()["update"], "separately": True})
    lines = [{"lineNo": 1, "quantity": "7"}, {"lineNo": 9, "quantity": "7"}]

    outcome = await erp.execute(
        command(UPDATE, {"key": made.key, "notes": "half", "lineItems": lines}, stream)
    )

    assert (outcome.status, outcome.messages[0].field) == (OutcomeStatus.FAILED, "lineItems[1].key")
    assert server.rows["Orders"][-1]["Title"] == ORDER["notes"]


LINE_BY_NUMBER: dict[str, Any] = {
    "update": "Lines",
    "for_each": "lineItems",
    "match": {"OrderNo": "key", "Item": "lineItems.materialKey"},
    "set": {"Qty": "lineItems.quantity"},
}


async def test_a_record_without_its_key_is_found_by_what_only_it_has(
    server: ODataServer, erp: ODataDriver
) -> None:
    made = await erp.execute(command(CREATE, ORDER))
    stream = writable_stream(update={"steps": [write()["update"]["steps"][0], LINE_BY_NUMBER]})
    mine = [line for line in server.rows["Lines"] if line["OrderNo"] == made.key]
    change = {"key": made.key, "lineItems": [{"materialKey": mine[0]["Item"], "quantity": "7.5"}]}

    outcome = await erp.execute(command(UPDATE, change, stream))

    assert outcome.status is OutcomeStatus.SUCCEEDED
    changed = [line for line in server.rows["Lines"] if line["OrderNo"] == made.key]
    assert [str(line["Qty"]) for line in changed] == ["7.5", *(str(line["Qty"]) for line in mine[1:])]


@pytest.mark.parametrize(("material", "code"), [("nothing of the kind", "not_found"), (None, "ambiguous")])
async def test_none_and_several_that_match_are_refused_and_nothing_is_changed(
    server: ODataServer, erp: ODataDriver, material: str | None, code: str
) -> None:
    made = await erp.execute(command(CREATE, ORDER))
    mine = [line for line in server.rows["Lines"] if line["OrderNo"] == made.key]
    for line in mine:
        line["Item"] = mine[0]["Item"]
    stream = writable_stream(update={"steps": [write()["update"]["steps"][0], LINE_BY_NUMBER]})
    line = {"materialKey": material or mine[0]["Item"], "quantity": "7.5"}

    outcome = await erp.execute(command(UPDATE, {"key": made.key, "notes": "x", "lineItems": [line]}, stream))

    assert (outcome.status, outcome.messages[0].code) == (OutcomeStatus.FAILED, code)
    assert server.rows["Orders"][-1]["Title"] == ORDER["notes"]


async def test_an_ended_token_is_renewed_and_the_write_sent_once_more(
    server: ODataServer, erp: ODataDriver
) -> None:
    await erp.execute(command(CREATE, ORDER))
    server.tokens.clear()

    assert (await erp.execute(command(CREATE, ORDER))).status is OutcomeStatus.SUCCEEDED


async def test_a_status_is_set_by_a_property_or_by_a_function(server: ODataServer, erp: ODataDriver) -> None:
    made = await erp.execute(command(CREATE, ORDER))

    for status, code in (("approved", "2"), ("rejected", "3")):
        outcome = await erp.execute(command(SET_STATUS, {"key": made.key, "status": status}))
        assert outcome.status is OutcomeStatus.SUCCEEDED
        assert server.rows["Orders"][-1]["Status"] == code


async def test_a_null_empties_a_property_in_an_update_and_what_is_absent_stays(
    server: ODataServer, erp: ODataDriver
) -> None:
    made = await erp.execute(command(CREATE, ORDER))
    await erp.execute(command(UPDATE, {"key": made.key, "notes": None}))

    order = server.rows["Orders"][-1]
    assert (order["Title"], str(order["Amount"])) == (None, "12.50")


@pytest.mark.parametrize("key", ["", "a~b", "nul\0", "' or 1 eq 1 or '", "x" * 300, "4711'/Lines"])
async def test_an_odd_key_names_no_record(server: ODataServer, erp: ODataDriver, key: str) -> None:
    before = json.dumps(server.rows, default=str)
    for kind in (UPDATE, DELETE, SET_STATUS):
        record = {"key": key} | (
            {"notes": "x"} if kind is UPDATE else {"status": "approved"} if kind is SET_STATUS else {}
        )
        outcome = await erp.execute(command(kind, record))
        assert outcome.status is OutcomeStatus.FAILED
    assert json.dumps(server.rows, default=str) == before


async def test_what_would_not_arrive_as_it_is_is_refused(server: ODataServer, erp: ODataDriver) -> None:
    for change, code in (
        ({"totalNetValue": "1e999999"}, "not_exact"),
        ({"totalNetValue": "NaN"}, "not_a_decimal"),
        ({"dueAt": "soon"}, "not_a_moment"),
        ({"notes": "nul\0"}, "not_a_text"),
        ({"vendorKey": "a~b"}, "not_a_key"),
        ({"notWanted": "x"}, "not_writable"),
    ):
        outcome = await erp.execute(command(CREATE, {**ORDER, **change}))
        assert (outcome.status, outcome.messages[0].code) == (OutcomeStatus.FAILED, code)
    assert not [seen for seen in server.seen if seen.method == "POST"]


async def test_steps_one_by_one_that_stop_half_way_are_left_open(
    server: ODataServer, erp: ODataDriver
) -> None:
    steps = [
        {"create": "Orders", "values": {"Vendor": "vendorKey", "Reference": "idempotencyKey"}},
        {"create": "Lines", "for_each": "lineItems", "values": {"OrderNo": "result.OrderNo", "LineNo": "line.number", "Qty": "lineItems.quantity"}},
    ]  # fmt: skip
    stream = writable_stream(
        create={"separately": True, "find": "Reference eq :idempotencyKey", "steps": steps}
    )
    record = {"vendorKey": "V1", "lineItems": [{"quantity": "1"}, {"quantity": "2"}]}
    made = await erp.execute(command(CREATE, record, stream))
    assert made.status is OutcomeStatus.SUCCEEDED
    assert [str(line["Qty"]) for line in server.rows["Lines"] if line["OrderNo"] == made.key] == ["1", "2"]

    server.faults.append(Fault("POST .*/Lines", 400, body=b'{"error":{"code":"1","message":"no"}}'))
    with pytest.raises(SourceBusy, match="a part of the write was carried out"):
        await erp.execute(command(CREATE, record, stream))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"delete": {"steps": [{"delete": "Orders", "where": {"Vendor": "key"}}]}}, "delete.steps[0].where"),
        ({"delete": {"steps": [{"delete": "Orders", "where": {"OrderNo": "key"}, "match": {"Vendor": "key"}}]}}, "delete.steps[0]"),
        ({"delete": {"steps": [{"delete": "Orders", "match": {"Vendr": "key"}}]}}, "delete.steps[0].match.Vendr"),
        ({"delete": {"steps": [{"delete": "Ordrs", "where": {"OrderNo": "key"}}]}}, "delete.steps[0].delete"),
        ({"delete": {"steps": [{"delete": "Orders", "where": {"OrderNo": "notes"}}]}}, "delete.steps[0]"),
        ({"create": {"steps": [{"create": "Orders", "values": {"Vendr": "vendorKey"}}]}}, "create.steps[0].values.Vendr"),
        ({"create": {"steps": [{"create": "Orders", "values": {"Vendor": "key"}}]}}, "create.steps[0]"),
        ({"create": {"find": "Reference eq :idempotencyKey", "steps": [{"create": "Orders", "values": {"Vendor": "vendorKey"}}]}}, "create.find"),
        ({"create": {"find": "Reference eq 'x", "steps": [{"create": "Orders", "values": {"Vendor": "idempotencyKey"}}]}}, "create.find"),
        ({"create": {"steps": [{"create": "Orders", "values": {"Vendor": {"field": "a", "const": 1}}}]}}, "create.steps[0].values.Vendor"),
        ({"create": {"steps": [{"create": "Orders", "values": {"Vendor": "x"}, "lines": {"to_Line": {"for_each": "l", "values": {"Qty": "l.q"}}}}]}}, "create.steps[0].lines.to_Line"),
        ({"set_status": {"statuses": {"a": "1"}, "steps": [{"call": "Nothing", "values": {}}]}}, "set_status.steps[0].call"),
        ({"set_status": {"statuses": {"a": "1"}, "steps": [{"call": "RejectOrder", "values": {"OrderNo": "key"}, "status": "b"}]}}, "set_status.steps[0].status"),
        ({"update": {"steps": [{"create": "Lines", "values": {"Qty": "q"}}]}}, "update"),
        ({"time_zone": "Mars"}, "time_zone"),
        ({"settles_after": "soon"}, "settles_after"),
    ],
)  # fmt: skip
async def test_a_wrong_recipe_is_refused_with_its_place(
    erp: ODataDriver, change: dict[str, Any], place: str
) -> None:
    stream = writable_stream(**change)
    with pytest.raises(DriverError) as caught:
        await erp.operations([stream])
    assert caught.value.where == f"streams.orders.write.{place}"
    steps = [step for step in await erp.check([stream]) if step.name == "writes of orders"]
    assert [step.ok for step in steps] == [False]


async def test_what_cannot_be_looked_up_says_so(erp: ODataDriver) -> None:
    with pytest.raises(BadConfiguration, match="cannot be looked up"):
        await erp.find_effect(command(DELETE, {"key": "1"}))
