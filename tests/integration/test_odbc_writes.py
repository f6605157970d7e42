"""Writes over real ODBC: what is written is what was given, and what the database says is what is told."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from drivers.contract import (
    BadConfiguration,
    OperationKind,
    Outcome,
    OutcomeStatus,
    SourceChanged,
    StreamSpec,
)
from drivers.odbc.driver import OdbcDriver
from tests.integration.odbc_sources import Source
from tests.integration.odbc_write_sources import ORDER, command, order_stream

pytestmark = pytest.mark.integration

LONG = "äß€😀'\\\n?:" * 30_000
_numbers = itertools.count(1)


@pytest.fixture
async def driver(writable_source: Source) -> AsyncIterator[OdbcDriver]:
    made = writable_source.driver()
    yield made
    await made.aclose()


async def write(
    driver: OdbcDriver, stream: StreamSpec, kind: OperationKind, record: dict[str, Any], key: str = ""
) -> Outcome:
    return await driver.execute(command(kind, record, stream, key or f"t-{uuid.uuid4().hex}"))


async def created(driver: OdbcDriver, stream: StreamSpec, **fields: Any) -> str:
    outcome = await write(driver, stream, OperationKind.CREATE, {**ORDER, **fields})
    assert outcome.status is OutcomeStatus.SUCCEEDED, outcome.messages
    return outcome.key


def one(source: Source, query: str, *parameters: str) -> tuple[Any, ...]:
    connection = source.connect()
    try:
        return tuple(connection.execute(query, *parameters).fetchone())
    finally:
        connection.close()


def text_of(source: Source, column: str, key: str) -> Any:
    kind = {"postgres": "text", "mariadb": "char", "sqlite": "text"}[source.kind]
    return one(source, f"select cast({column} as {kind}) from w_orders where id = {int(key)}")[0]


@pytest.mark.parametrize(
    ("field", "value", "column", "expected"),
    [
        ("totalNetValue", "-0.00000000000000000001", "amount", "-0.00000000000000000001"),
        ("totalNetValue", "123456789012345678.12345678901234567891", "amount", "123456789012345678.12345678901234567891"),
        ("totalNetValue", None, "amount", None),
        ("title", "", "title", ""),
        ("title", None, "title", None),
        ("title", "'; drop table w_orders; --", "title", "'; drop table w_orders; --"),
        ("title", ":idempotencyKey ? {d '2026-01-01'}", "title", ":idempotencyKey ? {d '2026-01-01'}"),
        ("title", LONG, "title", LONG),
        ("dueAt", "1492-10-12", "due_date", "1492-10-12"),
        ("dueAt", "9999-12-31T23:59:59Z", "due_date", "9999-12-31"),
    ],
)  # fmt: skip
async def test_a_value_arrives_as_it_was_given(
    writable_source: Source, driver: OdbcDriver, field: str, value: Any, column: str, expected: Any
) -> None:
    stream = order_stream(writable_source.kind)
    by_create = await created(driver, stream, **{field: value})
    by_update = await created(driver, stream)

    outcome = await write(driver, stream, OperationKind.UPDATE, {"key": by_update, field: value})

    assert outcome.status is OutcomeStatus.SUCCEEDED, outcome.messages
    assert text_of(writable_source, column, by_create) == expected
    assert text_of(writable_source, column, by_update) == expected
    for key in (by_create, by_update):  # SQLite's ODBC driver reads no text as long as this one back
        await write(driver, stream, OperationKind.DELETE, {"key": key})


@pytest.mark.parametrize("urgent", [True, False, None])
async def test_booleans_and_moments_of_a_zone_arrive(
    writable_source: Source, driver: OdbcDriver, urgent: bool | None
) -> None:
    kind = writable_source.kind
    stream = order_stream(
        kind,
        {
            "time_zone": "Europe/Berlin",
            "update": {
                "steps": [
                    {
                        "update": "w_orders",
                        "set": {"urgent": "isUrgent", "changed_at": "approvedAt"},
                        "where": {"id": "key"},
                    }
                ]
            },
        },
    )
    key = await created(driver, stream)

    await write(
        driver,
        stream,
        OperationKind.UPDATE,
        {"key": key, "isUrgent": urgent, "approvedAt": "2026-07-01T22:30:00.123456Z"},
    )

    found, stamp = one(writable_source, f"select urgent, changed_at from w_orders where id = {key}")
    assert (found if found is None else bool(found)) is urgent
    moment = "2026-07-01 22:30:00.123456" if kind == "postgres" else "2026-07-02 00:30:00.123456"
    assert str(stamp)[:26] == moment if kind != "sqlite" else str(stamp).startswith(moment[:23])


async def test_an_update_changes_only_what_is_given(writable_source: Source, driver: OdbcDriver) -> None:
    stream = order_stream(writable_source.kind)
    key = await created(driver, stream)

    await write(driver, stream, OperationKind.UPDATE, {"key": key, "title": "Other"})

    assert text_of(writable_source, "title", key) == "Other"
    assert text_of(writable_source, "vendor", key) == "V1"
    assert text_of(writable_source, "due_date", key) == "2026-02-03"
    assert one(writable_source, f"select count(*) from w_lines where order_id = {key}") == (2,)


async def test_lines_that_are_given_replace_those_that_were_there(
    writable_source: Source, driver: OdbcDriver
) -> None:
    stream = order_stream(writable_source.kind)
    key = await created(driver, stream)
    lines = [{"materialKey": "I-9", "quantity": "2"}]

    outcome = await write(driver, stream, OperationKind.UPDATE, {"key": key, "lineItems": lines})

    assert outcome.status is OutcomeStatus.SUCCEEDED, outcome.messages
    assert one(writable_source, f"select count(*), min(item) from w_lines where order_id = {key}") == (
        1,
        "I-9",
    )
    assert text_of(writable_source, "title", key) == "Bolts and nuts"


async def test_lines_are_changed_and_added_by_their_own_key(
    writable_source: Source, driver: OdbcDriver
) -> None:
    values = {"order_id": "key", "item": "lineItems.materialKey", "qty": "lineItems.quantity"}
    steps = [
        {"sql": "select id from w_orders where id = :key", "expect_rows": 1},
        {
            "update": "w_lines",
            "for_each": "lineItems",
            "when": "lineItems.key",
            "set": {"item": "lineItems.materialKey", "qty": "lineItems.quantity"},
            "where": {"line_id": "lineItems.key", "order_id": "key"},
        },
        {"insert": "w_lines", "for_each": "lineItems", "unless": "lineItems.key", "values": values},
    ]
    stream = order_stream(writable_source.kind, {"update": {"steps": steps}})
    key = await created(driver, stream)
    (first,) = one(writable_source, f"select min(line_id) from w_lines where order_id = {key}")
    lines = [{"key": str(first), "quantity": "7.5"}, {"materialKey": "I-3", "quantity": "1"}]

    outcome = await write(driver, stream, OperationKind.UPDATE, {"key": key, "lineItems": lines})

    assert outcome.status is OutcomeStatus.SUCCEEDED, outcome.messages
    assert one(writable_source, f"select count(*) from w_lines where order_id = {key}") == (3,)
    item, quantity = one(writable_source, f"select item, qty from w_lines where line_id = {first}")
    assert (item, float(quantity)) == ("I-1", 7.5)

    wrong = [{"key": "999999", "quantity": "1"}, {"materialKey": "I-4", "quantity": "1"}]
    refused = await write(driver, stream, OperationKind.UPDATE, {"key": key, "lineItems": wrong})

    assert refused.status is OutcomeStatus.FAILED
    assert (refused.messages[0].code, refused.messages[0].field) == ("not_found", "lineItems[0].key")
    assert one(writable_source, f"select count(*) from w_lines where order_id = {key}") == (3,)


async def test_what_a_procedure_or_trigger_raises_is_told_in_its_own_words_and_nothing_is_changed(
    writable_source: Source, driver: OdbcDriver
) -> None:
    stream = order_stream(writable_source.kind)
    before = one(writable_source, "select count(*) from w_orders")

    outcome = await write(driver, stream, OperationKind.CREATE, {**ORDER, "vendorKey": "V-BLOCKED"})

    assert outcome.status is OutcomeStatus.FAILED
    (message,) = outcome.messages
    assert message.text == "Vendor V-BLOCKED is blocked"
    assert message.code == {"postgres": "GW042", "mariadb": "30042", "sqlite": "19"}[writable_source.kind]
    assert one(writable_source, "select count(*) from w_orders") == before


async def test_a_later_step_that_fails_undoes_the_steps_before_it(
    writable_source: Source, driver: OdbcDriver
) -> None:
    stream = order_stream(writable_source.kind)
    counts = "select (select count(*) from w_orders), (select count(*) from w_lines)"
    before = one(writable_source, counts)
    writable_source.run("insert into w_done (command) values ('taken')")
    without_find = {name: value for name, value in stream.write["create"].items() if name != "find"}
    stream = order_stream(writable_source.kind, {"create": without_find})

    outcome = await write(driver, stream, OperationKind.CREATE, dict(ORDER), key="taken")

    assert outcome.status is OutcomeStatus.FAILED
    assert one(writable_source, counts) == before


async def test_a_procedure_that_fails_behind_its_first_rows_changes_nothing(
    writable_source: Source, driver: OdbcDriver
) -> None:
    if writable_source.kind != "mariadb":
        pytest.skip("only MariaDB's procedures answer with rows before they fail")
    steps = [{"call": "w_late(:idempotencyKey)", "returns": ["id", "no"]}]
    stream = order_stream("mariadb", {"create": {"steps": steps}, "types": {}, "update": None})

    outcome = await write(driver, stream, OperationKind.CREATE, {}, key="late-1")

    assert (outcome.status, outcome.messages[0].text) == (OutcomeStatus.FAILED, "too late")
    assert one(writable_source, "select count(*) from w_orders where ref = 'late-1'") == (0,)


async def test_values_come_back_from_a_procedures_output_parameters(
    writable_source: Source, driver: OdbcDriver
) -> None:
    if writable_source.kind != "postgres":
        pytest.skip("only PostgreSQL answers a CALL with its INOUT parameters as a row")
    call = "w_place_inout(:vendorKey, :title, :totalNetValue, :dueAt, :idempotencyKey, null, null)"
    stream = order_stream(
        "postgres",
        {
            "create": {"steps": [{"call": call, "returns": ["id", "no"]}], "reference": "result.no"},
            "types": {"totalNetValue": "decimal", "dueAt": "date"},
        },
    )
    record = {name: value for name, value in ORDER.items() if name != "lineItems"}

    outcome = await write(driver, stream, OperationKind.CREATE, record)

    assert outcome.status is OutcomeStatus.SUCCEEDED, outcome.messages
    assert outcome.reference == f"PO-{outcome.key}"
    assert text_of(writable_source, "amount", outcome.key) == "12.50000000000000000000"


@pytest.mark.parametrize("key", ["999999999", "no number", "1~2", "", "1; drop table w_orders"])
async def test_a_key_that_is_nobodys_changes_nothing(
    writable_source: Source, driver: OdbcDriver, key: str
) -> None:
    stream = order_stream(writable_source.kind)
    for kind, record in (
        (OperationKind.UPDATE, {"title": "x"}),
        (OperationKind.UPDATE, {"lineItems": [{"materialKey": "I", "quantity": "1"}]}),
        (OperationKind.SET_STATUS, {"status": "approved"}),
        (OperationKind.DELETE, {}),
    ):
        outcome = await write(driver, stream, kind, {"key": key, **record})
        assert outcome.status is OutcomeStatus.FAILED
        assert outcome.messages[0].field == "key"


async def test_a_guard_says_why_in_the_words_of_the_connection_file(
    writable_source: Source, driver: OdbcDriver
) -> None:
    stream = order_stream(writable_source.kind)
    key = await created(driver, stream)
    writable_source.run(f"update w_orders set status = '4' where id = {key}")

    outcome = await write(driver, stream, OperationKind.SET_STATUS, {"key": key, "status": "approved"})

    (message,) = outcome.messages
    assert (outcome.status, message.code, message.text) == (
        OutcomeStatus.FAILED,
        "closed",
        "the order is closed",
    )
    assert text_of(writable_source, "status", key) == "4"


async def test_an_amount_finer_than_its_column_is_refused_and_not_rounded(
    writable_source: Source, driver: OdbcDriver
) -> None:
    if writable_source.kind == "sqlite":
        pytest.skip("SQLite declares no digits")
    stream = order_stream(writable_source.kind)
    key = await created(driver, stream)

    outcome = await write(
        driver, stream, OperationKind.UPDATE, {"key": key, "totalNetValue": "0.000000000000000000001"}
    )

    (message,) = outcome.messages
    assert (message.code, message.field) == ("not_exact", "totalNetValue")
    assert text_of(writable_source, "amount", key).startswith("12.5")


EXACT = {
    "postgres": (
        ("money", "1.50", "1.005"),
        ("real", "0.123456", "0.12345678"),
        ("numeric", "1.123456789012345678901234567890", None),
        ("w_amount", "1.01", "1.005"),
    ),
    "mariadb": (
        ("float", "0.5", "0.12345678"),
        ("double", "0.123456789012345", "0.12345678901234567"),
        ("decimal(65,30)", "1.123456789012345678901234567891", None),
        ("datetime", "2026-01-31 10:00:00", "2026-01-31T10:00:00.5Z"),
    ),
    "sqlite": (
        ("decimal(12,2)", "0.5", "0.12345678901234567"),
        ("numeric", "0.5", "12345678901234567890.12"),
        ("text", "12345678901234567890.12", None),
    ),
}


async def test_a_column_never_gets_what_it_would_not_keep(
    writable_source: Source, driver: OdbcDriver
) -> None:
    if writable_source.kind == "postgres":
        writable_source.run("create domain w_amount as numeric(12,2)")
    for number, (declared, kept, refused) in enumerate(EXACT[writable_source.kind]):
        table = f"w_exact_{number}"
        writable_source.run(f"create table {table} (ref varchar(64) primary key, v {declared})")
        step = {"insert": table, "values": {"ref": "idempotencyKey", "v": "totalNetValue"}}
        table_of = {"create": {"steps": [step], "key": ["idempotencyKey"]}}
        stream = StreamSpec(
            "exact", "purchase_order", {"query": f"select ref from {table}", "key": ["ref"]}, write=table_of
        )

        done = await write(driver, stream, OperationKind.CREATE, {"totalNetValue": kept}, "kept")

        assert done.status is OutcomeStatus.SUCCEEDED, (declared, done.messages)
        (held,) = one(writable_source, f"select v from {table}")
        assert str(held).removeprefix("$").rstrip("0").rstrip(".") == kept.rstrip("0").rstrip("."), declared
        if refused is not None:
            fails = await write(driver, stream, OperationKind.CREATE, {"totalNetValue": refused}, "refused")
            assert [message.code for message in fails.messages] == ["not_exact"], declared
            assert one(writable_source, f"select count(*) from {table}") == (1,)


async def test_a_missing_column_or_table_is_a_change_of_the_source_with_its_place(
    writable_source: Source, driver: OdbcDriver
) -> None:
    step = {"update": "w_orders", "set": {"titel": "title"}, "where": {"id": "key"}}
    stream = order_stream(writable_source.kind, {"update": {"steps": [step]}})
    key = await created(driver, order_stream(writable_source.kind))

    with pytest.raises(SourceChanged) as caught:
        await write(driver, stream, OperationKind.UPDATE, {"key": key, "title": "x"})

    assert "titel" in caught.value.message
    assert "title" in caught.value.hint
    assert caught.value.where == "streams.orders.write.update.steps[0]"


async def test_check_names_the_step_that_the_database_does_not_understand(
    writable_source: Source, driver: OdbcDriver
) -> None:
    steps = [{"sql": "update w_orders set title = :title whre id = :key", "expect_rows": 1, "when": "title"}]
    guard = {"sql": "select id from w_orders where id = :key", "expect_rows": 1}
    stream = order_stream(writable_source.kind, {"update": {"steps": [guard, *steps]}})

    good = await driver.check([order_stream(writable_source.kind)])
    bad = await driver.check([stream])

    assert [(step.name, step.ok) for step in good if step.stream] == [
        ("stream orders", True),
        ("writes of orders", True),
    ]
    (step,) = [step for step in bad if not step.ok]
    assert step.detail.startswith("streams.orders.write.update.steps[1].sql")


async def test_check_notices_a_procedure_that_is_not_there(
    writable_source: Source, driver: OdbcDriver
) -> None:
    if writable_source.kind == "sqlite":
        pytest.skip("SQLite has no procedures")
    stream = order_stream(
        writable_source.kind,
        {"create": {"steps": [{"call": "w_plaice(:idempotencyKey)", "returns": ["id"]}]}, "types": {}},
    )

    (step,) = [step for step in await driver.check([stream]) if not step.ok]

    assert "w_plaice" in step.detail
    assert one(writable_source, "select count(*) from w_orders where ref = 'check'") == (0,)


async def test_check_writes_nothing(writable_source: Source, driver: OdbcDriver) -> None:
    counts = "select (select count(*) from w_orders), (select count(*) from w_lines), (select count(*) from w_done)"
    before = one(writable_source, counts)

    await driver.check([order_stream(writable_source.kind)])

    assert one(writable_source, counts) == before


async def test_a_mistake_in_the_recipe_is_refused_before_anything_is_sent(
    writable_source: Source, driver: OdbcDriver
) -> None:
    stream = order_stream(writable_source.kind, {"delete": {"steps": [{"sql": "delete from w_orders"}]}})

    with pytest.raises(BadConfiguration) as caught:
        await driver.operations([stream])

    assert caught.value.where == "streams.orders.write.delete"


async def test_a_repeat_has_no_second_effect_even_when_the_two_race(
    writable_source: Source, driver: OdbcDriver
) -> None:
    stream = order_stream(writable_source.kind)
    other = writable_source.driver()
    key = f"race-{next(_numbers)}-{uuid.uuid4().hex}"
    wanted = command(OperationKind.CREATE, ORDER, stream, key)

    outcomes = await asyncio.gather(*(each.execute(wanted) for each in (driver, other)))
    await other.aclose()

    assert OutcomeStatus.SUCCEEDED in {outcome.status for outcome in outcomes}
    assert len({outcome.key for outcome in outcomes if outcome.status is OutcomeStatus.SUCCEEDED}) == 1
    assert one(writable_source, f"select count(*) from w_done where command = '{key}'") == (1,)


async def test_many_writers_at_once_lose_no_write(writable_source: Source) -> None:
    stream = order_stream(writable_source.kind)
    drivers = [writable_source.driver() for _ in range(4)]
    before = one(writable_source, "select count(*) from w_orders")[0]

    async def some(driver: OdbcDriver) -> list[Outcome]:
        return [await write(driver, stream, OperationKind.CREATE, dict(ORDER)) for _ in range(5)]

    outcomes = [outcome for found in await asyncio.gather(*map(some, drivers)) for outcome in found]
    for driver in drivers:
        await driver.aclose()

    succeeded = [outcome for outcome in outcomes if outcome.status is OutcomeStatus.SUCCEEDED]
    assert {outcome.status for outcome in outcomes} <= {OutcomeStatus.SUCCEEDED, OutcomeStatus.FAILED}
    assert one(writable_source, "select count(*) from w_orders")[0] - before == len(succeeded)
    assert len({outcome.key for outcome in succeeded}) == len(succeeded)
    if writable_source.kind != "sqlite":  # where one writer at a time may write
        assert len(succeeded) == len(outcomes)


async def test_columns_are_said_in_the_databases_own_words(
    writable_source: Source, driver: OdbcDriver
) -> None:
    found = {column.name: column.type for column in await driver.columns(order_stream(writable_source.kind))}

    assert {"id", "title", "amount", "lines.qty", "lines.item"} <= set(found)
    if writable_source.kind == "postgres":
        assert (found["amount"], found["urgent"]) == ("numeric", "boolean")
        assert found["changed_at"] == "timestamp with time zone"
    else:
        assert found["id"] == "integer"
